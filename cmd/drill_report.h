/* What `hactl drill` tells of its scenarios: lines, JSON, and a page for a browser. */
#ifndef CMD_DRILL_REPORT_H
#define CMD_DRILL_REPORT_H

#include "steps/drill.h"

struct drill_report {
	struct drill *drill;
	const struct inventory *inv;
	int budget_ms;
	bool only_return;             /* the time after mending alone counts */
	const struct drill_result *v; /* in the order of the runs */
	size_t n;
};

/* The ms that are held against the budget. */
int64_t drill_report_cost(const struct drill_report *r, const struct drill_result *one);

/* The name of a node, or what stands for it: "nobody", "several", "?". */
const char *drill_report_holder(const struct drill_report *r, int node);

void drill_report_text(const struct drill_report *r, FILE *out);
/* One line: {"event":"scenario", ...}. */
void drill_report_json(const struct drill_report *r, const struct drill_result *one, FILE *out);
/* One file that refers to no other. */
int drill_report_html(const struct drill_report *r, const char *path, struct err *err) MUST_CHECK;

#endif
