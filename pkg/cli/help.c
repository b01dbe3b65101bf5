/* --help: what a person reads about one command, 80 columns wide. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/doc.h"

enum { WIDTH = 80, COLUMN_MAX = 32 };

char *cli_arg(const struct cli_opt *o)
{
	struct buf b = BUF_INIT;

	if (o->type == CLI_CHOICE)
		for (int i = 0; o->choices[i]; i++)
			buf_printf(&b, "%s%s", i ? "|" : "", o->choices[i]);
	else
		buf_puts(&b, o->arg ? o->arg : "");
	return buf_detach(&b);
}

/* Words of text from a column on; continuation lines are indented that far. */
static void wrap(const char *text, size_t indent, FILE *out)
{
	size_t column = indent;

	while (*text) {
		size_t len = strcspn(text, " \n"), gap = column > indent;

		if (gap && column + gap + len > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			gap = 0;
		}
		fprintf(out, "%s%.*s", gap ? " " : "", (int)len, text);
		column += gap + len;
		text += len;
		for (; *text == ' ' || *text == '\n'; text++)
			if (text[0] == '\n' && text[1] == '\n') {
				fprintf(out, "\n\n%*s", (int)indent, "");
				column = indent;
			}
	}
	fputc('\n', out);
}

static void row(const char *left, size_t column, const char *right, FILE *out)
{
	fprintf(out, "  %-*s", (int)column - 2, left);
	if (strlen(left) + 4 > column)
		fprintf(out, "\n%*s", (int)column, "");
	wrap(right, column, out);
}

/* "-o, --output=text|json" */
static char *option(const struct cli_opt *o)
{
	auto_free char *arg = cli_arg(o);
	struct buf b = BUF_INIT;

	if (o->short_name)
		buf_printf(&b, "-%c, ", o->short_name);
	buf_printf(&b, "%s--%s%s%s", o->short_name ? "" : "    ", o->long_name, *arg ? "=" : "", arg);
	return buf_detach(&b);
}

static size_t widest_option(const struct cli_opt *o, size_t column)
{
	for (; o && o->type; o++) {
		auto_free char *left = option(o);
		size_t len = strlen(left) + 4;

		if (len > column && len <= COLUMN_MAX)
			column = len;
	}
	return column;
}

static void options(const char *title, const struct cli_opt *o, size_t column, FILE *out)
{
	if (!o || !o->type)
		return;
	fprintf(out, "\n%s:\n", title);
	for (; o->type; o++) {
		auto_free char *left = option(o);

		row(left, column, o->help, out);
	}
}

static const char *heading(const struct cli_cmd *c)
{
	return c->group ? c->group : "Commands";
}

/* Is it the first of its group that shows? */
static bool opens_group(const struct cli_cmd *parent, const struct cli_cmd *c)
{
	for (const struct cli_cmd *const *s = parent->subs; *s != c; s++)
		if (!(*s)->hidden && !strcmp(heading(*s), heading(c)))
			return false;
	return !c->hidden;
}

static void commands(const struct cli_cmd *cmd, FILE *out)
{
	size_t column = 0;

	for (const struct cli_cmd *const *s = cmd->subs; s && *s; s++)
		if (!(*s)->hidden && strlen((*s)->name) + 4 > column)
			column = strlen((*s)->name) + 4;
	for (const struct cli_cmd *const *first = cmd->subs; first && *first; first++) {
		if (!opens_group(cmd, *first))
			continue;
		fprintf(out, "\n%s:\n", heading(*first));
		for (const struct cli_cmd *const *s = first; *s; s++)
			if (!(*s)->hidden && !strcmp(heading(*s), heading(*first)))
				row((*s)->name, column, (*s)->summary, out);
	}
}

char *cli_sentence(const char *summary)
{
	struct buf b = BUF_INIT;
	size_t word = strcspn(summary, " ,");

	buf_printf(&b, "%s.", summary);
	if (b.data[0] >= 'a' && b.data[0] <= 'z' && !memchr(summary, '.', word))
		b.data[0] = (char)(b.data[0] - 'a' + 'A');
	return buf_detach(&b);
}

static void examples(const char *text, FILE *out)
{
	fputs("\nExamples:\n", out);
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(out, "  %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

void cli_help(const struct cli_cmd *cmd, const char *path, FILE *out)
{
	static const struct cli_opt help[] = {
		{ CLI_FLAG, 'h', "help", NULL, "print this help", 0, NULL }, OPT_END,
	};
	auto_free char *sentence = cli_sentence(cmd->summary);
	size_t column = widest_option(cmd->opts, widest_option(cmd->common, widest_option(help, 0)));

	fprintf(out, "Usage: %s %s%s%s\n\n", path, cmd->subs ? "COMMAND" : "[OPTION...]",
		cmd->operands ? " " : "", cmd->operands ? cmd->operands : "");
	wrap(sentence, 0, out);
	if (cmd->description) {
		fputc('\n', out);
		wrap(cmd->description, 0, out);
	}
	commands(cmd, out);
	options("Options", cmd->opts, column, out);
	options("Common options", cmd->common, column, out);
	if (!cmd->common || !cmd->common->type)
		fputs(cmd->opts && cmd->opts->type ? "" : "\nOptions:\n", out);
	row("-h, --help", column, help->help, out);
	if (cmd->examples)
		examples(cmd->examples, out);
	if (cmd->subs)
		fprintf(out, "\n'%s COMMAND --help' says more about a command.\n", path);
}
