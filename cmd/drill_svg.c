#define _GNU_SOURCE
#include "drill_svg.h"

#include <stdio.h>
#include <string.h>

/* Units of the viewBox, which is as wide as the page on a desk. */
#define WIDTH 1070
#define LEFT 92
#define RIGHT (WIDTH - 10)
#define TOP 40       /* axis and marks */
#define LANE 18
#define VIP_LANE 30
#define SPACE 8
#define LEAD_MS 2000 /* shown before the break */
#define CLOSEUP_MAX_MS 12000
#define CLOSEUP_HEIGHT 150

struct scale {
	int64_t from_ms, to_ms, zero_ms;
};

static double x_of(const struct scale *s, int64_t ms)
{
	double share = (double)(ms - s->from_ms) / (double)(s->to_ms - s->from_ms);

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return LEFT + share * (RIGHT - LEFT);
}

void drill_svg_escape(struct buf *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<': buf_puts(out, "&lt;"); break;
		case '>': buf_puts(out, "&gt;"); break;
		case '&': buf_puts(out, "&amp;"); break;
		case '"': buf_puts(out, "&quot;"); break;
		default: buf_add(out, text, 1);
		}
}

static void text_at(struct buf *out, double x, double y, const char *class, const char *text)
{
	buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	drill_svg_escape(out, text);
	buf_puts(out, "</text>\n");
}

static void rect(struct buf *out, const struct scale *s, int64_t from_ms, int64_t to_ms, double y, double height,
		 const char *class, const char *title)
{
	double x = x_of(s, from_ms), width = x_of(s, to_ms) - x;

	buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"", x, y,
		   width < 0.6 ? 0.6 : width, height, class);
	if (!title) {
		buf_puts(out, "/>\n");
		return;
	}
	buf_puts(out, "><title>");
	drill_svg_escape(out, title);
	buf_puts(out, "</title></rect>\n");
}

static void open_svg(struct buf *out, double height, const char *label)
{
	buf_printf(out, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", WIDTH, height);
	drill_svg_escape(out, label);
	buf_puts(out, "\">\n");
}

/* ---- axis and marks ---- */

static int64_t tick_of(const struct scale *s)
{
	static const int64_t steps[] = { 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000 };
	int64_t span = s->to_ms - s->from_ms;
	size_t n = sizeof(steps) / sizeof(*steps), i = 0;

	while (i + 1 < n && span / steps[i] > 14)
		i++;
	return steps[i];
}

static void draw_axis(struct buf *out, const struct scale *s, double top, double bottom)
{
	int64_t tick = tick_of(s), at = (s->from_ms - s->zero_ms) / tick * tick;

	for (; s->zero_ms + at <= s->to_ms; at += tick) {
		char label[32];
		double x = x_of(s, s->zero_ms + at);

		if (s->zero_ms + at < s->from_ms)
			continue;
		snprintf(label, sizeof(label), tick < 1000 ? "%.1f s" : "%.0f s", (double)at / 1000);
		buf_printf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\" class=\"grid\"/>\n", x, x, top, bottom);
		text_at(out, x, bottom + 14, "t m", label);
	}
}

/* next_ms: of the mark to the right, or 0; where that is near the label goes to the left. */
static void draw_mark(struct buf *out, const struct scale *s, int64_t ms, int64_t next_ms, double bottom, const char *label)
{
	double x = x_of(s, ms);
	bool left = x > RIGHT - 60 || (next_ms && x_of(s, next_ms) - x < 60);

	if (!ms)
		return;
	buf_printf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"16\" y2=\"%.0f\" class=\"mark\"/>\n", x, x, bottom);
	text_at(out, left ? x - 4 : x + 4, 14, left ? "t e" : "t", label);
}

/* ---- lanes ---- */

static const char *class_of(const struct probe_sample *s)
{
	return s->result != PROBE_OK ? "bad" : s->took_ms > PROBE_SLOW_MS ? "slow" : "ok";
}

/* Requests of the same kind that follow each other are one bar. */
static void draw_answers(struct buf *out, const struct scale *s, const struct probe_log *log, unsigned target, double y,
			 double height)
{
	const struct probe_sample *first = NULL;
	int n = 0;

	rect(out, s, s->from_ms, s->to_ms, y, height, "none", NULL);
	for (size_t i = 0; i <= log->n; i++) {
		const struct probe_sample *now = i < log->n ? &log->v[i] : NULL;
		char title[96];

		if (now && (now->target != target || now->ms < s->from_ms || now->ms > s->to_ms))
			continue;
		if (first && (!now || class_of(first) != class_of(now))) {
			snprintf(title, sizeof(title), "%d requests %s", n, first->result == PROBE_OK ? "answered" :
				 "not answered");
			rect(out, s, first->ms, now ? now->ms : s->to_ms, y, height, class_of(first), title);
			first = NULL;
		}
		if (!first)
			first = now, n = 0;
		n++;
	}
}

static void draw_holder_bar(struct buf *out, const struct scale *s, const struct drill_report *r, int holder, int64_t from_ms,
			    int64_t to_ms, double y)
{
	const char *name = drill_report_holder(r, holder);
	double width = x_of(s, to_ms) - x_of(s, from_ms);
	char class[16] = "none";

	if (holder >= 0)
		snprintf(class, sizeof(class), "h%d", holder % 6);
	else if (holder == DRILL_SEVERAL)
		snprintf(class, sizeof(class), "slow");
	else if (holder == DRILL_NOBODY)
		snprintf(class, sizeof(class), "bad");
	rect(out, s, from_ms, to_ms, y, LANE, class, name);
	if (width > 8 * (double)strlen(name))
		text_at(out, (x_of(s, from_ms) + x_of(s, to_ms)) / 2, y + 13, holder == DRILL_UNKNOWN ? "t m" : "w m", name);
}

static void draw_holders(struct buf *out, const struct scale *s, const struct drill_report *r, const struct drill_result *one,
			 const struct drill_holdings *h, double y)
{
	size_t nodes = drill_nodes(r->drill);
	int64_t since = s->from_ms;
	int was = drill_holder_at(h, nodes, DRILL_NOBODY, since);

	for (size_t i = 0; i < h->n; i++) {
		int64_t ms = h->v[i].ms;
		bool cut = ms > one->break_ms && ms < one->mend_ms && one->kind >= DRILL_NETWORK;
		int is = drill_holder_at(h, nodes, cut ? one->node : DRILL_NOBODY, ms);

		if (ms <= since || ms > s->to_ms || is == was)
			continue;
		draw_holder_bar(out, s, r, was, since, ms, y);
		since = ms;
		was = is;
	}
	draw_holder_bar(out, s, r, was, since, s->to_ms, y);
}

static void draw_gaps(struct buf *out, const struct scale *s, const struct probe_gaps *g, double y)
{
	double free_from = 0;

	for (size_t i = 0; i < g->n; i++) {
		double x = x_of(s, g->v[i].from_ms), end = x_of(s, g->v[i].to_ms);
		char label[32];

		buf_printf(out, "<path d=\"M%.1f %.1fv-5H%.1fv5\" class=\"gone\"/>\n", x, y, end - x < 1 ? x + 1 : end);
		snprintf(label, sizeof(label), "%jd ms", (intmax_t)(g->v[i].to_ms - g->v[i].from_ms));
		if ((x + end) / 2 < free_from)
			continue; /* it would lie over the one before */
		text_at(out, (x + end) / 2, y - 9, "g m", label);
		free_from = (x + end) / 2 + 60;
	}
}

void drill_svg_timeline(const struct drill_report *r, const struct drill_result *one, const struct probe_log *log,
			const struct drill_holdings *h, struct buf *out)
{
	size_t nodes = drill_nodes(r->drill);
	const struct scale s = { one->break_ms - LEAD_MS, one->end_ms, one->break_ms };
	double bottom = TOP + VIP_LANE + SPACE + (double)(nodes + 1) * (LANE + SPACE), y = TOP;
	auto_free char *label = NULL;

	if (asprintf(&label, "Timeline of scenario %s", drill_kind_name(one->kind)) < 0)
		abort();
	open_svg(out, bottom + 20, label);
	rect(out, &s, one->break_ms, one->mend_ms, 20, bottom - 20, "broken", NULL);
	if (one->whole_ms)
		rect(out, &s, one->mend_ms, one->whole_ms, 20, bottom - 20, "healing", NULL);
	draw_axis(out, &s, TOP, bottom);
	text_at(out, LEFT - 10, y + 20, "e s", "virtual IP");
	draw_answers(out, &s, log, 0, y, VIP_LANE);
	y += VIP_LANE + SPACE;
	text_at(out, LEFT - 10, y + 13, "e", "holder");
	draw_holders(out, &s, r, one, h, y);
	for (size_t i = 0; i < nodes; i++) {
		y += LANE + SPACE;
		text_at(out, LEFT - 10, y + 13, (int)i == one->node ? "e s" : "e", drill_node_name(r->drill, (int)i));
		draw_answers(out, &s, log, (unsigned)i + 1, y + 3, LANE - 6);
	}
	draw_mark(out, &s, one->break_ms, 0, bottom, "broken");
	draw_mark(out, &s, one->mend_ms, one->whole_ms, bottom, "mended");
	draw_mark(out, &s, one->whole_ms, 0, bottom, "all well");
	draw_gaps(out, &s, &one->broken, TOP - 2);
	draw_gaps(out, &s, &one->mended, TOP - 2);
	buf_puts(out, "</svg>\n");
}

/* ---- close-up ---- */

static bool closeup_of(const struct drill_result *one, struct scale *s)
{
	const struct probe_gaps *g = one->broken.n ? &one->broken : &one->mended;

	if (!g->n)
		return false;
	*s = (struct scale){ g->v[0].from_ms - 500, g->v[g->n - 1].to_ms + 700, one->break_ms };
	if (s->to_ms - s->from_ms > CLOSEUP_MAX_MS)
		s->to_ms = s->from_ms + CLOSEUP_MAX_MS;
	return true;
}

/* How long a request took, on a scale that shows 5 ms as well as 900. */
static double height_of(int ms)
{
	double h = 8;

	for (double step = 5; ms > step && h < 200; step *= 2)
		h += 14;
	return h;
}

void drill_svg_closeup(const struct drill_report *r, const struct drill_result *one, const struct probe_log *log,
		       struct buf *out)
{
	double floor = CLOSEUP_HEIGHT - 22;
	struct scale s;

	(void)r;
	if (!closeup_of(one, &s))
		return;
	buf_puts(out, "<h3>Every request to the virtual IP, by the time it began; the higher, the longer it took</h3>\n");
	open_svg(out, CLOSEUP_HEIGHT, "Requests around the gap");
	for (size_t i = 0; i < one->broken.n + one->mended.n; i++) {
		const struct probe_gap *g = i < one->broken.n ? &one->broken.v[i] : &one->mended.v[i - one->broken.n];

		if (g->from_ms < s.to_ms && g->to_ms > s.from_ms)
			rect(out, &s, g->from_ms, g->to_ms, 8, floor - 8, "broken", NULL);
	}
	draw_axis(out, &s, 8, floor);
	for (size_t i = 0; i < log->n; i++) {
		const struct probe_sample *p = &log->v[i];
		double x = x_of(&s, p->ms), y = floor - height_of(p->took_ms);

		if (p->target || p->ms < s.from_ms || p->ms > s.to_ms)
			continue;
		buf_printf(out, "<g class=\"%s\"><title>%d ms, %s</title><line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" "
			   "class=\"stem\"/><circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/></g>\n",
			   class_of(p), p->took_ms, probe_result_name(p->result), x, x, floor, y, x, y);
	}
	buf_puts(out, "</svg>\n");
}
