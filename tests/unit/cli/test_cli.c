#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"

/* `tool [group] verb` with every type of option; verb writes down what it was given. */
struct opts {
	const char *config; /* common */
	bool force;
	const char *name;
	int port, output;
	struct strs labels;
};

static const char *const outputs[] = { "text", "json", NULL };

static const struct cli_opt common[] = {
	OPT_STR(struct opts, config, 'c', "config", "FILE", "the cluster's file"),
	OPT_END,
};

static const struct cli_opt options[] = {
	OPT_FLAG(struct opts, force, 'f', "force", "do it anyway"),
	OPT_STR(struct opts, name, 0, "name", "NODE", "whose"),
	OPT_INT(struct opts, port, 'p', "port", "N", "where"),
	OPT_CHOICE(struct opts, output, 'o', "output", outputs, "in which form"),
	OPT_STRS(struct opts, labels, 'l', "label", "KEY=VALUE", "one more label"),
	OPT_END,
};

static struct buf seen;

static int verb(const void *data, char **operands, struct err *err)
{
	const struct opts *o = data;
	auto_free char *labels = strs_join(&o->labels, ",");

	(void)err;
	buf_printf(&seen, "config=%s force=%d name=%s port=%d output=%d labels=[%s]:",
		   o->config ? o->config : "-", o->force, o->name ? o->name : "-", o->port, o->output,
		   labels);
	for (; *operands; operands++)
		buf_printf(&seen, " %s", *operands);
	return 0;
}

static const struct opts defaults = { .port = 22 };
static const struct cli_cmd cmd_verb = {
	.name = "verb", .summary = "do something", .operands = "[NODE...]", .max_operands = 3,
	.opts = options, .common = common, .opts_size = sizeof(struct opts), .defaults = &defaults,
	.examples = "tool group verb", .run = verb,
};
static const struct cli_cmd cmd_exec = {
	.name = "exec", .summary = "run something", .operands = "NODE... -- COMMAND", .max_operands = -1,
	.keeps_dashes = true, .opts = options, .common = common, .opts_size = sizeof(struct opts),
	.run = verb,
};
static const struct cli_cmd cmd_secret = { .name = "verbose", .summary = "x", .hidden = true,
	.opts = options, .opts_size = sizeof(struct opts), .run = verb,
};
static const struct cli_cmd *const group_subs[] = { &cmd_verb, &cmd_exec, &cmd_secret, NULL };
static const struct cli_cmd cmd_group = {
	.name = "group", .summary = "a group", .group = "Things", .common = common, .subs = group_subs,
};
static const struct cli_cmd *const subs[] = { &cmd_group, &cmd_exec, NULL };
static const struct cli_cmd tool = { .name = "tool", .summary = "a tool", .common = common, .subs = subs };

/* Words apart by spaces. */
static int run(const char *line, struct err *err)
{
	auto_free char *text = strdup(line);
	char *argv[32] = { NULL };
	int argc = 0;

	for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	buf_clear(&seen);
	return cli_run(&tool, argc, argv, err);
}

static void gives(const char *line, const char *want)
{
	auto_err struct err err = ERR_INIT;

	if (run(line, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(buf_str(&seen), want);
}

static void refused(const char *line, const char *want)
{
	auto_err struct err err = ERR_INIT;

	assert_int_equal(run(line, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_string_equal(err.msg, want);
	assert_int_equal(seen.len, 0);
}

static void options_may_stand_anywhere(void **state)
{
	(void)state;
	gives("tool group verb", "config=- force=0 name=- port=22 output=0 labels=[]:");
	gives("tool group verb a -f b --port=1 c",
	      "config=- force=1 name=- port=1 output=0 labels=[]: a b c");
	gives("tool -c x group --config=y verb a", "config=y force=0 name=- port=22 output=0 labels=[]: a");
	gives("tool group verb -fojson -p7", "config=- force=1 name=- port=7 output=1 labels=[]:");
}

static void lists_grow_and_the_last_of_others_counts(void **state)
{
	(void)state;
	gives("tool group verb -l a=1 --label b=2 --name x --name=y",
	      "config=- force=0 name=y port=22 output=0 labels=[a=1,b=2]:");
}

static void long_options_may_be_shortened(void **state)
{
	(void)state;
	gives("tool group verb --out json --fo", "config=- force=1 name=- port=22 output=1 labels=[]:");
}

static void dashes_end_the_options(void **state)
{
	(void)state;
	gives("tool group verb -- -f --port", "config=- force=0 name=- port=22 output=0 labels=[]: -f --port");
	gives("tool exec m1 -f -- ls -l --", "config=- force=1 name=- port=0 output=0 labels=[]: m1 -- ls -l --");
	gives("tool group verb -", "config=- force=0 name=- port=22 output=0 labels=[]: -");
}

static void wrong_options_are_named(void **state)
{
	(void)state;
	refused("tool group verb --forse", "verb: unknown option '--forse': did you mean '--force'?");
	refused("tool group verb --xyz=1", "verb: unknown option '--xyz'");
	refused("tool group verb -x", "verb: unknown option '-x'");
	refused("tool group verb --force=yes", "--force takes no value");
	refused("tool group verb --name", "--name needs a value: NODE");
	refused("tool group verb -l", "--label needs a value: KEY=VALUE");
	refused("tool group verb -p 12x", "--port: '12x' is not a number");
	refused("tool group verb -p 99999999999", "--port: '99999999999' is not a number");
	refused("tool group verb -o xml", "--output must be text or json, not 'xml'");
	refused("tool -f group verb", "tool: unknown option '-f'");
}

static void wrong_commands_and_operands_are_named(void **state)
{
	(void)state;
	refused("tool", "tool: a command is needed: 'tool --help' lists them");
	refused("tool group", "group: a command is needed: 'tool group --help' lists them");
	refused("tool gruop", "unknown command 'gruop': did you mean 'group'?");
	refused("tool group nonsense", "unknown command 'nonsense': 'tool group --help' lists all");
	refused("tool help group nonsense", "unknown command 'nonsense': 'tool group --help' lists all");
	refused("tool group verb a b c d", "verb: expected [NODE...]");
}

/* What cli_document prints; caller frees. */
static char *document(const struct cli_cmd *cmd, enum cli_doc as)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	cli_document(cmd, as, out);
	fclose(out);
	return text;
}

static void help_shows_a_commands_options_apart_from_the_common_ones(void **state)
{
	auto_free char *help = document(&cmd_verb, CLI_DOC_HELP);

	(void)state;
	assert_string_equal(help, "Usage: verb [OPTION...] [NODE...]\n"
				  "\n"
				  "Do something.\n"
				  "\n"
				  "Options:\n"
				  "  -f, --force             do it anyway\n"
				  "      --name=NODE         whose\n"
				  "  -p, --port=N            where\n"
				  "  -o, --output=text|json  in which form\n"
				  "  -l, --label=KEY=VALUE   one more label\n"
				  "\n"
				  "Common options:\n"
				  "  -c, --config=FILE       the cluster's file\n"
				  "  -h, --help              print this help\n"
				  "\n"
				  "Examples:\n"
				  "  tool group verb\n");
}

static void hidden_commands_run_but_do_not_show(void **state)
{
	auto_free char *help = document(&cmd_group, CLI_DOC_HELP);
	auto_free char *man = document(&tool, CLI_DOC_MAN), *bash = document(&tool, CLI_DOC_BASH);

	(void)state;
	gives("tool group verbose", "config=- force=0 name=- port=0 output=0 labels=[]:");
	assert_non_null(strstr(help, "  verb  do something\n"));
	assert_null(strstr(help, "verbose"));
	assert_null(strstr(man, "verbose"));
	assert_null(strstr(bash, "verbose"));
}

static void the_name_of_a_file_keeps_its_small_letter(void **state)
{
	static const struct cli_cmd file = { .name = "file", .summary = "tool.yaml, and more", .run = verb };
	auto_free char *help = document(&file, CLI_DOC_HELP);

	(void)state;
	assert_non_null(strstr(help, "\ntool.yaml, and more.\n"));
}

static void the_manual_escapes_what_roff_would_take_for_its_own(void **state)
{
	static const struct cli_cmd odd = { .name = "odd", .summary = ".x \\ - 'y'", .run = verb };
	auto_free char *man = document(&odd, CLI_DOC_MAN);

	(void)state;
	assert_non_null(strstr(man, "\\&.x \\e \\- \\(aqy\\(aq.\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(lists_grow_and_the_last_of_others_counts),
		cmocka_unit_test(long_options_may_be_shortened),
		cmocka_unit_test(dashes_end_the_options),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(wrong_commands_and_operands_are_named),
		cmocka_unit_test(help_shows_a_commands_options_apart_from_the_common_ones),
		cmocka_unit_test(hidden_commands_run_but_do_not_show),
		cmocka_unit_test(the_name_of_a_file_keeps_its_small_letter),
		cmocka_unit_test(the_manual_escapes_what_roff_would_take_for_its_own),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_release(&seen);
	return failed;
}
