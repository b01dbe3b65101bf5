/* Reads YAML into structs by key table; private to the module. */
#ifndef INVENTORY_READ_H
#define INVENTORY_READ_H

#include "base/strs.h"
#include "inventory/keys.h"
#include "yaml/yaml.h"

struct inv_reader {
	const char *path; /* of the file, or "-" */
	struct yaml_stream *stream;
	struct strs strings; /* made while reading; the rest is the stream's */
	struct strs errors;  /* so far; each map and each node is read to its end */
};

enum { INV_ERRORS_MAX = 20 };

/* Takes err over; reading goes on, until there are INV_ERRORS_MAX. */
void inv_keep_error(struct inv_reader *r, struct err *err);
/* 0, or -1 with the first error that was kept since there were so many. */
int inv_errors_since(const struct inv_reader *r, size_t before, struct err *err) MUST_CHECK;

/* Lists are longer than this by mistake only. */
enum { INV_ITEMS_MAX = 1000 };

/* Reads a map into base; keys of type INV_NODES are only known, not read.  What the map leaves
 * out stays as it is.  On failure err is the first of the errors that were kept. */
int inv_read_map(struct inv_reader *r, const struct yaml_node *map, const struct inv_key *keys,
		 void *base, struct err *err) MUST_CHECK;

/* Puts the fixed defaults into base; call it before reading. */
void inv_defaults(const struct inv_key *keys, void *base);

/* The items of a list that may be absent; name and items are for messages. */
int inv_count(const struct inv_reader *r, const struct yaml_node *list, const char *name,
	      const char *items, size_t *n, struct err *err) MUST_CHECK;

#endif
