/* The manual page's part about commands, in roff. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/doc.h"

/* Text as it is: nothing in it is an instruction to roff.  Blank lines part paragraphs. */
static void text(const char *s, FILE *out)
{
	bool line_start = true;

	for (; *s; s++) {
		if (s[0] == '\n' && s[1] == '\n') {
			fputs("\n.PP\n", out);
			s++;
			line_start = true;
			continue;
		}
		if (line_start && (*s == '.' || *s == '\''))
			fputs("\\&", out);
		line_start = *s == '\n';
		if (*s == '\\')
			fputs("\\e", out);
		else if (*s == '-')
			fputs("\\-", out);
		else if (*s == '\'' || *s == '`')
			fputs(*s == '\'' ? "\\(aq" : "\\(ga", out);
		else
			fputc(*s, out);
	}
}

static void sentence(const char *summary, FILE *out)
{
	auto_free char *s = cli_sentence(summary);

	text(s, out);
	fputc('\n', out);
}

static void options(const struct cli_opt *o, FILE *out)
{
	for (; o && o->type; o++) {
		auto_free char *arg = cli_arg(o);

		fputs(".TP\n", out);
		if (o->short_name)
			fprintf(out, "\\fB\\-%c\\fP, ", o->short_name);
		fputs("\\fB\\-\\-", out);
		text(o->long_name, out);
		fputs(*arg ? "\\fP=\\fI" : "", out);
		text(arg, out);
		fputs("\\fP\n", out);
		sentence(o->help, out);
	}
}

static void examples(const char *s, FILE *out)
{
	fputs(".PP\n.RS 4\n.nf\n", out);
	text(s, out);
	fputs(s[0] && s[strlen(s) - 1] == '\n' ? "" : "\n", out);
	fputs(".fi\n.RE\n", out);
}

static void command(const struct cli_cmd *c, const char *path, FILE *out)
{
	fputs(".SS \"", out);
	text(path, out);
	fputs(" \\fR", out);
	text(c->operands ? c->operands : "", out);
	fputs("\\fP\"\n", out);
	sentence(c->summary, out);
	if (c->description) {
		fputs(".PP\n", out);
		text(c->description, out);
		fputc('\n', out);
	}
	options(c->opts, out);
	if (c->examples)
		examples(c->examples, out);
}

static void below(const struct cli_cmd *c, const char *path, FILE *out)
{
	if (c->hidden)
		return;
	if (c->run)
		command(c, path, out);
	for (const struct cli_cmd *const *s = c->subs; s && *s; s++) {
		auto_free char *sub = NULL;

		if (asprintf(&sub, "%s %s", path, (*s)->name) < 0)
			abort();
		below(*s, sub, out);
	}
}

void cli_man(const struct cli_cmd *cmd, const char *path, FILE *out)
{
	below(cmd, path, out);
	if (cmd->common && cmd->common->type) {
		fputs(".SS \"Common options\"\nThey may also stand in front of the command's name.\n", out);
		options(cmd->common, out);
	}
}
