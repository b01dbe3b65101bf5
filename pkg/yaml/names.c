/* Names that must be found fast: anchors of a document, keys of a map. */
#define _GNU_SOURCE
#include "yaml/parse.h"

#include <string.h>

static uint64_t hash(const char *s)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h ^ h >> 32;
}

/* The slot of the name, or the free one where it belongs. */
static struct anchor *slot(const struct parse *p, const char *name)
{
	size_t mask = p->anchors_size - 1, i = hash(name) & mask;

	while (p->anchors[i].name && strcmp(p->anchors[i].name, name))
		i = (i + 1) & mask;
	return &p->anchors[i];
}

static void grow(struct parse *p)
{
	struct anchor *old = p->anchors;
	size_t size = p->anchors_size;

	p->anchors_size = size ? size * 2 : 64;
	p->anchors = calloc(p->anchors_size, sizeof(*p->anchors));
	if (!p->anchors)
		abort();
	for (size_t i = 0; i < size; i++)
		if (old[i].name)
			*slot(p, old[i].name) = old[i];
	free(old);
}

void anchors_set(struct parse *p, const char *name, struct yaml_node *n)
{
	struct anchor *a;

	if (p->nanchors * 2 >= p->anchors_size)
		grow(p);
	a = slot(p, name);
	if (!a->name) {
		size_t len = strlen(name) + 1;

		a->name = memcpy(arena_alloc(&p->s->texts, len), name, len);
		p->nanchors++;
	}
	a->node = n;
	a->document = (unsigned)p->s->ndocs;
}

/* Anchors do not reach into the next document. */
struct yaml_node *anchors_get(const struct parse *p, const char *name)
{
	const struct anchor *a = p->nanchors ? slot(p, name) : NULL;

	return a && a->name && a->document == p->s->ndocs ? a->node : NULL;
}

void anchors_release(struct parse *p)
{
	free(p->anchors);
	p->anchors = NULL;
}

static int by_key(const void *a, const void *b)
{
	const struct yaml_node *x = *(struct yaml_node *const *)a;
	const struct yaml_node *y = *(struct yaml_node *const *)b;
	int order = strcmp(x->key->value, y->key->value);

	return order ? order : (x->key->start > y->key->start) - (x->key->start < y->key->start);
}

/* The first entry, in the file's order, whose key stood before; *first is where. */
static const struct yaml_node *find_duplicate(const struct yaml_node **entries, size_t n,
					      const struct yaml_node **first)
{
	const struct yaml_node *found = NULL;

	qsort(entries, n, sizeof(*entries), by_key);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(entries[i]->key->value, entries[i - 1]->key->value))
			continue;
		if (!found || entries[i]->key->start < found->key->start) {
			found = entries[i];
			*first = entries[i - 1];
		}
	}
	return found;
}

int duplicate_check(struct parse *p, const struct yaml_node *map)
{
	const struct yaml_node *few[16], **entries = few, *found, *first = NULL;
	size_t n = 0;

	for (const struct yaml_node *c = map->child; c; c = c->next)
		n++;
	if (n > sizeof(few) / sizeof(*few)) {
		entries = calloc(n, sizeof(*entries));
		if (!entries)
			abort();
	}
	n = 0;
	for (const struct yaml_node *c = map->child; c; c = c->next)
		entries[n++] = c;
	found = find_duplicate(entries, n, &first);
	if (entries != few)
		free(entries);
	if (!found)
		return 0;
	return yaml_error(p->s, found->key, p->err, "the key '%s' is given twice, first on line %d",
			  found->key->value, first->key->line);
}
