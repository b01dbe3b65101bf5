/* Timelines of a drill as SVG that takes its colours from the page. */
#ifndef CMD_DRILL_SVG_H
#define CMD_DRILL_SVG_H

#include "drill_report.h"

/* Text for HTML and its attributes. */
void drill_svg_escape(struct buf *out, const char *text);

/* The whole scenario: endpoint, nodes, holder. */
void drill_svg_timeline(const struct drill_report *r, const struct drill_result *one, const struct probe_log *log,
			const struct drill_holdings *h, struct buf *out);
/* Every request around the gaps; nothing when there are none. */
void drill_svg_closeup(const struct drill_report *r, const struct drill_result *one, const struct probe_log *log,
		       struct buf *out);

#endif
