/* Memory of a stream's nodes: many small objects that die together. */
#define _GNU_SOURCE
#include "yaml/stream.h"

#include <string.h>

#define BLOCK_LEN (64u << 10)

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	void *data[];
};

void *arena_alloc(struct arena *a, size_t need)
{
	struct arena_block *b = a->blocks;

	if (!b || b->cap - b->used < need) {
		size_t cap = need > BLOCK_LEN ? need : BLOCK_LEN;

		b = calloc(1, sizeof(*b) + cap);
		if (!b)
			abort();
		b->cap = cap;
		b->next = a->blocks;
		a->blocks = b;
	}
	b->used += need;
	return (char *)b->data + b->used - need;
}

void arena_release(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_block *b = a->blocks; b; b = next) {
		next = b->next;
		explicit_bzero(b->data, b->used);
		free(b);
	}
	a->blocks = NULL;
}
