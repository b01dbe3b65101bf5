#define _GNU_SOURCE
#include "drill_report.h"

#include <jansson.h>

int64_t drill_report_cost(const struct drill_report *r, const struct drill_result *one)
{
	return one->mended.sum_ms + (r->only_return ? 0 : one->broken.sum_ms);
}

const char *drill_report_holder(const struct drill_report *r, int node)
{
	switch (node) {
	case DRILL_NOBODY:
		return "nobody";
	case DRILL_SEVERAL:
		return "several";
	case DRILL_UNKNOWN:
		return "?";
	default:
		return drill_node_name(r->drill, node);
	}
}

void drill_report_text(const struct drill_report *r, FILE *out)
{
	fprintf(out, "%-9s %-12s %14s %14s %7s %6s  %s\n", "scenario", "node", "broken: gone", "mended: gone", "failed",
		"slow", "virtual IP");
	for (size_t i = 0; i < r->n; i++) {
		const struct drill_result *one = &r->v[i];

		fprintf(out, "%-9s %-12s %11jd ms %11jd ms %7d %6d  %s > %s > %s%s\n", drill_kind_name(one->kind),
			drill_node_name(r->drill, one->node), (intmax_t)one->broken.sum_ms, (intmax_t)one->mended.sum_ms,
			one->counts.failed, one->counts.slow, drill_report_holder(r, one->before),
			drill_report_holder(r, one->during), drill_report_holder(r, one->after),
			one->leads_etcd > 0 ? "  (led etcd)" : "");
	}
}

static json_t *gaps_json(const struct drill_result *one, const struct probe_gaps *g)
{
	json_t *list = json_array();

	for (size_t i = 0; i < g->n; i++)
		json_array_append_new(list, json_pack("{s:I, s:I, s:b}", "atMs", (json_int_t)(g->v[i].from_ms - one->break_ms),
						      "ms", (json_int_t)(g->v[i].to_ms - g->v[i].from_ms), "open", g->v[i].open));
	return json_pack("{s:I, s:I, s:o}", "longestMs", (json_int_t)g->longest_ms, "sumMs", (json_int_t)g->sum_ms, "gaps", list);
}

static json_t *node_json(const struct drill_report *r, int node)
{
	return node >= 0 ? json_string(drill_node_name(r->drill, node)) :
	       node == DRILL_SEVERAL ? json_string("several") : json_null();
}

void drill_report_json(const struct drill_report *r, const struct drill_result *one, FILE *out)
{
	const struct probe_counts *c = &one->counts;
	json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:o, s:I, s:{s:i, s:i, s:i, s:i, s:i}, s:{s:o, s:o, s:o, s:i}, s:{s:I, s:I, s:I}}",
		"event", "scenario", "scenario", drill_kind_name(one->kind), "node", drill_node_name(r->drill, one->node),
		"ledEtcd", one->leads_etcd < 0 ? json_null() : json_boolean(one->leads_etcd),
		"withinBudget", drill_report_cost(r, one) <= r->budget_ms,
		"broken", gaps_json(one, &one->broken), "mended", gaps_json(one, &one->mended),
		"longestSilenceMs", (json_int_t)one->silent_ms,
		"requests", "sent", c->requests, "failed", c->failed, "slow", c->slow, "medianMs", c->median_ms, "maxMs", c->max_ms,
		"holder", "before", node_json(r, one->before), "during", node_json(r, one->during),
		"after", node_json(r, one->after), "switches", one->switches,
		"times", "struckMs", (json_int_t)(one->struck_ms ? one->struck_ms - one->break_ms : -1),
		"mendMs", (json_int_t)(one->mend_ms - one->break_ms),
		"wholeMs", (json_int_t)(one->whole_ms ? one->whole_ms - one->break_ms : -1));

	json_dumpf(o, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	fflush(out);
	json_decref(o);
}
