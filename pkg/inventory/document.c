/* The reference of hactl.yaml, from its key table. */
#define _GNU_SOURCE
#include <string.h>

#include "inventory/inventory.h"
#include "inventory/keys.h"

static const char *type_of(const struct inv_key *k)
{
	switch (k->type) {
	case INV_STR:
		return k->choices ? "word" : "string";
	case INV_PATH:
		return "path";
	case INV_CHOICE:
		return "word";
	case INV_BOOL:
		return "true or false";
	case INV_INT:
		return "number";
	case INV_DURATION:
		return "duration";
	case INV_STRS:
		return "list of words";
	case INV_HOPS:
		return "word or list of words";
	case INV_LABELS:
	case INV_MAP:
		return "map";
	case INV_TAINTS:
		return "list";
	case INV_NODES:
		return "list of nodes";
	case INV_END:
		break;
	}
	abort();
}

/* What the value may be, as sentences; empty when the type says it all. */
static void add_allowed(const struct inv_key *k, struct buf *out)
{
	if (k->type == INV_INT)
		buf_printf(out, " From %ld to %ld.", k->min, k->max);
	if (k->type == INV_DURATION)
		buf_printf(out, " From %ld ms to %ld s.", k->min, k->max / 1000);
	if (k->rule && k->type != INV_PATH)
		buf_printf(out, " Allowed: %s.", k->rule->allowed);
	for (int i = 0; k->choices && k->choices[i]; i++)
		buf_printf(out, "%s%s%s", i ? ", " : " One of: ", k->choices[i], k->choices[i + 1] ? "" : ".");
}

static void add_default(const struct inv_key *k, struct buf *out)
{
	const char *value = k->fallback && *k->fallback ? k->fallback : k->otherwise;

	if (k->required)
		buf_puts(out, " Required.");
	else if (value)
		buf_printf(out, " Default: %s.", value);
}

/* Roff takes nothing in s for an instruction. */
static void roff(const char *s, FILE *out)
{
	fputs(*s == '.' || *s == '\'' ? "\\&" : "", out);
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\e", out);
		else if (*s == '-')
			fputs("\\-", out);
		else if (*s == '~')
			fputs("\\(ti", out);
		else if (*s == '\'')
			fputs("\\(aq", out);
		else
			fputc(*s, out);
	}
}

static void man(const struct inv_key *keys, FILE *out)
{
	for (const struct inv_key *k = keys; k->type; k++) {
		auto_buf struct buf text = BUF_INIT;

		buf_puts(&text, k->help);
		add_allowed(k, &text);
		add_default(k, &text);
		fprintf(out, ".TP\n\\fB%s\\fP (%s)\n", k->name, type_of(k));
		roff(buf_str(&text), out);
		fputc('\n', out);
		if (k->keys && !k->like) {
			fputs(".RS\n", out);
			man(k->keys, out);
			fputs(".RE\n", out);
		}
	}
}

/* A cell of a table holds no bar. */
static void cell(const char *s, FILE *out)
{
	for (; *s; s++)
		fprintf(out, *s == '|' ? "\\%c" : "%c", *s);
}

static void markdown(const struct inv_key *keys, const char *path, FILE *out)
{
	for (const struct inv_key *k = keys; k->type; k++) {
		auto_buf struct buf text = BUF_INIT, below = BUF_INIT;

		buf_puts(&text, k->help);
		add_allowed(k, &text);
		add_default(k, &text);
		fprintf(out, "| `%s%s` | %s | ", path, k->name, type_of(k));
		cell(buf_str(&text), out);
		fputs(" |\n", out);
		buf_printf(&below, "%s%s%s.", path, k->name,
			   k->type == INV_NODES || k->type == INV_TAINTS ? "[]" : "");
		if (k->keys && !k->like)
			markdown(k->keys, buf_str(&below), out);
	}
}

static void json_string(const char *s, FILE *out)
{
	fputc('"', out);
	for (; *s; s++)
		fprintf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	fputc('"', out);
}

static void indent(int depth, FILE *out)
{
	fprintf(out, "\n%*s", depth * 2, "");
}

/* "key": "value", which more follows. */
static void member(const char *key, const char *value, int depth, FILE *out)
{
	indent(depth, out);
	fprintf(out, "\"%s\": ", key);
	json_string(value, out);
	fputc(',', out);
}

static void schema_object(const struct inv_key *keys, int depth, FILE *out);

static void schema_choices(const struct inv_key *k, FILE *out)
{
	fputs("\"enum\": [", out);
	for (int i = 0; k->choices[i]; i++) {
		fputs(i ? ", " : "", out);
		json_string(k->choices[i], out);
	}
	fputs("]", out);
}

static void schema_string(const struct inv_rule *rule, FILE *out)
{
	fputs("\"type\": \"string\"", out);
	if (rule && rule->pattern) {
		fputs(", \"pattern\": ", out);
		json_string(rule->pattern, out);
	}
}

/* What a key's value is, as members without braces. */
static void schema_type(const struct inv_key *k, int depth, FILE *out)
{
	switch (k->type) {
	case INV_BOOL:
		fputs("\"type\": \"boolean\"", out);
		break;
	case INV_INT:
		fprintf(out, "\"type\": \"integer\", \"minimum\": %ld, \"maximum\": %ld", k->min, k->max);
		break;
	case INV_DURATION:
		fputs("\"type\": [\"integer\", \"string\"], \"pattern\": \"^[0-9]+(ms|s|m)?$\"", out);
		break;
	case INV_STRS:
		fputs("\"type\": \"array\", \"items\": {", out);
		schema_string(k->rule, out);
		fputs("}", out);
		break;
	case INV_HOPS:
		fputs("\"type\": [\"string\", \"array\"], \"items\": {", out);
		schema_string(k->rule, out);
		fputs("}", out);
		break;
	case INV_LABELS:
		fputs("\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}", out);
		break;
	case INV_TAINTS:
		fputs("\"type\": \"array\", \"items\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": "
		      "\":(NoSchedule|PreferNoSchedule|NoExecute)$\"}, {", out);
		schema_object(k->keys, depth + 1, out);
		fputs("}]}", out);
		break;
	case INV_NODES:
		fprintf(out, "\"type\": \"array\", \"minItems\": %d, \"items\": {", k->required);
		schema_object(k->keys, depth + 1, out);
		fputs("}", out);
		break;
	case INV_MAP:
		schema_object(k->keys, depth, out);
		break;
	default:
		if (k->choices)
			schema_choices(k, out);
		else
			schema_string(k->rule, out);
	}
}

/* The default as JSON, with the comma in front. */
static void schema_default(const struct inv_key *k, FILE *out)
{
	if (!k->fallback)
		return;
	fputs(", \"default\": ", out);
	if (k->type == INV_INT || k->type == INV_BOOL)
		fputs(k->fallback, out);
	else
		json_string(k->fallback, out);
}

static void schema_object(const struct inv_key *keys, int depth, FILE *out)
{
	const char *comma = "";

	/* A map whose keys are all commented out is null. */
	fputs("\"type\": [\"object\", \"null\"], \"additionalProperties\": false, \"required\": [",
	      out);
	for (const struct inv_key *k = keys; k->type; k++)
		if (k->required) {
			fputs(comma, out);
			json_string(k->name, out);
			comma = ", ";
		}
	fputs("], \"properties\": {", out);
	for (const struct inv_key *k = keys; k->type; k++) {
		indent(depth + 1, out);
		json_string(k->name, out);
		fputs(": {", out);
		member("description", k->help, depth + 2, out);
		indent(depth + 2, out);
		schema_type(k, depth + 2, out);
		schema_default(k, out);
		fprintf(out, "}%s", k[1].type ? "," : "");
	}
	indent(depth, out);
	fputs("}", out);
}

void inventory_document(enum inventory_doc as, FILE *out)
{
	switch (as) {
	case INVENTORY_DOC_MAN:
		man(inv_root_keys, out);
		break;
	case INVENTORY_DOC_MARKDOWN:
		fputs("| key | type | meaning |\n|---|---|---|\n", out);
		markdown(inv_root_keys, "", out);
		break;
	case INVENTORY_DOC_SCHEMA:
		fputs("{", out);
		member("$schema", "http://json-schema.org/draft-07/schema#", 1, out);
		member("title", "hactl.yaml", 1, out);
		indent(1, out);
		schema_object(inv_root_keys, 1, out);
		fputs("\n}\n", out);
		break;
	}
}
