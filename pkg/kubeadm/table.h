/*
 * What each API version changed against the one before it: one table per version drives reading
 * and migration.  A new version is one new file with its table, named in kubeadm_tables
 * (version.c) and in enum kubeadm_api.
 */
#ifndef KUBEADM_TABLE_H
#define KUBEADM_TABLE_H

#include "kubeadm/kubeadm.h"

enum kubeadm_kind {
	INIT, CLUSTER, STATUS, JOIN, RESET, UPGRADE,
	KINDS
};

enum kubeadm_type {
	STRING, INT, BOOL, DURATION, TIME, ANY,
	STRINGS,    /* list of strings */
	STRING_MAP, /* map of strings */
	BOOL_MAP,
	STRUCT,     /* map with named fields */
	ITEMS,      /* list of such maps */
	STRUCT_MAP, /* map of such maps */
};

enum kubeadm_op { OP_ADD, OP_DROP, OP_MOVE, OP_COPY, OP_LIST, OP_DROP_KIND };

/* In a path, "[]" stands behind the name of a list and "*" is any key of a map. */
struct kubeadm_change {
	enum kubeadm_op op;
	enum kubeadm_kind kind;
	const char *path;
	enum kubeadm_type type;
	enum kubeadm_kind to_kind;
	const char *to_path;
	const char *harmless; /* a value that loses nothing, or means nothing when moved */
	const char *note;     /* why it is gone */
};

/* ADD: a new field.  DROP: a field is gone.  MOVE: a field has another place, which the same
 * version ADDs.  COPY, before the MOVE: the same for one more kind, if the file has it.  LIST: a
 * map of strings became a list of name and value.  DROP_KIND: a document is gone. */
#define ADD(kind, path, type) { OP_ADD, kind, path, type, 0, NULL, NULL, NULL }
#define DROP(kind, path, harmless, note) { OP_DROP, kind, path, 0, 0, NULL, harmless, note }
#define MOVE(kind, path, to, to_path, harmless) { OP_MOVE, kind, path, 0, to, to_path, harmless, NULL }
#define COPY(kind, path, to, to_path, harmless) { OP_COPY, kind, path, 0, to, to_path, harmless, NULL }
#define LIST(kind, path) { OP_LIST, kind, path, 0, 0, NULL, NULL, NULL }
#define DROP_KIND(kind, note) { OP_DROP_KIND, kind, NULL, 0, 0, NULL, NULL, note }

struct kubeadm_table {
	enum kubeadm_api api;
	const char *name;
	int written_from;        /* minor release of kubeadm that reads it without a flag; 0: none */
	int read_until;          /* last minor release that reads it; 0: no end known */
	const struct kubeadm_change *changes; /* against the version before */
	size_t nchanges;
	const char *notice;      /* for whoever migrates to it, or NULL */
};

extern const struct kubeadm_table kubeadm_v1beta1, kubeadm_v1beta2, kubeadm_v1beta3,
	kubeadm_v1beta4, kubeadm_v1;

/* NULL for a version without a table. */
const struct kubeadm_table *kubeadm_table(enum kubeadm_api api);
enum kubeadm_api kubeadm_api_by_name(const char *name); /* KUBEADM_NONE: unknown */

#define KUBEADM_OLDEST KUBEADM_V1BETA1
#define KUBEADM_NEWEST KUBEADM_V1

#endif
