#define _GNU_SOURCE
#include "kube/entry.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void quoted(const char *text, size_t len, struct buf *out)
{
	buf_puts(out, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		char hex[8];

		if (c == '"' || c == '\\')
			buf_puts(out, "\\");
		snprintf(hex, sizeof(hex), "\\x%02x", c);
		if (c < 0x20 || c == 0x7f)
			buf_puts(out, hex);
		else
			buf_add(out, &text[i], 1);
	}
	buf_puts(out, "\"");
}

/* Only what is the same text in every reader of YAML, inside brackets, too. */
static bool safe_plain(const char *text)
{
	return *text && !text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789+/=._:@-")] &&
	       !strchr("-:=", *text);
}

void entry_scalar(const char *text, struct buf *out)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false",
					     "null", NULL };
	bool plain = safe_plain(text) && !strchr("0123456789+.", *text) &&
		     text[strlen(text) - 1] != ':';

	for (const char *const *w = words; *w; w++)
		plain &= strcasecmp(text, *w) != 0;
	if (plain)
		buf_puts(out, text);
	else
		quoted(text, strlen(text), out);
}

static void emit(const struct yaml_node *n, struct buf *out)
{
	if (n->type == YAML_SCALAR) {
		if (n->plain && safe_plain(n->value))
			buf_puts(out, n->value);
		else if (yaml_is_null(n))
			buf_puts(out, "null");
		else
			quoted(n->value, n->len, out);
		return;
	}
	buf_puts(out, n->type == YAML_MAP ? "{" : "[");
	for (const struct yaml_node *i = n->child; i; i = i->next) {
		if (i != n->child)
			buf_puts(out, ", ");
		if (n->type == YAML_MAP) {
			emit(i->key, out);
			buf_puts(out, ": ");
		}
		emit(i, out);
	}
	buf_puts(out, n->type == YAML_MAP ? "}" : "]");
}

/* What stands instead of the body's value under this key, or NULL. */
static const char *instead(const struct entry *e, const struct yaml_node *key)
{
	if (key->value && !strcmp(key->value, "cluster"))
		return e->cluster;
	if (key->value && !strcmp(key->value, "user"))
		return e->user;
	return NULL;
}

static void emit_pair(const struct entry *e, const struct yaml_node *value, struct buf *out)
{
	const char *other = instead(e, value->key);

	emit(value->key, out);
	buf_puts(out, ": ");
	if (other)
		entry_scalar(other, out);
	else
		emit(value, out);
}

static void indent_by(size_t n, struct buf *out)
{
	while (n--)
		buf_puts(out, " ");
}

void entry_block(const struct entry *e, size_t indent, struct buf *out)
{
	buf_puts(out, e->inner);
	buf_puts(out, e->body->child ? ":\n" : ": {}\n");
	for (const struct yaml_node *i = e->body->child; i; i = i->next) {
		indent_by(indent + 2, out);
		emit_pair(e, i, out);
		buf_puts(out, "\n");
	}
	indent_by(indent, out);
	buf_puts(out, "name: ");
	entry_scalar(e->name, out);
}

void entry_flow(const struct entry *e, struct buf *out)
{
	buf_puts(out, "{\"name\": ");
	quoted(e->name, strlen(e->name), out);
	buf_puts(out, ", \"");
	buf_puts(out, e->inner);
	buf_puts(out, "\": {");
	for (const struct yaml_node *i = e->body->child; i; i = i->next) {
		buf_puts(out, i == e->body->child ? "" : ", ");
		emit_pair(e, i, out);
	}
	buf_puts(out, "}}");
}

static bool same_scalar(const struct yaml_node *a, const struct yaml_node *b)
{
	return yaml_is_null(a) == yaml_is_null(b) && yaml_is_string(a) == yaml_is_string(b) &&
	       a->len == b->len && !memcmp(a->value, b->value, a->len);
}

bool entry_same_tree(const struct yaml_node *a, const struct yaml_node *b)
{
	const struct yaml_node *i, *j;

	if (!a || !b || a->type != b->type)
		return a == b;
	if (a->type == YAML_SCALAR)
		return same_scalar(a, b);
	for (i = a->child, j = b->child; i && j; i = i->next, j = j->next)
		if ((a->type == YAML_MAP && !entry_same_tree(i->key, j->key)) ||
		    !entry_same_tree(i, j))
			return false;
	return i == j;
}

bool entry_is(const struct entry *e, const struct yaml_node *item)
{
	const struct yaml_node *name = yaml_find(item, "name");
	const struct yaml_node *map = yaml_find(item, e->inner);
	const struct yaml_node *i, *j;

	if (!name || !name->value || strcmp(name->value, e->name) || !map || map->type != YAML_MAP)
		return false;
	for (i = e->body->child, j = map->child; i && j; i = i->next, j = j->next) {
		const char *other = instead(e, i->key);

		if (!entry_same_tree(i->key, j->key) ||
		    (other ? !j->value || strcmp(j->value, other) : !entry_same_tree(i, j)))
			return false;
	}
	return i == j;
}

struct yaml_node *entry_find(const struct yaml_node *seq, const char *name)
{
	for (struct yaml_node *i = seq && seq->type == YAML_SEQ ? seq->child : NULL; i; i = i->next) {
		const struct yaml_node *is = i->type == YAML_MAP ? yaml_find(i, "name") : NULL;

		if (is && is->value && !strcmp(is->value, name))
			return i;
	}
	return NULL;
}
