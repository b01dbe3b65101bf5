/* Who held the virtual IP, from what the nodes said of themselves. */
#include <assert.h>

#include "steps/drill.h"

#define NODES_MAX PROBE_TARGETS_MAX

/* What is known of each node after the first n entries. */
static int holder_of(const signed char *holds, size_t nnodes)
{
	int holder = DRILL_NOBODY;
	bool all_known = true;

	for (size_t i = 0; i < nnodes; i++) {
		all_known &= holds[i] >= 0;
		if (holds[i] > 0)
			holder = holder == DRILL_NOBODY ? (int)i : DRILL_SEVERAL;
	}
	return holder == DRILL_NOBODY && !all_known ? DRILL_UNKNOWN : holder;
}

int drill_holder_at(const struct drill_holdings *h, size_t nnodes, int except, int64_t ms)
{
	signed char holds[NODES_MAX];

	assert(nnodes <= NODES_MAX);
	for (size_t i = 0; i < nnodes; i++)
		holds[i] = -1;
	for (size_t i = 0; i < h->n && h->v[i].ms <= ms; i++)
		holds[h->v[i].node] = (signed char)h->v[i].holds;
	if (except >= 0)
		holds[except] = 0;
	return holder_of(holds, nnodes);
}

int drill_switches(const struct drill_holdings *h, size_t nnodes, int except, int64_t from_ms, int64_t to_ms)
{
	int was = drill_holder_at(h, nnodes, except, from_ms), n = 0;

	for (size_t i = 0; i < h->n; i++) {
		int is;

		if (h->v[i].ms <= from_ms || h->v[i].ms > to_ms)
			continue;
		is = drill_holder_at(h, nnodes, except, h->v[i].ms);
		if (is < 0 || is == was)
			continue;
		n += was >= 0;
		was = is;
	}
	return n;
}

const char *drill_holder_problem(const struct drill_result *r)
{
	if (r->during == DRILL_SEVERAL)
		return "several nodes held the virtual IP before it was mended";
	if (r->after == DRILL_SEVERAL)
		return "several nodes hold the virtual IP at its end";
	return r->after == DRILL_NOBODY ? "nobody holds the virtual IP at its end" : NULL;
}
