/* The bash completion script: what may follow each command, and what each option's value is. */
#define _GNU_SOURCE
#include <ctype.h>
#include <string.h>

#include "cli/doc.h"

static const char head[] =
	"# bash completion for %1$s, made from its tables of commands and options.\n"
	"\n"
	"_%1$s_nodes() {\n"
	"\tlocal i config=()\n"
	"\tfor ((i = 1; i < ${#COMP_WORDS[@]}; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t--config | -c)\n"
	"\t\t\tlocal file=${COMP_WORDS[i + 1]}\n"
	"\t\t\t[[ $file == '=' ]] && file=${COMP_WORDS[i + 2]}\n"
	"\t\t\tconfig=(--config \"${file/#\\~/$HOME}\")\n"
	"\t\t\t;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\t\"${COMP_WORDS[0]}\" document \"${config[@]}\" nodes 2>/dev/null\n"
	"}\n"
	"\n"
	"# What the value of an option is: FILE, DIR, NODE, words, or - for anything.\n"
	"_%1$s_value() {\n"
	"\tcase $1 in\n";

static const char middle[] =
	"\tesac\n"
	"}\n"
	"\n"
	"_%1$s_reply() {\n"
	"\tlocal kind=$1 cur=$2\n"
	"\tcase $kind in\n"
	"\tFILE) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\tDIR) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
	"\tNODE) mapfile -t COMPREPLY < <(compgen -W \"$(_%1$s_nodes)\" -- \"$cur\") ;;\n"
	"\t-) ;;\n"
	"\t*) mapfile -t COMPREPLY < <(compgen -W \"$kind\" -- \"$cur\") ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"_%1$s() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tlocal path=%1$s i kind commands='' options='' operands=-\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tif [[ ${COMP_WORDS[i]} == -- ]]; then\n"
	"\t\t\tcompopt -o default\n"
	"\t\t\treturn\n"
	"\t\telif [[ -n $(_%1$s_value \"$path ${COMP_WORDS[i]}\") ]]; then\n"
	"\t\t\t[[ ${COMP_WORDS[i + 1]} == '=' ]] && i=$((i + 1))\n"
	"\t\t\ti=$((i + 1))\n"
	"\t\t\tcontinue\n"
	"\t\tfi\n"
	"\t\tcase \"$path ${COMP_WORDS[i]}\" in\n";

static const char tail[] =
	"\tesac\n"
	"\t# Bash takes --option=value for three words.\n"
	"\t[[ $last == '=' ]] && last=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\t[[ $cur == '=' ]] && cur=\n"
	"\tkind=$(_%1$s_value \"$path $last\")\n"
	"\tif [[ -n $kind ]]; then\n"
	"\t\t_%1$s_reply \"$kind\" \"$cur\"\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\t_%1$s_reply \"$options\" \"$cur\"\n"
	"\t\t[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
	"\telif [[ -n $commands ]]; then\n"
	"\t\t_%1$s_reply \"$commands\" \"$cur\"\n"
	"\telse\n"
	"\t\t_%1$s_reply \"$operands\" \"$cur\"\n"
	"\tfi\n"
	"\treturn 0\n"
	"}\n"
	"\n"
	"complete -F _%1$s %1$s\n";

/* What to offer for "FILE", "[NODE...]", "text|json"; "-" for nothing.  Caller frees. */
static char *kind_of(const char *arg, const struct cli_opt *o)
{
	static const char *const kinds[] = { "FILE", "DIR", "NODE" };
	auto_free char *words = o ? cli_arg(o) : strdup(arg ? arg : "");

	if (!words)
		abort();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strstr(words, kinds[i]))
			return strdup(kinds[i]);
	if (!strchr(words, '|') || words[strspn(words, "abcdefghijklmnopqrstuvwxyz0123456789-|[]")])
		return strdup("-");
	for (char *c = words; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			*c = ' ';
	return TAKE(words);
}

static void visit(const struct cli_cmd *c, const char *path,
		  void (*f)(const struct cli_cmd *, const char *, FILE *), FILE *out)
{
	f(c, path, out);
	for (const struct cli_cmd *const *s = c->subs; s && *s; s++) {
		auto_free char *sub = NULL;

		if ((*s)->hidden)
			continue;
		if (asprintf(&sub, "%s %s", path, (*s)->name) < 0)
			abort();
		visit(*s, sub, f, out);
	}
}

static void values_of(const struct cli_opt *o, const char *path, FILE *out)
{
	for (; o && o->type; o++) {
		auto_free char *kind = o->arg ? kind_of(NULL, o) : NULL;

		if (!kind)
			continue;
		fprintf(out, "\t\"%s --%s\"", path, o->long_name);
		if (o->short_name)
			fprintf(out, " | \"%s -%c\"", path, o->short_name);
		fprintf(out, ") echo '%s' ;;\n", kind);
	}
}

static void values(const struct cli_cmd *c, const char *path, FILE *out)
{
	values_of(c->opts, path, out);
	values_of(c->common, path, out);
}

static void names(const struct cli_cmd *c, const char *path, FILE *out)
{
	for (const struct cli_cmd *const *s = c->subs; s && *s; s++)
		if (!(*s)->hidden)
			fprintf(out, "\t\t\"%s %s\") path=\"%s %s\" ;;\n", path, (*s)->name, path, (*s)->name);
}

static void follows(const struct cli_cmd *c, const char *path, FILE *out)
{
	const struct cli_opt *lists[] = { c->opts, c->common };
	auto_free char *kind = kind_of(c->operands, NULL);

	fprintf(out, "\t\"%s\")\n\t\toptions='--help", path);
	for (int i = 0; i < 2; i++)
		for (const struct cli_opt *o = lists[i]; o && o->type; o++)
			fprintf(out, " --%s%s", o->long_name, o->arg ? "=" : "");
	fputs("'\n", out);
	if (c->subs) {
		fputs("\t\tcommands='", out);
		for (const struct cli_cmd *const *s = c->subs; *s; s++)
			if (!(*s)->hidden)
				fprintf(out, "%s ", (*s)->name);
		fputs("help'\n", out);
	}
	fprintf(out, "\t\toperands='%s'\n\t\t;;\n", kind);
}

void cli_bash(const struct cli_cmd *root, FILE *out)
{
	fprintf(out, head, root->name);
	visit(root, root->name, values, out);
	fprintf(out, middle, root->name);
	visit(root, root->name, names, out);
	fputs("\t\tesac\n\tdone\n\tcase $path in\n", out);
	visit(root, root->name, follows, out);
	fprintf(out, tail, root->name);
}
