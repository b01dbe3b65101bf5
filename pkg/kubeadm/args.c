#define _GNU_SOURCE
#include "kubeadm/args.h"

#include <string.h>

#define MERGE_WORK_MAX 20000000 /* comparisons of keys */

/* An integer that is written the way Go prints it, so that as a string it is the same key. */
static bool same_as_string(const struct yaml_node *key)
{
	const char *digits = key->value + (*key->value == '-');
	long v;

	return yaml_int(key, &v) == 0 && digits[strspn(digits, "0123456789")] == '\0' &&
	       (*digits != '0' || !digits[1]);
}

static size_t skip_blanks(const struct yaml_stream *s, size_t at)
{
	size_t len;
	const char *text = yaml_text(s, &len);

	for (;;) {
		at += strspn(text + at, " \t\r\n");
		if (text[at] != '#')
			return at;
		at += strcspn(text + at, "\n");
	}
}

static size_t count(const struct yaml_node *map)
{
	size_t n = 0;

	for (const struct yaml_node *c = map->child; c; c = c->next)
		n++;
	return n;
}

static int check_key(const struct yaml_stream *s, const struct yaml_node *key, struct err *err)
{
	if (key->explicit_key || key->anchored || key->tagged)
		return yaml_error(s, key, err, "write the argument as 'name: value'");
	if (!yaml_is_string(key) && !same_as_string(key))
		return yaml_error(s, key, err, "the argument '%s' is read as %s; put it in quotes",
				  key->value, yaml_describe(key));
	return 0;
}

/* The value of a <<: a map, or a list of maps. */
static int check_merged(const struct yaml_stream *s, const struct yaml_node *merge, struct err *err)
{
	int rc = merge->type == YAML_MAP ? args_check(s, merge, err) : 0;

	for (const struct yaml_node *m = merge->type == YAML_SEQ ? merge->child : NULL; m && rc == 0; m = m->next)
		rc = args_check(s, m, err);
	return rc;
}

int args_check(const struct yaml_stream *s, const struct yaml_node *map, struct err *err)
{
	if (map->tagged)
		return yaml_error(s, map, err, "remove the tag of these arguments");
	for (const struct yaml_node *c = map->child; c; c = c->next) {
		if (c->merge && c->weight > MERGE_WORK_MAX / (count(map) + c->weight))
			return yaml_error(s, c->key, err, "the merge key brings too many arguments");
		if ((c->merge ? check_merged(s, c, err) : check_key(s, c->key, err)) < 0)
			return -1;
	}
	return 0;
}

/* Would the text, plain, mean something else inside [ ] and { }? */
static bool ends_in_flow(const struct yaml_node *n, const char *text, size_t len)
{
	for (size_t i = 0; n->plain && i < len; i++)
		if (strchr(",[]{}", text[i]))
			return true;
	return false;
}

/* A scalar's own text when it is one line, else the same string in quotes. */
static void add_text(struct buf *out, const struct yaml_stream *s, const struct yaml_node *n,
		     bool flow, bool json)
{
	const struct yaml_node *real = n->alias ? n->alias : n;
	size_t len, start = yaml_content_start(s, real);
	const char *text = yaml_text(s, &len);

	len = real->end - start;
	if (yaml_is_null(n))
		buf_puts(out, "\"\"");
	else if (json || !yaml_is_string(n) || real->tagged || memchr(text + start, '\n', len) ||
		 (flow && ends_in_flow(real, text + start, len)))
		yaml_quote(out, n->value, json);
	else
		buf_add(out, text + start, len);
}

struct merging {
	struct buf text;
	const struct yaml_stream *s;
	const struct yaml_node *map; /* whose own entries win */
	const struct yaml_node **seen;
	size_t nseen, cap;
	bool flow, json;
	int indent;
};

static bool is_shadowed(struct merging *m, const struct yaml_node *entry)
{
	for (const struct yaml_node *c = m->map->child; c; c = c->next)
		if (!c->merge && !strcmp(c->key->value, entry->key->value))
			return true;
	for (size_t i = 0; i < m->nseen; i++)
		if (!strcmp(m->seen[i]->key->value, entry->key->value))
			return true;
	return false;
}

static void add_item(struct merging *m, const struct yaml_node *entry)
{
	const char *line_end = yaml_line_end(m->s);

	if (m->flow)
		buf_puts(&m->text, m->nseen ? ", {" : "{");
	else if (m->nseen)
		buf_printf(&m->text, "%s%*s- ", line_end, m->indent, "");
	else
		buf_puts(&m->text, "- ");
	buf_puts(&m->text, m->json ? "\"name\": " : "name: ");
	add_text(&m->text, m->s, entry->key, m->flow, m->json);
	if (m->flow)
		buf_puts(&m->text, m->json ? ", \"value\": " : ", value: ");
	else
		buf_printf(&m->text, "%s%*svalue: ", line_end, m->indent + 2, "");
	add_text(&m->text, m->s, entry, m->flow, m->json);
	buf_puts(&m->text, m->flow ? "}" : "");
}

static void add_merged(struct merging *m, const struct yaml_node *from)
{
	if (from->type == YAML_SEQ) {
		for (const struct yaml_node *n = from->child; n; n = n->next)
			add_merged(m, n);
		return;
	}
	for (const struct yaml_node *n = from->child; n; n = n->next) {
		if (n->merge || is_shadowed(m, n))
			continue;
		add_item(m, n);
		if (m->nseen == m->cap) {
			m->cap = m->cap ? m->cap * 2 : 16;
			m->seen = realloc(m->seen, m->cap * sizeof(*m->seen));
			if (!m->seen)
				abort();
		}
		m->seen[m->nseen++] = n;
	}
	for (const struct yaml_node *n = from->child; n; n = n->next)
		if (n->merge)
			add_merged(m, n);
}

static void write_merged_out(struct yaml_edit *e, const struct yaml_stream *s,
			     const struct yaml_node *map, const struct yaml_node *merge, bool json)
{
	struct merging m = { .text = BUF_INIT, .s = s, .map = map, .flow = map->flow, .json = json,
			     .indent = merge->key->column - 1 };

	yaml_keep_comments(s, merge, &m.text);
	add_merged(&m, merge);
	if (m.nseen)
		yaml_edit_splice(e, merge->key->start, merge->end, buf_str(&m.text));
	else
		yaml_edit_remove(e, s, merge, false);
	buf_wipe(&m.text);
	free(m.seen);
}

/* The key, in quotes when it would not be read as a string. */
static void quote_key(struct yaml_edit *e, const struct yaml_node *key, const char *before)
{
	auto_buf struct buf text = BUF_INIT;

	buf_puts(&text, before);
	if (yaml_is_string(key)) {
		yaml_edit_splice(e, key->start, key->start, buf_str(&text));
		return;
	}
	yaml_quote(&text, key->value, true);
	yaml_edit_splice(e, key->start, key->end, buf_str(&text));
}

/* An argument without a value is one with an empty value; an anchor stays, a tag does not. */
static void fill_empty(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *value,
		       size_t behind_colon)
{
	size_t start = value->tagged ? value->start : yaml_content_start(s, value);

	if (!yaml_is_null(value) || value->alias)
		return;
	if (value->end > value->start)
		yaml_edit_splice(e, start, value->end, start == value->end ? " \"\"" : "\"\"");
	else
		yaml_edit_splice(e, behind_colon, behind_colon, " \"\"");
}

/* Lines between the colon and the end of the value go two columns deeper. */
static void indent_lines(struct yaml_edit *e, const struct yaml_stream *s, size_t from, size_t to)
{
	size_t len;
	const char *text = yaml_text(s, &len), *at = text + from;

	while ((at = memchr(at, '\n', (size_t)(text + to - at)))) {
		at++;
		if (at < text + to && *at != '\n' && *at != '\r')
			yaml_edit_splice(e, (size_t)(at - text), (size_t)(at - text), "  ");
	}
}

static void block_entry(struct yaml_edit *e, const struct yaml_stream *s,
			const struct yaml_node *value)
{
	const struct yaml_node *key = value->key;
	size_t colon = skip_blanks(s, key->end);
	auto_buf struct buf text = BUF_INIT;

	quote_key(e, key, "- name: ");
	buf_printf(&text, "%s%*svalue:", yaml_line_end(s), key->column + 1, "");
	yaml_edit_splice(e, key->end, colon + 1, buf_str(&text));
	fill_empty(e, s, value, colon + 1);
	indent_lines(e, s, colon + 1, value->end > colon ? value->end : colon + 1);
}

static void flow_entry(struct yaml_edit *e, const struct yaml_stream *s,
		       const struct yaml_node *value, bool json)
{
	const struct yaml_node *key = value->key;
	size_t len, colon = skip_blanks(s, key->end);
	const char *text = yaml_text(s, &len);

	quote_key(e, key, json ? "{\"name\": " : "{name: ");
	if (text[colon] != ':') {
		yaml_edit_splice(e, key->end, key->end, ", value: \"\"}");
		return;
	}
	yaml_edit_splice(e, key->end, colon + 1, json ? ", \"value\":" : ", value:");
	if (!strchr(" \t\r\n", text[colon + 1]))
		yaml_edit_splice(e, colon + 1, colon + 1, " ");
	fill_empty(e, s, value, colon + 1);
	yaml_edit_splice(e, value->end > colon ? value->end : colon + 1,
			 value->end > colon ? value->end : colon + 1, "}");
}

void args_to_list(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *map)
{
	size_t len, open = yaml_content_start(s, map);
	const char *text = yaml_text(s, &len);
	bool json = map->flow && map->child && text[map->child->key->start] == '"';

	if (map->flow) {
		yaml_edit_splice(e, open, open + 1, "[");
		yaml_edit_splice(e, map->end - 1, map->end, "]");
	}
	for (const struct yaml_node *c = map->child; c; c = c->next) {
		if (c->merge)
			write_merged_out(e, s, map, c, json);
		else if (map->flow)
			flow_entry(e, s, c, json);
		else
			block_entry(e, s, c);
	}
}
