/* Setting values that may be missing: in the file's own style and indentation. */
#define _GNU_SOURCE
#include "yaml/edit.h"

#include <string.h>

#include "yaml/stream.h"

/* How new lines are written. */
struct style {
	const char *line_end;
	int step;          /* of indentation, for each level */
	bool list_step;    /* the dashes of a list stand deeper than its key */
	bool json;         /* keys and strings in double quotes */
};

static size_t line_of(const struct yaml_stream *s, size_t at)
{
	while (at > text_bom(s->text, s->len) && s->text[at - 1] != '\n')
		at--;
	return at;
}

/* The first map and list below n in block style tell the indentation. */
static void find_style(const struct yaml_node *n, struct style *style, bool *list_seen)
{
	for (const struct yaml_node *c = n->child; c; c = c->next) {
		if (c->alias || c->flow || c->type == YAML_SCALAR || !c->child)
			continue;
		if (c->type == YAML_MAP && c->key && !style->step)
			style->step = c->child->key->column - c->key->column;
		if (c->type == YAML_SEQ && c->key && !c->anchored && !*list_seen) {
			style->list_step = c->column > c->key->column;
			*list_seen = true;
		}
		if (!style->step || !*list_seen)
			find_style(c, style, list_seen);
	}
}

/* In flow style, with keys in double quotes? */
static bool is_json(const struct yaml_stream *s, const struct yaml_node *n)
{
	for (; n && n->flow; n = n->parent)
		if (n->child && n->child->key)
			return s->text[n->child->key->start] == '"';
	return false;
}

static struct style style_of(const struct yaml_stream *s, const struct yaml_node *map)
{
	struct style style = { .line_end = yaml_line_end(s) };
	const struct yaml_node *root = map;
	bool list_seen = false;

	while (root->parent)
		root = root->parent;
	find_style(root, &style, &list_seen);
	for (size_t i = 0; i < s->ndocs && (!style.step || !list_seen); i++)
		if (s->docs[i].root)
			find_style(s->docs[i].root, &style, &list_seen);
	if (style.step < 1 || style.step > 16)
		style.step = 2;
	style.json = is_json(s, map);
	return style;
}

static bool looks_plain(const char *s)
{
	struct yaml_node n = { .type = YAML_SCALAR, .plain = true, .value = s, .len = strlen(s) };
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "/._-+@";

	return n.len && s[strspn(s, safe)] == '\0' && !strchr("-+@", s[0]) && yaml_is_string(&n);
}

void yaml_quote(struct buf *out, const char *string, bool json)
{
	if (!json && looks_plain(string)) {
		buf_puts(out, string);
		return;
	}
	buf_puts(out, "\"");
	for (const char *p = string; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_printf(out, "\\%c", *p);
		else if ((unsigned char)*p < 0x20 || *p == 0x7F)
			buf_printf(out, "\\u%04x", *p);
		else
			buf_add(out, p, 1);
	}
	buf_puts(out, "\"");
}

static void add_flow_items(struct buf *out, const struct yaml_new *v, const struct style *style)
{
	const char *const *p = v->strings ? v->strings : v->pairs;

	buf_puts(out, v->pairs ? "{" : "");
	for (size_t i = 0; p && p[i]; i++) {
		if (v->pairs)
			buf_puts(out, i % 2 ? ": " : i ? ", " : "");
		else
			buf_puts(out, i ? ", " : "");
		yaml_quote(out, p[i], style->json);
	}
	buf_puts(out, v->pairs ? "}" : "");
}

/* The value on one line. */
static void add_flow(struct buf *out, const struct yaml_new *v, const struct style *style)
{
	if (v->string) {
		yaml_quote(out, v->string, style->json);
	} else if (v->raw) {
		buf_puts(out, v->raw);
	} else {
		buf_puts(out, "[");
		add_flow_items(out, v, style);
		buf_puts(out, "]");
	}
}

/* Items of a list, each line with its end; dashes at indent. */
static void add_block_items(struct buf *out, const struct yaml_new *v, int indent,
			    const struct style *style)
{
	for (size_t i = 0; v->strings && v->strings[i]; i++) {
		buf_printf(out, "%*s- ", indent, "");
		yaml_quote(out, v->strings[i], false);
		buf_puts(out, style->line_end);
	}
	for (size_t i = 0; v->pairs && v->pairs[i]; i += 2) {
		buf_printf(out, "%*s%s", indent, "", i ? "  " : "- ");
		yaml_quote(out, v->pairs[i], false);
		buf_puts(out, ": ");
		yaml_quote(out, v->pairs[i + 1], false);
		buf_puts(out, style->line_end);
	}
}

static void add_key(struct buf *out, const char *key, size_t len, const struct style *style)
{
	auto_free char *copy = strndup(key, len);

	if (!copy)
		abort();
	yaml_quote(out, copy, style->json);
	buf_puts(out, ":");
}

static void add_comment_lines(struct buf *out, const char *lines, int indent, const struct style *style)
{
	for (size_t len; *lines; lines += len + 1) {
		len = strcspn(lines, "\n");
		buf_printf(out, "%*s%.*s%s", indent, "", (int)len, lines, style->line_end);
	}
}

/* "a.b.c" and a value as lines of block style, the first key at indent. */
static void add_block(struct buf *out, const char *path, const struct yaml_new *v, int indent,
		      const struct style *style)
{
	size_t len = strcspn(path, ".");

	if (!path[len] && v->above)
		add_comment_lines(out, v->above, indent, style);
	buf_printf(out, "%*s", indent, "");
	add_key(out, path, len, style);
	if (path[len]) {
		buf_puts(out, style->line_end);
		add_block(out, path + len + 1, v, indent + style->step, style);
	} else if (v->strings || v->pairs) {
		buf_puts(out, style->line_end);
		add_block_items(out, v, indent + (style->list_step ? style->step : 0), style);
	} else {
		buf_puts(out, " ");
		add_flow(out, v, style);
		buf_puts(out, style->line_end);
	}
}

/* The same as "a: {b: {c: value}}". */
static void add_flow_entry(struct buf *out, const char *path, const struct yaml_new *v,
			   const struct style *style)
{
	size_t len = strcspn(path, ".");

	add_key(out, path, len, style);
	buf_puts(out, " ");
	if (path[len]) {
		buf_puts(out, "{");
		add_flow_entry(out, path + len + 1, v, style);
		buf_puts(out, "}");
	} else {
		add_flow(out, v, style);
	}
}

/* Inserts lines behind the line that byte at is in. */
static void insert_lines(struct yaml_edit *e, const struct yaml_stream *s, size_t at,
			 const struct buf *lines, const struct style *style)
{
	auto_wipe struct buf text = BUF_INIT;
	size_t end_len = strlen(style->line_end);

	buf_reserve(&text, lines->len + end_len);
	if (!(at && s->text[at - 1] == '\n')) {
		at += strcspn(s->text + at, "\n");
		at += s->text[at] == '\n';
	}
	if (at == s->len && at && s->text[at - 1] != '\n') {
		buf_puts(&text, style->line_end);
		buf_add(&text, lines->data, lines->len - end_len);
	} else {
		buf_add(&text, lines->data, lines->len);
	}
	yaml_edit_splice(e, at, at, buf_str(&text));
}

/* Into { } or [ ]: behind the last item. */
static void insert_flow(struct yaml_edit *e, const struct yaml_stream *s,
			const struct yaml_node *n, const struct buf *item)
{
	auto_wipe struct buf text = BUF_INIT;
	size_t at = n->last ? n->last->end : yaml_content_start(s, n) + 1;

	buf_reserve(&text, item->len + 2);
	buf_puts(&text, n->last ? ", " : "");
	buf_puts(&text, buf_str(item));
	yaml_edit_splice(e, at, at, buf_str(&text));
}

/* Behind the colon of a key; behind the key when it has none ("{a}"). */
static size_t behind_colon(const struct yaml_stream *s, const struct yaml_node *key, bool *found)
{
	size_t at = key->end;

	for (;;) {
		at += strspn(s->text + at, " \t\r\n");
		if (s->text[at] != '#')
			break;
		at += strcspn(s->text + at, "\n");
	}
	*found = s->text[at] == ':';
	return *found ? at + 1 : key->end;
}

/* Behind the comments that follow a map and are indented deeper than its keys: they speak of its
 * last entry. */
static size_t behind_own_comments(const struct yaml_stream *s, const struct yaml_node *map)
{
	size_t end = map->end, indent = (size_t)map->child->key->column - 1, at;

	if (end && s->text[end - 1] != '\n')
		end += strcspn(s->text + end, "\n");
	for (at = end + (s->text[end] == '\n' && end && s->text[end - 1] != '\n'); s->text[at];) {
		size_t blanks = strspn(s->text + at, " ");
		bool own = s->text[at + blanks] == '#' && blanks > indent;

		if (!own && !strchr("\r\n", s->text[at + blanks]))
			break;
		at += strcspn(s->text + at, "\n");
		at += s->text[at] == '\n';
		end = own ? at : end;
	}
	return end;
}

static int insert_entry(struct yaml_edit *e, const struct yaml_stream *s,
			const struct yaml_node *map, const char *path, const struct yaml_new *v)
{
	struct style style = style_of(s, map);
	auto_wipe struct buf text = BUF_INIT;

	buf_reserve(&text, 4096);
	if (map->flow) {
		add_flow_entry(&text, path, v, &style);
		insert_flow(e, s, map, &text);
	} else {
		add_block(&text, path, v, map->child->key->column - 1, &style);
		insert_lines(e, s, behind_own_comments(s, map), &text, &style);
	}
	return 0;
}

/* Where a value that is null has its key: "key:", "key: ~", "key: # comment". */
static int fill_null(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *n,
		     const char *path, const struct yaml_new *v)
{
	const struct yaml_node *map = n->parent;
	struct style style = style_of(s, map);
	auto_wipe struct buf text = BUF_INIT;
	bool blank = n->end == n->start, has_colon;
	size_t colon = behind_colon(s, n->key, &has_colon);

	buf_reserve(&text, 4096);
	if (map->flow || (!*path && !v->strings && !v->pairs)) {
		buf_puts(&text, !has_colon ? ": " : blank ? " " : "");
		buf_puts(&text, *path ? "{" : "");
		if (*path)
			add_flow_entry(&text, path, v, &style);
		else
			add_flow(&text, v, &style);
		buf_puts(&text, *path ? "}" : "");
		yaml_edit_splice(e, blank ? colon : n->start, blank ? colon : n->end, buf_str(&text));
		return 0;
	}
	if (!blank) {
		bool same_line = colon + strspn(s->text + colon, " \t") == n->start;

		yaml_edit_splice(e, same_line ? colon : n->start, n->end, "");
	}
	if (*path)
		add_block(&text, path, v, n->key->column - 1 + style.step, &style);
	else
		add_block_items(&text, v, n->key->column - 1 + (style.list_step ? style.step : 0), &style);
	insert_lines(e, s, blank ? colon : n->end, &text, &style);
	return 0;
}

static int replace(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *n,
		   const struct yaml_new *v)
{
	struct style style = style_of(s, n->parent);
	auto_wipe struct buf text = BUF_INIT;

	buf_reserve(&text, 4096);
	add_flow(&text, v, &style);
	yaml_edit_splice(e, yaml_content_start(s, n), n->end, buf_str(&text));
	return 0;
}

static struct yaml_node *own_entry(const struct yaml_node *map, const char *key, size_t len)
{
	for (struct yaml_node *n = map->child; n; n = n->next)
		if (n->key->len == len && !memcmp(n->key->value, key, len))
			return n;
	return NULL;
}

static bool merged_entry(const struct yaml_node *map, const char *key, size_t len)
{
	auto_free char *name = strndup(key, len);

	if (!name)
		abort();
	return yaml_get(map, name);
}

/* The deepest value on the path that is there; *path is left at what is missing below it. */
static const struct yaml_node *walk(const struct yaml_stream *s, const struct yaml_node *map,
				    const char **path, struct err *err)
{
	const struct yaml_node *n;
	size_t len;

	while (**path) {
		if (map->child && map->child->key->explicit_key) {
			yaml_error(s, map, err, "'%s' cannot be set in a map with '? ' keys", *path);
			return NULL;
		}
		if (map->alias) {
			yaml_error(s, map, err, "'%s' cannot be set in an alias; write the map out here",
				   *path);
			return NULL;
		}
		len = strcspn(*path, ".");
		n = own_entry(map, *path, len);
		if (!n && merged_entry(map, *path, len)) {
			yaml_error(s, map, err, "'%s' cannot be set in what a merge key (<<) brings; "
				   "write it out here", *path);
			return NULL;
		}
		if (!n)
			return map;
		*path += len + ((*path)[len] == '.');
		if (n->type != YAML_MAP || !**path)
			return n;
		map = n;
	}
	return map;
}

int yaml_edit_set(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *map,
		  const char *path, const struct yaml_new *v, struct err *err)
{
	const struct yaml_node *n = walk(s, map, &path, err);

	if (!n)
		return -1;
	if (n->type == YAML_MAP && *path)
		return insert_entry(e, s, n, path, v);
	if (yaml_is_null(n) && !n->alias && !n->anchored && !n->tagged)
		return fill_null(e, s, n, path, v);
	if (*path)
		return yaml_error(s, n, err, "'%s' cannot be set below %s", path, yaml_describe(n));
	return replace(e, s, n, v);
}

int yaml_edit_append(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *map,
		     const char *path, const struct yaml_new *v, struct err *err)
{
	const char *rest = path;
	const struct yaml_node *n = walk(s, map, &rest, err);
	auto_wipe struct buf text = BUF_INIT;
	struct style style;
	size_t dash;

	if (!n)
		return -1;
	if (*rest || n->type != YAML_SEQ)
		return yaml_edit_set(e, s, map, path, v, err);
	if (n->alias)
		return yaml_error(s, n, err, "nothing can be added to an alias; write the list out here");
	style = style_of(s, n->parent);
	buf_reserve(&text, 4096);
	if (n->flow) {
		add_flow_items(&text, v, &style);
		insert_flow(e, s, n, &text);
		return 0;
	}
	dash = yaml_content_start(s, n);
	add_block_items(&text, v, (int)(dash - line_of(s, dash)), &style);
	insert_lines(e, s, n->end, &text, &style);
	return 0;
}
