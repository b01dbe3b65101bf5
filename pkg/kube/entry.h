/* Entries of a kubeconfig's lists (clusters, contexts, users) as YAML. */
#ifndef KUBE_ENTRY_H
#define KUBE_ENTRY_H

#include "yaml/yaml.h"

struct entry {
	const char *list, *inner;     /* "clusters", "cluster" */
	const char *name;
	const struct yaml_node *body; /* the map below inner */
	const char *cluster, *user;   /* in a context: instead of the body's */
};

/* As a block map whose lines after the first are indented by indent; no newline at the end. */
void entry_block(const struct entry *e, size_t indent, struct buf *out);
void entry_flow(const struct entry *e, struct buf *out);
void entry_scalar(const char *text, struct buf *out);

/* Does the item of a list say the same as the entry? */
bool entry_is(const struct entry *e, const struct yaml_node *item);

/* The item called name of a list, or NULL. */
struct yaml_node *entry_find(const struct yaml_node *seq, const char *name);

/* The same values under the same keys in the same order, aliases followed. */
bool entry_same_tree(const struct yaml_node *a, const struct yaml_node *b);

#endif
