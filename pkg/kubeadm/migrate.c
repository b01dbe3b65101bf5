/*
 * From one API version to the next, version by version, by editing the text.  A version that
 * changes nothing in this file costs nothing.  Each result is read strictly before it is used.
 */
#define _GNU_SOURCE
#include "kubeadm/migrate.h"

#include <string.h>

#include "kubeadm/args.h"

#define MOVES_MAX 8
#define LISTS_MAX 16

struct move {
	const struct kubeadm_change *change;
	char *text, *above; /* above: NULL, or lines of comment that come along */
};

struct hop {
	const struct kubeadm_config *config;
	const struct kubeadm_table *table;
	struct yaml_edit edit;
	struct move moves[MOVES_MAX];
	size_t nmoves;
	const struct yaml_node *lists[LISTS_MAX]; /* turned into lists */
	size_t nlists;
	struct err *err;
};

/* The name for messages is the stream's; this module keeps no other. */
struct kubeadm_config *kubeadm_edited(const struct kubeadm_config *c, struct yaml_edit *e,
				      struct err *err)
{
	auto_wipe struct buf text = BUF_INIT;

	yaml_edit_apply(c->stream, e, &text);
	return kubeadm_read(yaml_name(c->stream), buf_str(&text), text.len, KUBEADM_EDITED_MAX, err);
}

bool kubeadm_harmless(const struct kubeadm_change *change, const struct yaml_node *n)
{
	long long a, b;

	if (yaml_is_null(n) || (n->type == YAML_SCALAR && !*n->value))
		return true;
	if (!change->harmless || n->type != YAML_SCALAR)
		return false;
	if (kubeadm_duration(change->harmless, &a) == 0 && kubeadm_duration(n->value, &b) == 0)
		return a == b;
	return !strcasecmp(n->value, change->harmless);
}

/* Can a comment go with a value that moves?  Not from or to flow style, nor when the value
 * stands there already. */
static bool takes_comment(const struct kubeadm_config *config, const struct kubeadm_change *c,
			  const struct yaml_node *n)
{
	const struct kubeadm_doc *d = kubeadm_doc(config, c->to_kind);
	auto_free char *parent = strdup(c->to_path);
	const struct yaml_node *to;

	if (!parent)
		abort();
	*strrchr(parent, '.') = '\0';
	to = d ? yaml_find(d->root, parent) : NULL;
	return !n->parent->flow && !(d && d->root->flow) && !(to && to->flow) &&
	       !(d && yaml_find(d->root, c->to_path));
}

/* The scalar as it is written, when it is written on one line without anchor. */
static char *scalar_text(const struct yaml_stream *s, const struct yaml_node *n, bool with_comment)
{
	const char *comment;
	size_t len;
	const char *text = yaml_text(s, &len) + n->start;
	struct buf out = BUF_INIT;

	len = n->end - n->start;
	if (n->alias || n->anchored || n->tagged || memchr(text, '\n', len))
		yaml_quote(&out, n->value, true);
	else
		buf_add(&out, text, len);
	comment = with_comment ? yaml_comment_behind(s, n, &len) : NULL;
	if (comment) {
		buf_puts(&out, " ");
		buf_add(&out, comment, len);
	}
	return buf_detach(&out);
}

/* The comments above the value's key and between both, without their indentation; NULL: none. */
static char *text_above(const struct yaml_stream *s, const struct yaml_node *n)
{
	size_t len, left = 0;
	const char *at = yaml_comment_above(s, n, &left);
	struct buf out = BUF_INIT;

	for (; at && left; at += len, left -= len) {
		const char *sign = memchr(at, '#', left);

		len = (size_t)((const char *)memchr(at, '\n', left) + 1 - at);
		buf_add(&out, sign, strcspn(sign, "\r\n"));
		buf_puts(&out, "\n");
	}
	yaml_comments_inside(s, n, "\n", &out);
	return out.len ? buf_detach(&out) : NULL;
}

static void move_field(struct hop *h, const struct kubeadm_change *c, const struct yaml_node *n)
{
	bool wanted = !kubeadm_harmless(c, n) &&
		      (c->op == OP_MOVE || kubeadm_doc(h->config, c->to_kind));
	bool comment = wanted && c->op == OP_MOVE && takes_comment(h->config, c, n);

	if (wanted && h->nmoves < MOVES_MAX)
		h->moves[h->nmoves++] = (struct move){ c, scalar_text(h->config->stream, n, comment),
						       comment ? text_above(h->config->stream, n) : NULL };
	if (c->op == OP_MOVE)
		yaml_edit_remove(&h->edit, h->config->stream, n, comment);
}

static void collect_list(struct hop *h, const struct yaml_node *n)
{
	if (n->alias)
		n = n->alias;
	for (size_t i = 0; i < h->nlists; i++)
		if (h->lists[i] == n)
			return;
	if (n->type == YAML_MAP && h->nlists < LISTS_MAX)
		h->lists[h->nlists++] = n;
}

static void apply_change(struct hop *h, const struct kubeadm_doc *d, const struct kubeadm_change *c)
{
	const struct yaml_node *n = c->path ? yaml_find(d->root, c->path) : NULL;

	if (c->op == OP_DROP_KIND)
		yaml_edit_remove_document(&h->edit, h->config->stream, d->index, true);
	if (!n)
		return;
	if (c->op == OP_LIST)
		collect_list(h, n);
	if (c->op == OP_MOVE || c->op == OP_COPY)
		move_field(h, c, n);
	if (c->op == OP_DROP)
		yaml_edit_remove(&h->edit, h->config->stream, n, false);
}

static void apply_changes(struct hop *h)
{
	for (size_t i = 0; i < h->config->ndocs; i++) {
		const struct kubeadm_doc *d = &h->config->docs[i];

		if (d->api + 1 != h->table->api)
			continue;
		for (size_t k = 0; k < h->table->nchanges; k++)
			if (h->table->changes[k].kind == d->kind)
				apply_change(h, d, &h->table->changes[k]);
	}
	for (size_t i = 0; i < h->nlists; i++)
		args_to_list(&h->edit, h->config->stream, h->lists[i]);
}

/* Only the version's own letters change when they are there as such. */
static void set_api(struct hop *h, const struct kubeadm_doc *d, enum kubeadm_api api)
{
	const struct yaml_stream *s = h->config->stream;
	const struct yaml_node *n = yaml_get(d->root, "apiVersion");
	const char *old = strchr(n->value, '/') + 1, *name = kubeadm_api_name(api), *at;
	auto_buf struct buf whole = BUF_INIT;
	size_t len, start = yaml_content_start(s, n);

	if (!strcmp(old, name))
		return;
	at = n->alias ? NULL : memmem(yaml_text(s, &len) + start, n->end - start, old, strlen(old));
	if (at) {
		start = (size_t)(at - yaml_text(s, &len));
		yaml_edit_splice(&h->edit, start, start + strlen(old), name);
		return;
	}
	buf_printf(&whole, "\"" KUBEADM_GROUP "%s\"", name);
	yaml_edit_splice(&h->edit, start, n->end, buf_str(&whole));
}

static bool is_dropped(const struct kubeadm_table *t, enum kubeadm_kind kind)
{
	for (size_t i = 0; i < t->nchanges; i++)
		if (t->changes[i].op == OP_DROP_KIND && t->changes[i].kind == kind)
			return true;
	return false;
}

/* Documents of this version and the one before get its name. */
static void set_apis(struct hop *h)
{
	for (size_t i = 0; i < h->config->ndocs; i++) {
		const struct kubeadm_doc *d = &h->config->docs[i];

		if (d->api <= h->table->api &&
		    !(d->api + 1 == h->table->api && is_dropped(h->table, d->kind)))
			set_api(h, d, h->table->api);
	}
}

static int make_moves(struct hop *h, struct kubeadm_config **c)
{
	for (size_t i = 0; i < h->nmoves; i++) {
		const struct kubeadm_change *change = h->moves[i].change;
		const struct kubeadm_doc *d = kubeadm_doc(*c, change->to_kind);
		const struct yaml_node *there = d ? yaml_find(d->root, change->to_path) : NULL;
		const struct yaml_new value = { .raw = h->moves[i].text, .above = h->moves[i].above };

		/* kubeadm_migrate_check has seen to it that both say the same. */
		if (!yaml_is_null(there))
			continue;
		if (kubeadm_set(c, h->table->api, change->to_kind, change->to_path, &value, h->err) < 0)
			return -1;
	}
	return 0;
}

static void hop_release(struct hop *h)
{
	yaml_edit_release(&h->edit);
	for (size_t i = 0; i < h->nmoves; i++) {
		free(h->moves[i].text);
		free(h->moves[i].above);
	}
}

/* One version further.  Without a change *next stays NULL: the documents only count as of the new
 * version, until the text has to be written anyway. */
static int hop(struct kubeadm_config *c, enum kubeadm_api to, bool last,
	       struct kubeadm_config **next, struct err *err)
{
	struct hop h = { .config = c, .table = kubeadm_table(to), .err = err };
	int rc = 0;

	apply_changes(&h);
	if (h.edit.n || last) {
		set_apis(&h);
		*next = kubeadm_edited(c, &h.edit, err);
		rc = *next ? make_moves(&h, next) : -1;
	}
	for (size_t i = 0; i < c->ndocs && !*next; i++)
		if (c->docs[i].api + 1 == to)
			c->docs[i].api = to;
	hop_release(&h);
	return rc;
}

static enum kubeadm_api oldest(const struct kubeadm_config *c, enum kubeadm_api api)
{
	for (size_t i = 0; i < c->ndocs; i++)
		if (c->docs[i].api < api)
			api = c->docs[i].api;
	return api;
}

struct kubeadm_config *kubeadm_moved(const struct kubeadm_config *c, enum kubeadm_api to,
				     struct strs *notices, struct err *err)
{
	struct kubeadm_config view = *c; /* whose documents' versions may be changed */
	auto_kubeadm struct kubeadm_config *moved = NULL;
	struct yaml_edit none = YAML_EDIT_INIT;

	if (kubeadm_migrate_check(c, to, notices, err) < 0)
		return NULL;
	for (enum kubeadm_api v = oldest(c, to) + 1; v <= to; v++) {
		struct kubeadm_config *next = NULL;
		int rc = hop(moved ? moved : &view, v, v == to, &next, err);

		if (next) {
			kubeadm_free(moved);
			moved = next;
		}
		if (rc < 0)
			return NULL;
	}
	return moved ? TAKE(moved) : kubeadm_edited(c, &none, err);
}

int kubeadm_migrate(const struct kubeadm_config *c, enum kubeadm_api to, struct buf *out,
		    struct strs *notices, struct err *err)
{
	auto_kubeadm struct kubeadm_config *moved = NULL;
	const char *text;
	size_t len;

	if (!c->ndocs)
		return kubeadm_nothing(c, err);
	if (notices)
		kubeadm_notices(c, to, notices);
	moved = kubeadm_moved(c, to, notices, err);
	if (!moved)
		return -1;
	text = yaml_text(moved->stream, &len);
	buf_reserve(out, out->len + len);
	buf_add(out, text, len);
	return 0;
}
