#include "probe/probe.h"

#include <stdlib.h>
#include <string.h>

/* How far apart two requests may begin and still be told to have met the same moment. */
#define SAME_MOMENT_MS 200

static int by_begin(const void *a, const void *b)
{
	const struct probe_sample *x = a, *y = b;

	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return x->target - y->target;
}

void probe_log_sort(struct probe_log *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_begin);
}

void probe_log_add(struct probe_log *l, struct probe_sample s)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 256;
		l->v = reallocarray(l->v, l->cap, sizeof(*l->v));
		if (!l->v)
			abort();
	}
	l->v[l->n++] = s;
}

void probe_log_release(struct probe_log *l)
{
	free(l->v);
	*l = (struct probe_log){ NULL, 0, 0 };
}

void probe_gaps_release(struct probe_gaps *g)
{
	free(g->v);
	*g = (struct probe_gaps){ 0 };
}

const char *probe_result_name(enum probe_result r)
{
	static const char *const names[] = { "ok", "sick", "refused", "lost", "foreign", "timeout" };

	return names[r];
}

/* The first sample that began at ms or later. */
static size_t lower_bound(const struct probe_log *l, int64_t ms)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->v[mid].ms < ms)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool another_answered(const struct probe_log *l, int64_t ms)
{
	for (size_t i = lower_bound(l, ms - SAME_MOMENT_MS); i < l->n && l->v[i].ms <= ms + SAME_MOMENT_MS; i++)
		if (l->v[i].target && l->v[i].result == PROBE_OK)
			return true;
	return false;
}

/* When the first answer came to a request that began with sample i or later; -1: none.  An answer
 * may overtake those to earlier requests, so all that began before it came are looked at. */
static int64_t first_answer(const struct probe_log *l, size_t i)
{
	int64_t first = -1;

	for (; i < l->n && (first < 0 || l->v[i].ms < first); i++) {
		const struct probe_sample *s = &l->v[i];

		if (!s->target && s->result == PROBE_OK && (first < 0 || s->ms + s->took_ms < first))
			first = s->ms + s->took_ms;
	}
	return first;
}

/* Requests that failed before a gap was over belong to it; one that fails later, while those of
 * the same moment were answered, begins another. */
static void add_gap(struct probe_gaps *out, int64_t from_ms, int64_t answer_ms, int64_t end_ms)
{
	struct probe_gap *last = out->n ? &out->v[out->n - 1] : NULL;
	int64_t to_ms = answer_ms < 0 ? end_ms : answer_ms;

	if (last && from_ms <= last->to_ms) {
		if (to_ms > last->to_ms)
			last->to_ms = to_ms;
		last->open |= answer_ms < 0;
		return;
	}
	out->v = reallocarray(out->v, out->n + 1, sizeof(*out->v));
	if (!out->v)
		abort();
	out->v[out->n++] = (struct probe_gap){ from_ms, to_ms > from_ms ? to_ms : from_ms, answer_ms < 0 };
}

static void add_up(struct probe_gaps *g)
{
	g->sum_ms = g->longest_ms = 0;
	for (size_t i = 0; i < g->n; i++) {
		int64_t ms = g->v[i].to_ms - g->v[i].from_ms;

		g->sum_ms += ms;
		if (ms > g->longest_ms)
			g->longest_ms = ms;
	}
}

void probe_outages(const struct probe_log *l, int64_t from_ms, int64_t to_ms, enum probe_judge judge,
		   struct probe_gaps *out)
{
	int64_t end_ms = l->n && l->v[l->n - 1].ms > to_ms ? l->v[l->n - 1].ms : to_ms;

	probe_gaps_release(out);
	for (size_t i = lower_bound(l, from_ms); i < l->n && l->v[i].ms < to_ms; i++) {
		const struct probe_sample *s = &l->v[i];

		if (s->target || s->result == PROBE_OK)
			continue;
		if (judge == PROBE_GONE && !another_answered(l, s->ms))
			continue;
		add_gap(out, s->ms, first_answer(l, i), end_ms);
	}
	add_up(out);
}

void probe_gaps_split(struct probe_gaps *g, int64_t ms, struct probe_gaps *later)
{
	size_t n = 0;

	probe_gaps_release(later);
	while (n < g->n && g->v[n].from_ms < ms)
		n++;
	if (n < g->n) {
		later->v = calloc(g->n - n, sizeof(*later->v));
		if (!later->v)
			abort();
		later->n = g->n - n;
		memcpy(later->v, g->v + n, later->n * sizeof(*later->v));
	}
	g->n = n;
	add_up(g);
	add_up(later);
}

static int by_int(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

struct probe_counts probe_count(const struct probe_log *l, unsigned target, int64_t from_ms, int64_t to_ms)
{
	struct probe_counts c = { 0 };
	int *took = calloc(l->n + 1, sizeof(*took));
	int n = 0;

	if (!took)
		abort();
	for (size_t i = lower_bound(l, from_ms); i < l->n && l->v[i].ms < to_ms; i++) {
		const struct probe_sample *s = &l->v[i];

		if (s->target != target)
			continue;
		c.requests++;
		if (s->result == PROBE_OK)
			took[n++] = s->took_ms;
		c.failed += s->result != PROBE_OK;
		c.slow += s->result == PROBE_OK && s->took_ms > PROBE_SLOW_MS;
	}
	if (n) {
		qsort(took, (size_t)n, sizeof(*took), by_int);
		c.median_ms = took[n / 2];
		c.max_ms = took[n - 1];
	}
	free(took);
	return c;
}

bool probe_steady(const struct probe_log *l, unsigned target, int64_t from_ms, int64_t fresh_ms)
{
	bool fresh = false;

	for (size_t i = lower_bound(l, from_ms); i < l->n; i++) {
		if (l->v[i].target != target)
			continue;
		if (l->v[i].result != PROBE_OK)
			return false;
		fresh |= l->v[i].ms >= fresh_ms;
	}
	return fresh;
}
