/*
 * A YAML stream kept as text, with a tree of marks over it.
 *
 * Reading: every node knows the bytes it stands in, so that errors can show the line and edits
 * can replace just what changes.  Duplicate keys, bad UTF-8, nesting and size beyond the limits
 * are errors with file:line:column, the line and a caret.
 */
#ifndef YAML_YAML_H
#define YAML_YAML_H

#include <stdbool.h>

#include "base/buf.h"

enum yaml_type { YAML_SCALAR, YAML_MAP, YAML_SEQ };

struct yaml_node {
	enum yaml_type type;
	const char *value;       /* a scalar's text, decoded, NUL-terminated; else NULL */
	size_t len;              /* of value */
	bool plain;              /* a scalar written without quotes (and no block scalar) */
	bool flow;               /* a map or sequence in { } or [ ] */
	size_t start, end;       /* its bytes in the text, quotes and brackets included */
	int line, column;        /* of start, from 1; column in characters */
	struct yaml_node *key;   /* in a map: the key this node is the value of */
	struct yaml_node *child; /* first item of a map or sequence */
	struct yaml_node *next;  /* next item */
	struct yaml_node *parent;
};

struct yaml_limits {
	size_t bytes;    /* of text */
	unsigned depth;  /* of nesting */
	bool plain_only; /* no anchors, aliases, merge keys or tags: for hactl.yaml */
};

struct yaml_stream; /* text, name, documents */

/* name is for messages ("hactl.yaml").  The text is copied. */
struct yaml_stream *yaml_parse(const char *name, const char *text, size_t len,
			       const struct yaml_limits *limits, struct err *err) MUST_CHECK;
void yaml_free(struct yaml_stream *s);
static inline void auto_yaml_(struct yaml_stream **s) { yaml_free(*s); }
#define auto_yaml AUTO(auto_yaml_)

/* Documents in order; a document without content has a NULL root. */
size_t yaml_count(const struct yaml_stream *s);
struct yaml_node *yaml_root(const struct yaml_stream *s, size_t doc);

/* The value at a path of keys ("networking.podSubnet") below a map, or NULL. */
struct yaml_node *yaml_find(const struct yaml_node *map, const char *path);

/* Is it null: absent, a plain ~ or null, or nothing at all? */
bool yaml_is_null(const struct yaml_node *n);

/* The types of YAML 1.1 as kubeadm's reader (go-yaml) sees a plain scalar. */
int yaml_bool(const struct yaml_node *n, bool *value); /* 0, or -1 when it is none */
int yaml_int(const struct yaml_node *n, long *value);

/* "name:line:column: message", the line (cut at 200 characters, values of secret keys masked,
 * control characters made visible) and a caret under the node's first character. */
int yaml_error(const struct yaml_stream *s, const struct yaml_node *at, struct err *err,
	       const char *fmt, ...) PRINTF(4, 5);

#endif
