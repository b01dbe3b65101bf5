#define _GNU_SOURCE
#include <string.h>

#include "kube/config.h"
#include "kube/entry.h"
#include "kube/kube.h"

/* Files of many clusters, each with its certificates; aliases may repeat parts, within limits. */
#define OLD_MAX (16 * 1024 * 1024)
#define WEIGHT_MAX 1000000
#define HEIGHT_MAX 200

#define ENTRIES 3
#define EDITS (ENTRIES + 1)

/* One place of the old text that is written anew. */
struct edit {
	size_t start, end;
	bool line;         /* text is whole lines */
	struct buf text;
};

struct merge {
	const char *name;                      /* of the old file */
	const struct yaml_stream *old;
	const char *text;
	size_t len;
	const struct yaml_node *root;
	struct entry entries[ENTRIES];         /* clusters, contexts, users */
	const char *context;
	size_t room;                           /* what an entry's text takes at most */
	struct edit edits[EDITS];
	size_t n;
	struct buf tail;                       /* keys that the old file does not have */
};

static struct edit *add_edit(struct merge *m, size_t start, size_t end, bool line)
{
	struct edit *e = &m->edits[m->n++];

	*e = (struct edit){ .start = start, .end = end, .line = line };
	buf_reserve(&e->text, m->room);
	return e;
}

static void release(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		buf_wipe(&m->edits[i].text);
	buf_wipe(&m->tail);
}

/* Where the line that holds byte at ends, its newline included. */
static size_t line_end(const struct merge *m, size_t at)
{
	const char *newline;

	if (at && m->text[at - 1] == '\n') /* a block scalar ends with its last line */
		return at;
	newline = memchr(m->text + at, '\n', m->len - at);
	return newline ? (size_t)(newline - m->text) + 1 : m->len;
}

static size_t line_start(const struct merge *m, size_t at)
{
	while (at && m->text[at - 1] != '\n')
		at--;
	return at;
}

static void spaces(size_t n, struct buf *out)
{
	while (n--)
		buf_puts(out, " ");
}

/* The list's dashes stand as far in as the first one's. */
static void append_block(struct merge *m, const struct yaml_node *seq, const struct entry *entry)
{
	const struct yaml_node *last = seq->last;
	size_t start = line_start(m, seq->child->start), dash = 0;
	struct edit *e = add_edit(m, line_end(m, last->end), line_end(m, last->end), true);

	while (m->text[start + dash] == ' ')
		dash++;
	spaces(dash, &e->text);
	buf_puts(&e->text, "- ");
	entry_block(entry, dash + 2, &e->text);
	buf_puts(&e->text, "\n");
}

static void append_flow(struct merge *m, const struct yaml_node *seq, const struct entry *entry)
{
	struct edit *e = add_edit(m, seq->last->end, seq->last->end, false);

	buf_puts(&e->text, ", ");
	entry_flow(entry, &e->text);
}

static void replace_item(struct merge *m, const struct yaml_node *item, const struct entry *entry)
{
	struct edit *e = add_edit(m, item->start, item->end, false);

	if (item->flow)
		entry_flow(entry, &e->text);
	else
		entry_block(entry, item->start - line_start(m, item->start), &e->text);
	if (item->end && m->text[item->end - 1] == '\n')
		buf_puts(&e->text, "\n");
}

/* "[]", "null" or nothing at all becomes a list of one. */
static void fill_list(struct merge *m, const struct yaml_node *list, const struct entry *entry)
{
	size_t start = list->start;

	while (start && m->text[start - 1] == ' ')
		start--;
	struct edit *e = add_edit(m, start, list->end, false);

	if (m->root->flow) {
		buf_puts(&e->text, " [");
		entry_flow(entry, &e->text);
		buf_puts(&e->text, "]");
		return;
	}
	buf_puts(&e->text, "\n- ");
	entry_block(entry, 2, &e->text);
}

static void add_key(struct merge *m, const char *key)
{
	if (m->root->flow) {
		buf_puts(&m->tail, m->root->child || m->tail.len ? ", \"" : "\"");
		buf_puts(&m->tail, key);
		buf_puts(&m->tail, "\": ");
		return;
	}
	buf_puts(&m->tail, key);
	buf_puts(&m->tail, ": ");
}

static void new_list(struct merge *m, const struct entry *entry)
{
	add_key(m, entry->list);
	if (m->root->flow) {
		buf_puts(&m->tail, "[");
		entry_flow(entry, &m->tail);
		buf_puts(&m->tail, "]");
		return;
	}
	m->tail.data[--m->tail.len] = '\0'; /* no blank at the end of the line */
	buf_puts(&m->tail, "\n- ");
	entry_block(entry, 2, &m->tail);
	buf_puts(&m->tail, "\n");
}

static int edit_list(struct merge *m, const struct entry *entry, struct err *err)
{
	const struct yaml_node *list = yaml_find(m->root, entry->list);
	const struct yaml_node *item = entry_find(list, entry->name);

	if (list && list->type != YAML_SEQ && !yaml_is_null(list))
		return yaml_error(m->old, list, err, "'%s' must be a list", entry->list);
	if (item && entry_is(entry, item))
		return 0;
	if (item)
		replace_item(m, item, entry);
	else if (!list)
		new_list(m, entry);
	else if (!list->child)
		fill_list(m, list, entry);
	else if (list->flow)
		append_flow(m, list, entry);
	else
		append_block(m, list, entry);
	return 0;
}

static void edit_current(struct merge *m)
{
	const struct yaml_node *n = yaml_find(m->root, "current-context");
	struct edit *e;

	if (n && n->value && !strcmp(n->value, m->context))
		return;
	if (!n) {
		add_key(m, "current-context");
		entry_scalar(m->context, &m->tail);
		buf_puts(&m->tail, m->root->flow ? "" : "\n");
		return;
	}
	e = add_edit(m, n->start, n->end, false);
	if (n->start == n->end)
		buf_puts(&e->text, " ");
	entry_scalar(m->context, &e->text);
}

static int by_start(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void put_lines(struct buf *out, const struct buf *lines)
{
	if (out->len && out->data[out->len - 1] != '\n')
		buf_puts(out, "\n");
	buf_add(out, buf_str(lines), lines->len);
}

/* Keys that are missing go behind the last one there is, edits of the same place before them. */
static void apply(struct merge *m, struct buf *out)
{
	size_t end = m->root->flow ? m->root->end - 1 : line_end(m, m->root->end), at = 0;

	qsort(m->edits, m->n, sizeof(m->edits[0]), by_start);
	for (size_t i = 0; i < m->n; i++) {
		const struct edit *e = &m->edits[i];

		buf_add(out, m->text + at, e->start - at);
		at = e->end;
		if (e->line)
			put_lines(out, &e->text);
		else
			buf_add(out, buf_str(&e->text), e->text.len);
	}
	buf_add(out, m->text + at, end - at);
	if (m->root->flow)
		buf_add(out, buf_str(&m->tail), m->tail.len);
	else if (m->tail.len)
		put_lines(out, &m->tail);
	buf_add(out, m->text + end, m->len - end);
}

static bool same_list(const struct yaml_node *old, const struct yaml_node *now,
		      const struct entry *entry)
{
	const struct yaml_node *replaced = entry_find(old, entry->name);
	const struct yaml_node *j = now && now->type == YAML_SEQ ? now->child : NULL;

	for (const struct yaml_node *i = old && old->type == YAML_SEQ ? old->child : NULL; i;
	     i = i->next, j = j->next)
		if (!j || (i == replaced ? !entry_is(entry, j) : !entry_same_tree(i, j)))
			return false;
	return replaced ? !j : j && !j->next && entry_is(entry, j);
}

static bool same_key(const struct merge *m, const char *key, const struct yaml_node *old,
		     const struct yaml_node *now)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (!strcmp(key, m->entries[i].list))
			return same_list(old, now, &m->entries[i]);
	if (!strcmp(key, "current-context"))
		return now && now->value && !strcmp(now->value, m->context);
	return entry_same_tree(old, now);
}

/* Reads the result back: what was wanted is there, and all else says what it said. */
static bool verify(const struct merge *m, const struct yaml_node *now)
{
	size_t keys = 0, expected = 0;

	for (const struct yaml_node *i = m->root->child; i; i = i->next, expected++)
		if (!i->key->value || !same_key(m, i->key->value, i, yaml_get(now, i->key->value)))
			return false;
	for (size_t i = 0; i < ENTRIES; i++) {
		const char *list = m->entries[i].list;

		expected += !yaml_get(m->root, list);
		if (!same_key(m, list, yaml_get(m->root, list), yaml_get(now, list)))
			return false;
	}
	expected += !yaml_get(m->root, "current-context");
	if (!same_key(m, "current-context", NULL, yaml_get(now, "current-context")))
		return false;
	for (const struct yaml_node *i = now->child; i; i = i->next)
		keys++;
	return keys == expected;
}

static const struct yaml_limits old_limits = { .bytes = OLD_MAX, .depth = 64 };
static const struct yaml_limits new_limits = { .bytes = KUBE_CONFIG_MAX, .depth = 64,
					       .plain_only = true };

static int check_result(const struct merge *m, const struct buf *out, struct err *err)
{
	const struct yaml_limits limits = { .bytes = out->len, .depth = 64 };
	auto_err struct err ignored = ERR_INIT;
	auto_yaml struct yaml_stream *s = yaml_parse(m->name, buf_str(out), out->len, &limits, &ignored);
	const struct yaml_node *now = s && yaml_count(s) == 1 ? yaml_root(s, 0) : NULL;

	if (now && now->type == YAML_MAP && now->weight <= 2 * WEIGHT_MAX && verify(m, now))
		return 0;
	return err_set(err, ERR_FAILED, "'%s' is laid out in a way that cannot be added to without "
		       "damage; have the kubeconfig written to a file of its own", m->name);
}

static const char *scalar(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *n = yaml_find(map, key);

	return n && n->type == YAML_SCALAR && !yaml_is_null(n) && n->len ? n->value : NULL;
}

static const struct yaml_node *body(const struct yaml_node *root, const char *list, const char *inner,
				    const char *name)
{
	const struct yaml_node *item = name ? entry_find(yaml_find(root, list), name) : NULL;
	const struct yaml_node *map = item ? yaml_find(item, inner) : NULL;

	return map && map->type == YAML_MAP ? map : NULL;
}

static int choose_entries(struct merge *m, const struct yaml_stream *s, const char *context,
			  struct err *err)
{
	const struct yaml_node *root = yaml_count(s) ? yaml_root(s, 0) : NULL;
	const char *current = root ? scalar(root, "current-context") : NULL;
	const struct yaml_node *c = body(root, "contexts", "context", current);
	const char *cluster = c ? scalar(c, "cluster") : NULL, *user = c ? scalar(c, "user") : NULL;

	m->context = context ? context : current;
	m->entries[0] = (struct entry){ "clusters", "cluster", context ? context : cluster,
					body(root, "clusters", "cluster", cluster), NULL, NULL };
	m->entries[1] = (struct entry){ "contexts", "context", m->context, c,
					m->entries[0].name, context ? context : user };
	m->entries[2] = (struct entry){ "users", "user", context ? context : user,
					body(root, "users", "user", user), NULL, NULL };
	for (size_t i = 0; i < ENTRIES; i++)
		if (!m->entries[i].body)
			return err_set(err, ERR_FAILED, "the new kubeconfig has no '%s' for its "
				       "current context", m->entries[i].inner);
	return 0;
}

static int check_old(const struct merge *m, struct err *err)
{
	if (yaml_count(m->old) > 1)
		return err_set(err, ERR_CONFIG, "'%s' holds more than one document; a kubeconfig is one",
			       m->name);
	if (m->root->type != YAML_MAP)
		return yaml_error(m->old, m->root, err, "a kubeconfig is a map, this is %s",
				  yaml_describe(m->root));
	if (m->root->weight > WEIGHT_MAX || m->root->height > HEIGHT_MAX)
		return err_set(err, ERR_CONFIG, "'%s': too large or too deep", m->name);
	return 0;
}

static int merge(struct merge *m, struct buf *out, struct err *err)
{
	auto_wipe struct buf result = BUF_INIT;

	if (check_old(m, err) < 0)
		return -1;
	for (size_t i = 0; i < ENTRIES; i++)
		if (edit_list(m, &m->entries[i], err) < 0)
			return -1;
	edit_current(m);
	buf_reserve(&result, m->len + EDITS * m->room);
	apply(m, &result);
	if (check_result(m, &result, err) < 0)
		return -1;
	buf_wipe(out);
	*out = result;
	result = (struct buf)BUF_INIT;
	return 0;
}

static struct yaml_stream *parse_old(const char *name, const char *text, size_t len, struct err *err)
{
	auto_yaml struct yaml_stream *s = yaml_parse(name, text, len, &old_limits, err);
	auto_wipe struct buf filled = BUF_INIT;

	if (!s || (yaml_count(s) && yaml_root(s, 0)))
		return TAKE(s);
	buf_reserve(&filled, len + 64);
	buf_add(&filled, text, len);
	if (len && text[len - 1] != '\n')
		buf_puts(&filled, "\n");
	buf_puts(&filled, "apiVersion: v1\nkind: Config\n");
	return yaml_parse(name, buf_str(&filled), filled.len, &old_limits, err);
}

int kube_merge_config(const char *old_name, const char *old_text, size_t old_len,
		      const char *new_text, size_t new_len, const char *context,
		      struct buf *out, struct err *err)
{
	auto_yaml struct yaml_stream *old = parse_old(old_name, old_text, old_len, err);
	auto_yaml struct yaml_stream *new =
		old ? yaml_parse("the new kubeconfig", new_text, new_len, &new_limits, err) : NULL;
	struct merge m = { .name = old_name, .old = old, .room = 4 * new_len + 4096 };
	int rc;

	if (!new || choose_entries(&m, new, context, err) < 0)
		return -1;
	m.text = yaml_text(old, &m.len);
	m.root = yaml_root(old, 0);
	buf_reserve(&m.tail, ENTRIES * m.room);
	rc = merge(&m, out, err);
	release(&m);
	return rc;
}
