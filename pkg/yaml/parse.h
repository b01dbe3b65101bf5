/* State of reading a stream. */
#ifndef YAML_PARSE_H
#define YAML_PARSE_H

#include <yaml.h>

#include "yaml/stream.h"

#define EXPANDED_MAX 1000000u /* values that aliases may stand for, together */

struct anchor {
	const char *name; /* in the stream's arena; NULL: free slot */
	struct yaml_node *node;
	unsigned document;
};

struct parse {
	struct yaml_stream *s;
	const struct yaml_limits *limits;
	struct err *err;
	yaml_parser_t lib;
	size_t characters;        /* in the text */
	size_t at_index, at_byte; /* the same place, in characters and in bytes */
	struct yaml_doc *doc;
	struct yaml_node *open;   /* innermost collection that has not ended */
	struct yaml_node *key;    /* that waits for its value */
	unsigned depth;           /* collections open */
	uint64_t nodes, expanded;
	struct anchor *anchors;   /* a hash table; its size is a power of two */
	size_t nanchors, anchors_size;
};

/* An anchor may be set again: from there on its name stands for the new node. */
void anchors_set(struct parse *p, const char *name, struct yaml_node *n);
struct yaml_node *anchors_get(const struct parse *p, const char *name);
void anchors_release(struct parse *p);

/* Refuses a map with a key twice. */
int duplicate_check(struct parse *p, const struct yaml_node *map) MUST_CHECK;

#endif
