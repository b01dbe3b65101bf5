/* Replacing pieces of text: collected, then applied in one pass. */
#define _GNU_SOURCE
#include "yaml/edit.h"

#include <assert.h>
#include <string.h>

#include "yaml/stream.h"

void yaml_edit_release(struct yaml_edit *e)
{
	for (size_t i = 0; i < e->n; i++) {
		explicit_bzero(e->splices[i].text, e->splices[i].len);
		free(e->splices[i].text);
	}
	free(e->splices);
	*e = (struct yaml_edit)YAML_EDIT_INIT;
}

void yaml_edit_splice(struct yaml_edit *e, size_t start, size_t end, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		abort();
	if (e->n == e->cap) {
		e->cap = e->cap ? e->cap * 2 : 16;
		e->splices = realloc(e->splices, e->cap * sizeof(*e->splices));
		if (!e->splices)
			abort();
	}
	e->splices[e->n] = (struct yaml_splice){ start, end, copy, strlen(text), e->n };
	e->n++;
}

static int by_place(const void *a, const void *b)
{
	const struct yaml_splice *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	/* What is inserted at a place comes before what is replaced there. */
	if ((x->end == x->start) != (y->end == y->start))
		return x->end == x->start ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* The indicator of a block scalar whose value has no line end only because the text ends there. */
static bool find_open_scalar(const struct yaml_stream *s, size_t *start, size_t *end)
{
	const struct yaml_node *n = yaml_root(s, yaml_count(s) - 1);

	while (n && !n->alias && n->last)
		n = n->last;
	if (!n || n->alias || n->type != YAML_SCALAR || n->plain || !n->len || n->value[n->len - 1] == '\n')
		return false;
	*start = yaml_content_start(s, n);
	*end = *start + 1 + strspn(s->text + *start + 1, "0123456789+-");
	return strchr("|>", s->text[*start]) && !memchr(s->text + *start, '-', *end - *start);
}

/* What is put behind such a scalar would give its value a line end: "|" becomes "|-". */
static void close_scalar(const struct yaml_stream *s, struct yaml_edit *e)
{
	auto_buf struct buf indicator = BUF_INIT;
	size_t start, end;
	bool appends = false;

	if (!s->len || s->text[s->len - 1] == '\n' || !yaml_count(s) || !find_open_scalar(s, &start, &end) || end - start > 3)
		return;
	for (size_t i = 0; i < e->n; i++) {
		const struct yaml_splice *p = &e->splices[i];

		appends |= p->start == s->len && (*p->text == '\n' || *p->text == '\r');
		if (p->start < end && p->end > start)
			return;
	}
	for (size_t i = start; i < end; i++)
		if (s->text[i] != '+')
			buf_add(&indicator, s->text + i, 1);
	buf_puts(&indicator, "-");
	if (appends)
		yaml_edit_splice(e, start, end, buf_str(&indicator));
}

void yaml_edit_apply(const struct yaml_stream *s, struct yaml_edit *e, struct buf *out)
{
	size_t len = out->len + s->len, from = 0;

	close_scalar(s, e);
	if (e->n)
		qsort(e->splices, e->n, sizeof(*e->splices), by_place);
	for (size_t i = 0; i < e->n; i++)
		len += e->splices[i].len;
	buf_reserve(out, len);
	for (size_t i = 0; i < e->n; i++) {
		const struct yaml_splice *p = &e->splices[i];

		assert(p->start >= from && p->end >= p->start && p->end <= s->len);
		buf_add(out, s->text + from, p->start - from);
		buf_add(out, p->text, p->len);
		from = p->end;
	}
	buf_add(out, s->text + from, s->len - from);
	for (const char *end = "\n\r"; e->open_end && *end; end++)
		if (out->len && out->data[out->len - 1] == *end)
			out->data[--out->len] = '\0';
}

const char *yaml_line_end(const struct yaml_stream *s)
{
	const char *end = memchr(s->text, '\n', s->len);

	return end && end > s->text && end[-1] == '\r' ? "\r\n" : "\n";
}

/* Behind blanks, line ends and comments. */
static size_t skip_space(const struct yaml_stream *s, size_t at)
{
	for (;;) {
		at += strspn(s->text + at, " \t\r\n");
		if (s->text[at] != '#')
			return at;
		at += strcspn(s->text + at, "\n");
	}
}

/* Behind a node's anchor and tag; its start when it has none. */
static size_t properties_end(const struct yaml_stream *s, const struct yaml_node *n)
{
	size_t at = n->start, end = at;

	while ((n->anchored || n->tagged) && at < n->end && (s->text[at] == '&' || s->text[at] == '!')) {
		end = at + strcspn(s->text + at, " \t\r\n,[]{}");
		at = skip_space(s, end);
	}
	return end;
}

size_t yaml_content_start(const struct yaml_stream *s, const struct yaml_node *n)
{
	size_t end = properties_end(s, n), at = end == n->start ? end : skip_space(s, end);

	return at < n->end ? at : n->end;
}

static size_t line_start(const struct yaml_stream *s, size_t at)
{
	while (at > text_bom(s->text, s->len) && s->text[at - 1] != '\n')
		at--;
	return at;
}

bool may_end_text(const struct yaml_stream *s, const struct yaml_node *n)
{
	while (n && !n->alias && n->last)
		n = n->last;
	return !n || n->alias || n->type != YAML_SCALAR || n->plain ||
	       !strchr("|>", s->text[yaml_content_start(s, n)]);
}

static const struct yaml_node *entry_before(const struct yaml_node *value)
{
	const struct yaml_node *before = NULL;

	for (const struct yaml_node *n = value->parent->child; n != value; n = n->next)
		before = n;
	return before;
}

/* The lines of an entry of which nothing is left; end: behind it and its comma. */
static bool take_lines(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *value,
		       size_t end)
{
	size_t line = line_start(s, value->key->start);

	end += strspn(s->text + end, " \t\r");
	if (line + strspn(s->text + line, " \t") != value->key->start || s->text[end] != '\n')
		return false;
	yaml_edit_splice(e, line, end + 1, "");
	return true;
}

/* A flow entry goes with the comma behind it, or, as the last one, with the comma before it. */
static void remove_flow_entry(struct yaml_edit *e, const struct yaml_stream *s,
			      const struct yaml_node *value)
{
	const struct yaml_node *before = entry_before(value);
	size_t end = value->end, comma = skip_space(s, end);
	auto_buf struct buf kept = BUF_INIT;

	yaml_keep_comments(s, value, &kept);
	if (s->text[comma] == ',') {
		if (!kept.len && comma == end && take_lines(e, s, value, end + 1))
			return;
		yaml_edit_splice(e, value->key->start, end, buf_str(&kept));
		yaml_edit_splice(e, comma, comma + 1 + (s->text[comma + 1] == ' '), "");
		return;
	}
	if (before) {
		comma = skip_space(s, before->end);
		yaml_edit_splice(e, comma, comma + 1, "");
		if (!kept.len && comma + 1 + strspn(s->text + comma + 1, " \t") == value->key->start) {
			yaml_edit_splice(e, comma + 1, end, "");
			return;
		}
	}
	if (!kept.len && take_lines(e, s, value, end))
		return;
	yaml_edit_splice(e, value->key->start, end, buf_str(&kept));
}

const char *yaml_comment_behind(const struct yaml_stream *s, const struct yaml_node *n, size_t *len)
{
	const char *at = s->text + n->end;

	if (n->end > n->start && at[-1] == '\n')
		return NULL;
	at += strspn(at, " \t");
	*len = strcspn(at, "\r\n");
	return *at == '#' ? at : NULL;
}

/* Where what stands before an entry ends: the entry before it, or the key of the map. */
static size_t end_before(const struct yaml_node *value)
{
	const struct yaml_node *map = value->parent, *before = entry_before(value);

	return before ? before->end : map->key ? map->key->end : 0;
}

const char *yaml_comment_above(const struct yaml_stream *s, const struct yaml_node *n, size_t *len)
{
	size_t key_line = line_start(s, n->key->start), start = key_line, before = end_before(n);
	size_t indent = n->key->start - key_line;

	if (n->parent->flow || key_line + strspn(s->text + key_line, " ") != n->key->start)
		return NULL;
	while (start > before) {
		size_t line = line_start(s, start - 1);

		if (line < before || strspn(s->text + line, " ") != indent || s->text[line + indent] != '#')
			break;
		start = line;
	}
	*len = key_line - start;
	return *len ? s->text + start : NULL;
}

/* The lines go when nothing else is on them; comments behind the key and the value stay. */
static void remove_block_entry(struct yaml_edit *e, const struct yaml_stream *s,
			       const struct yaml_node *value, bool with_comment)
{
	size_t comment;
	size_t start = value->key->start, end = value->end, line = line_start(s, start);
	bool alone = line + strspn(s->text + line, " ") == start;
	bool whole_lines = end > start && s->text[end - 1] == '\n';
	auto_buf struct buf kept = BUF_INIT;

	if (with_comment && yaml_comment_above(s, value, &comment))
		line -= comment;
	if (!whole_lines)
		end += strspn(s->text + end, " \t");
	if (with_comment && yaml_comment_behind(s, value, &comment))
		end += comment;
	if (!whole_lines && alone && strchr("\r\n", s->text[end])) {
		e->open_end |= !s->text[end] && may_end_text(s, entry_before(value));
		end += s->text[end] == '\r';
		end += s->text[end] == '\n';
		whole_lines = true;
	}
	if (!with_comment)
		yaml_keep_comments(s, value, &kept);
	if (kept.len && whole_lines)
		kept.data[kept.len -= (size_t)value->key->column - 1] = '\0';
	if (!kept.len && whole_lines && alone)
		start = line;
	yaml_edit_splice(e, start, end, buf_str(&kept));
}

void yaml_edit_remove(struct yaml_edit *e, const struct yaml_stream *s,
		      const struct yaml_node *value, bool with_comment)
{
	const struct yaml_node *map = value->parent;
	size_t at;

	if (map->flow) {
		remove_flow_entry(e, s, value);
		return;
	}
	remove_block_entry(e, s, value, with_comment);
	if (map->child == map->last && map->key) {
		at = properties_end(s, map);
		if (at == map->start)
			at = map->key->end + strcspn(s->text + map->key->end, ":") + 1;
		yaml_edit_splice(e, at, at, " {}");
	}
}
