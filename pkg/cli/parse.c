#define _GNU_SOURCE
#include "cli/parse.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/near.h"

enum { LONG = 256 }; /* getopt's value of the first long option; the help option is the last */

static size_t count(const struct cli_opt *o)
{
	size_t n = 0;

	while (o && o[n].type)
		n++;
	return n;
}

static const struct cli_opt *nth(const struct cli_cmd *cmd, size_t i)
{
	size_t own = count(cmd->opts);

	return i < own ? &cmd->opts[i] : i < own + count(cmd->common) ? &cmd->common[i - own] : NULL;
}

/* The tables that getopt_long takes; operands come in order whatever the environment says. */
struct tables {
	struct option *longs;
	struct buf shorts;
	size_t n;
};

static void make_tables(const struct cli_cmd *cmd, const char *mode, struct tables *t)
{
	const struct cli_opt *o;

	*t = (struct tables){ .n = count(cmd->opts) + count(cmd->common) };
	t->longs = calloc(t->n + 2, sizeof(*t->longs));
	if (!t->longs)
		abort();
	buf_printf(&t->shorts, "%s:h", mode);
	for (size_t i = 0; (o = nth(cmd, i)); i++) {
		t->longs[i] = (struct option){ o->long_name, o->arg ? required_argument : no_argument,
					       NULL, LONG + (int)i };
		if (o->short_name)
			buf_printf(&t->shorts, "%c%s", o->short_name, o->arg ? ":" : "");
	}
	t->longs[t->n] = (struct option){ "help", no_argument, NULL, 'h' };
	optind = 0; /* glibc: start over */
	opterr = 0;
}

static void free_tables(struct tables *t)
{
	free(t->longs);
	buf_release(&t->shorts);
}

static const struct cli_opt *find(const struct cli_cmd *cmd, int value)
{
	const struct cli_opt *o;

	if (value >= LONG)
		return nth(cmd, (size_t)(value - LONG));
	for (size_t i = 0; (o = nth(cmd, i)); i++)
		if (o->short_name == value)
			return o;
	return NULL;
}

/* word is the whole option as it was given, with dashes and perhaps a value. */
static int unknown(const struct cli_cmd *cmd, const char *word, struct err *err)
{
	auto_strs struct strs names = STRS_INIT;
	auto_free char *name = strndup(word, strcspn(word, "="));
	const struct cli_opt *o;
	const char *meant;
	int begun = 0;

	if (!name)
		abort();
	for (size_t i = 0; (o = nth(cmd, i)); i++) {
		strs_printf(&names, "--%s", o->long_name);
		begun += !strncmp(names.v[i], name, strlen(name));
	}
	strs_add(&names, "--help");
	if (begun > 1)
		return err_set(err, ERR_USAGE, "%s: '%s' is the beginning of several options: write it out",
			       cmd->name, name);
	meant = near_match(name, (const char *const *)names.v);
	return meant ? err_set(err, ERR_USAGE, "%s: unknown option '%s': did you mean '%s'?", cmd->name,
			       name, meant) :
		       err_set(err, ERR_USAGE, "%s: unknown option '%s'", cmd->name, name);
}

/* getopt has returned '?' or ':' for the word before optind. */
static int refuse(const struct cli_cmd *cmd, int c, char **argv, struct err *err)
{
	const struct cli_opt *o = optopt ? find(cmd, optopt) : NULL;
	auto_free char *arg = NULL;

	if (c == ':' && o)
		return err_set(err, ERR_USAGE, "--%s needs a value%s%s", o->long_name, *o->arg ? ": " : "",
			       o->arg);
	if (o || optopt == 'h')
		return err_set(err, ERR_USAGE, "--%s takes no value", o ? o->long_name : "help");
	if (optopt)
		return err_set(err, ERR_USAGE, "%s: unknown option '-%c'", cmd->name, optopt);
	return unknown(cmd, argv[optind - 1], err);
}

static int store_int(const struct cli_opt *o, int *field, const char *arg, struct err *err)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (errno || end == arg || *end || n < INT_MIN || n > INT_MAX)
		return err_set(err, ERR_USAGE, "--%s: '%s' is not a number", o->long_name, arg);
	*field = (int)n;
	return 0;
}

static int store_choice(const struct cli_opt *o, int *field, const char *arg, struct err *err)
{
	auto_strs struct strs all = STRS_INIT;
	auto_free char *words = NULL;

	for (int i = 0; o->choices[i]; i++) {
		if (!strcmp(o->choices[i], arg)) {
			*field = i;
			return 0;
		}
		strs_add(&all, o->choices[i]);
	}
	words = strs_join(&all, " or ");
	return err_set(err, ERR_USAGE, "--%s must be %s, not '%s'", o->long_name, words, arg);
}

static int store(const struct cli_opt *o, void *opts, const char *arg, struct err *err)
{
	void *field = (char *)opts + o->offset;

	switch (o->type) {
	case CLI_FLAG:
		*(bool *)field = true;
		return 0;
	case CLI_STR:
		*(const char **)field = arg;
		return 0;
	case CLI_INT:
		return store_int(o, field, arg, err);
	case CLI_STRS:
		strs_add(field, arg);
		return 0;
	case CLI_CHOICE:
		return store_choice(o, field, arg, err);
	case CLI_END:
		break;
	}
	abort();
}

/* The words up to --, of which argv[0] is a program's name for getopt's sake. */
static int parse_words(const struct cli_cmd *cmd, int argc, char **argv, struct cli_parsed *out,
		       struct err *err)
{
	struct tables t;
	int c, rc = 0;

	make_tables(cmd, "-", &t);
	while (!rc && !out->help && (c = getopt_long(argc, argv, buf_str(&t.shorts), t.longs, NULL)) != -1) {
		if (c == 1)
			out->operands[out->noperands++] = optarg;
		else if (c == 'h')
			out->help = true;
		else if (c == '?' || c == ':')
			rc = refuse(cmd, c, argv, err);
		else
			rc = store(find(cmd, c), out->opts, optarg, err);
	}
	free_tables(&t);
	return rc;
}

int cli_parse(const struct cli_cmd *cmd, int argc, char **argv, struct cli_parsed *out, struct err *err)
{
	size_t size = cmd->opts_size ? cmd->opts_size : 1;
	auto_free char **words = calloc((size_t)argc + 2, sizeof(*words));
	int n = 0;

	*out = (struct cli_parsed){ .opts = calloc(1, size),
				    .operands = calloc((size_t)argc + 1, sizeof(*out->operands)) };
	if (!words || !out->opts || !out->operands)
		abort();
	if (cmd->defaults)
		memcpy(out->opts, cmd->defaults, cmd->opts_size);
	for (; n < argc && strcmp(argv[n], "--"); n++)
		words[n + 1] = argv[n];
	words[0] = (char *)cmd->name;
	if (parse_words(cmd, n + 1, words, out, err) < 0)
		return -1;
	for (n += n < argc && !cmd->keeps_dashes; n < argc && !out->help; n++)
		out->operands[out->noperands++] = argv[n];
	return 0;
}

void cli_parsed_release(const struct cli_cmd *cmd, struct cli_parsed *p)
{
	const struct cli_opt *o;

	for (size_t i = 0; (o = nth(cmd, i)); i++)
		if (o->type == CLI_STRS)
			strs_release((struct strs *)((char *)p->opts + o->offset));
	free(p->opts);
	free(p->operands);
}

int cli_leading_options(const struct cli_cmd *group, int argc, char **argv, bool *help, int *n,
			struct err *err)
{
	auto_free char **words = calloc((size_t)argc + 2, sizeof(*words));
	struct tables t;
	int c, rc = 0;

	if (!words)
		abort();
	memcpy(words + 1, argv, (size_t)argc * sizeof(*argv));
	words[0] = (char *)group->name;
	make_tables(group, "+", &t);
	while (!rc && !*help &&
	       (c = getopt_long(argc + 1, words, buf_str(&t.shorts), t.longs, NULL)) != -1) {
		if (c == 'h')
			*help = true;
		else if (c == '?' || c == ':')
			rc = refuse(group, c, words, err);
	}
	*n = optind - 1;
	free_tables(&t);
	return rc;
}
