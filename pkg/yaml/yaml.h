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
#include <stdint.h>

#include "base/buf.h"

enum yaml_type { YAML_SCALAR, YAML_MAP, YAML_SEQ };

/* An alias (*x) is a node of its own that has the type, value and items of what it stands for:
 * the items' parent is then the anchored node, not the alias. */
struct yaml_node {
	enum yaml_type type : 8;
	bool plain : 1;          /* a scalar whose type is found from its text: without quotes */
	bool flow : 1;           /* a map or sequence in { } or [ ] */
	bool anchored : 1;       /* has an &anchor */
	bool tagged : 1;         /* has a !tag */
	bool odd_tag : 1;        /* ... that is none of !!str, !!map, !!seq, !!null, !!bool, !!int, !!float */
	bool explicit_key : 1;   /* a key written as "? key"; such maps are not edited */
	bool merge : 1;          /* a value whose key is << : its entries are the map's, too */
	uint16_t height;         /* levels below it, aliases followed */
	uint32_t weight;         /* nodes in it and below, aliases followed */
	int line, column;        /* of start, from 1; column in characters */
	uint32_t start, end;     /* its bytes in the text, quotes, brackets, anchor and tag included;
				  * a block collection ends with its last leaf */
	uint32_t len;            /* of value */
	const char *value;       /* a scalar's text, decoded, NUL-terminated; else NULL */
	struct yaml_node *key;   /* in a map: the key this node is the value of */
	struct yaml_node *child; /* first item of a map or sequence */
	struct yaml_node *last;  /* last item */
	struct yaml_node *next;  /* next item */
	struct yaml_node *parent;
	struct yaml_node *alias; /* the anchored node that this alias stands for, or NULL */
};

struct yaml_limits {
	size_t bytes;    /* of text */
	unsigned depth;  /* of nesting */
	unsigned nodes;  /* keys and values; 0: 500,000, which take less than 64 MiB */
	bool plain_only; /* no anchors, aliases, merge keys or tags: for hactl.yaml */
};

struct yaml_stream; /* text, name, documents */

/* name is for messages ("hactl.yaml").  The text is copied.  At most 10,000 documents. */
struct yaml_stream *yaml_parse(const char *name, const char *text, size_t len,
			       const struct yaml_limits *limits, struct err *err) MUST_CHECK;
/* Wipes the text.  (libyaml exports a yaml_free of its own.) */
void yaml_stream_free(struct yaml_stream *s);
static inline void auto_yaml_(struct yaml_stream **s) { yaml_stream_free(*s); }
#define auto_yaml AUTO(auto_yaml_)

/* Documents in order; a document without content has a NULL root. */
size_t yaml_count(const struct yaml_stream *s);
struct yaml_node *yaml_root(const struct yaml_stream *s, size_t doc);

/* As given to yaml_parse. */
const char *yaml_name(const struct yaml_stream *s);

/* The text and its length, a byte order mark included. */
const char *yaml_text(const struct yaml_stream *s, size_t *len);

/* The value of a key of a map, merged maps included; NULL when there is none or it is no map. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* The value at a path of keys ("networking.podSubnet") below a map, or NULL. */
struct yaml_node *yaml_find(const struct yaml_node *map, const char *path);

/* Is it null: absent, a plain ~ or null, or nothing at all?  Inline, so that callers' compilers and
 * analyzers know: what is not null is there. */
bool yaml_says_null(const struct yaml_node *n); /* n is there */
static inline bool yaml_is_null(const struct yaml_node *n) { return !n || yaml_says_null(n); }

/* The types of YAML 1.1 as kubeadm's reader (go-yaml) sees a plain scalar. */
int yaml_bool(const struct yaml_node *n, bool *value); /* 0, or -1 when it is none */
int yaml_int(const struct yaml_node *n, long *value);
bool yaml_is_string(const struct yaml_node *n); /* a scalar that is none of the others */

/* What is there, for messages: "a map", "a list", "null", "true or false", "a number",
 * "a string". */
const char *yaml_describe(const struct yaml_node *n);

/* "name:line:column: message", the line (cut at 200 characters, values of secret keys masked,
 * control characters made visible, in the message as well) and a caret under the node's first
 * character; at NULL: the start of the text.  ERR_CONFIG; returns -1. */
int yaml_error(const struct yaml_stream *s, const struct yaml_node *at, struct err *err,
	       const char *fmt, ...) PRINTF(4, 5);

/* Appends the text with the values of secret keys and what looks like a bootstrap token or a
 * certificate key as "***".  For any text, good YAML or not; in doubt it hides too much. */
void yaml_mask_secrets(const char *text, size_t len, struct buf *out);

/* "name:line:column: message" alone, for warnings. */
void yaml_notice(const struct yaml_stream *s, const struct yaml_node *at, struct buf *out,
		 const char *fmt, ...) PRINTF(4, 5);

#endif
