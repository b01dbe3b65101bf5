/* The fields of one API version as a tree: what the tables up to it add up to. */
#ifndef KUBEADM_SCHEMA_H
#define KUBEADM_SCHEMA_H

#include "kubeadm/table.h"

struct kubeadm_field {
	const char *name; /* len bytes; "*": any key */
	size_t len;
	enum kubeadm_type type;
	struct kubeadm_field *child; /* of STRUCT, ITEMS, STRUCT_MAP */
	struct kubeadm_field *next;
};

struct kubeadm_schema {
	const struct kubeadm_table *table;
	struct kubeadm_field *kinds[KINDS]; /* STRUCT; NULL: this version has no such kind */
};

struct kubeadm_schema *kubeadm_schema_new(enum kubeadm_api api);
void kubeadm_schema_free(struct kubeadm_schema *s);

const struct kubeadm_field *kubeadm_field(const struct kubeadm_field *parent, const char *name,
					  size_t len);

/* The field at a path of the tables ("nodeRegistration.taints[].key"), or NULL. */
const struct kubeadm_field *kubeadm_field_at(const struct kubeadm_field *root, const char *path);

/* "ClusterConfiguration" */
const char *kubeadm_kind_name(enum kubeadm_kind kind);
/* KINDS: unknown. */
enum kubeadm_kind kubeadm_kind_by_name(const char *name);

#endif
