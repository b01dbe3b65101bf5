#define _GNU_SOURCE
#include "kubeadm/schema.h"

#include <assert.h>
#include <string.h>

static const char *const kind_names[KINDS + 1] = {
	[INIT] = "InitConfiguration", [CLUSTER] = "ClusterConfiguration", [STATUS] = "ClusterStatus",
	[JOIN] = "JoinConfiguration", [RESET] = "ResetConfiguration",
	[UPGRADE] = "UpgradeConfiguration",
};

const char *kubeadm_kind_name(enum kubeadm_kind kind)
{
	return kind_names[kind];
}

enum kubeadm_kind kubeadm_kind_by_name(const char *name)
{
	int kind = 0;

	while (kind < KINDS && strcmp(kind_names[kind], name))
		kind++;
	return (enum kubeadm_kind)kind;
}

const struct kubeadm_field *kubeadm_field(const struct kubeadm_field *parent, const char *name,
					  size_t len)
{
	for (const struct kubeadm_field *f = parent->child; f; f = f->next)
		if ((f->len == len && !memcmp(f->name, name, len)) || (f->len == 1 && *f->name == '*'))
			return f;
	return NULL;
}

static struct kubeadm_field *new_field(const char *name, size_t len, enum kubeadm_type type)
{
	struct kubeadm_field *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->name = name;
	f->len = len;
	f->type = type;
	return f;
}

/* One step of a path: its name, and where the next one starts (NULL: it was the last). */
static const char *step(const char *path, size_t *len, bool *list)
{
	*len = strcspn(path, ".[");
	*list = path[*len] == '[';
	path += *len + (*list ? 2 : 0);
	return *path == '.' ? path + 1 : NULL;
}

static void add_child(struct kubeadm_field *parent, struct kubeadm_field *f)
{
	struct kubeadm_field **at = &parent->child;

	if (*f->name == '*')
		parent->type = STRUCT_MAP;
	while (*at)
		at = &(*at)->next;
	*at = f;
}

static void add(struct kubeadm_field *f, const char *path, enum kubeadm_type type)
{
	while (path) {
		size_t len;
		bool list;
		const char *rest = step(path, &len, &list);
		struct kubeadm_field *child = (struct kubeadm_field *)kubeadm_field(f, path, len);

		if (!child) {
			child = new_field(path, len, list ? ITEMS : rest ? STRUCT : type);
			add_child(f, child);
		}
		f = child;
		path = rest;
	}
}

const struct kubeadm_field *kubeadm_field_at(const struct kubeadm_field *root, const char *path)
{
	while (root && path) {
		size_t len;
		bool list;
		const char *rest = step(path, &len, &list);

		root = kubeadm_field(root, path, len);
		path = rest;
	}
	return root;
}

static void free_fields(struct kubeadm_field *f)
{
	while (f) {
		struct kubeadm_field *next = f->next;

		free_fields(f->child);
		free(f);
		f = next;
	}
}

static void drop(struct kubeadm_field *root, const char *path)
{
	struct kubeadm_field *parent = root, **at;
	size_t len;
	bool list;

	for (const char *rest; (rest = step(path, &len, &list)); path = rest)
		parent = (struct kubeadm_field *)kubeadm_field(parent, path, len);
	for (at = &parent->child; *at && ((*at)->len != len || memcmp((*at)->name, path, len));)
		at = &(*at)->next;
	struct kubeadm_field *gone = *at;

	assert(gone); /* the tables drop what they have added */
	*at = gone->next;
	gone->next = NULL;
	free_fields(gone);
}

static void list(struct kubeadm_field *root, const char *path)
{
	struct kubeadm_field *f = (struct kubeadm_field *)kubeadm_field_at(root, path);

	assert(f && f->type == STRING_MAP);
	f->type = ITEMS;
	add_child(f, new_field("name", 4, STRING));
	add_child(f, new_field("value", 5, STRING));
}

static void apply(struct kubeadm_schema *s, const struct kubeadm_change *c)
{
	struct kubeadm_field **root = &s->kinds[c->kind];

	if (c->op == OP_DROP_KIND) {
		free_fields(*root);
		*root = NULL;
		return;
	}
	if (!*root) {
		*root = new_field(kind_names[c->kind], strlen(kind_names[c->kind]), STRUCT);
		add(*root, "apiVersion", STRING);
		add(*root, "kind", STRING);
	}
	if (c->op == OP_ADD)
		add(*root, c->path, c->type);
	else if (c->op == OP_LIST)
		list(*root, c->path);
	else if (c->op == OP_DROP || c->op == OP_MOVE)
		drop(*root, c->path);
}

struct kubeadm_schema *kubeadm_schema_new(enum kubeadm_api api)
{
	struct kubeadm_schema *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	for (enum kubeadm_api v = KUBEADM_OLDEST; v <= api; v++) {
		s->table = kubeadm_table(v);
		for (size_t i = 0; i < s->table->nchanges; i++)
			apply(s, &s->table->changes[i]);
	}
	return s;
}

void kubeadm_schema_free(struct kubeadm_schema *s)
{
	if (!s)
		return;
	for (int i = 0; i < KINDS; i++)
		free_fields(s->kinds[i]);
	free(s);
}
