#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "drill_svg.h"
#include "tmpl/tmpl.h"

static const char *const titles[DRILL_KINDS] = {
	"carrier of the virtual IP stopped", "API server stopped", "cut off the network", "power cut",
};

/* "840 ms", "2.47 s" */
static void duration(int64_t ms, const char *unit, struct buf *out)
{
	if (ms < 1000)
		buf_printf(out, "%jd%sms", (intmax_t)ms, unit);
	else
		buf_printf(out, "%.2f%ss", (double)ms / 1000, unit);
}

static void number(struct buf *out, const char *name, const char *fmt, ...) PRINTF(3, 4);
static void number(struct buf *out, const char *name, const char *fmt, ...)
{
	auto_free char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0)
		abort();
	va_end(ap);
	buf_printf(out, "<div><dt>%s</dt><dd>", name);
	drill_svg_escape(out, value);
	buf_puts(out, "</dd></div>\n");
}

static void add_card(const struct drill_report *r, const struct drill_result *one, struct buf *out)
{
	int64_t cost = drill_report_cost(r, one);

	buf_printf(out, "<div class=\"card%s\"><span class=\"soft\">", cost > r->budget_ms ? " bad" : "");
	drill_svg_escape(out, titles[one->kind]);
	buf_puts(out, "</span><b>");
	duration(cost, " <small>", out);
	buf_puts(out, "</small></b><span class=\"soft\">");
	buf_printf(out, "%d of %d requests failed</span></div>\n", one->counts.failed, one->counts.requests);
}

static void add_numbers(const struct drill_report *r, const struct drill_result *one, struct buf *out)
{
	const struct probe_counts *c = &one->counts;

	buf_puts(out, "<dl>\n");
	number(out, "Gone while broken", "%jd ms", (intmax_t)one->broken.sum_ms);
	number(out, "Gone after mending", "%jd ms", (intmax_t)one->mended.sum_ms);
	number(out, "Longest silence", "%jd ms", (intmax_t)one->silent_ms);
	number(out, "Requests", "%d", c->requests);
	number(out, "Failed", "%d", c->failed);
	number(out, "Slow", "%d", c->slow);
	number(out, "Usual answer", "%d ms", c->median_ms);
	number(out, "Holder", "%s, %s, %s", drill_report_holder(r, one->before), drill_report_holder(r, one->during),
	       drill_report_holder(r, one->after));
	if (one->whole_ms)
		number(out, "Well again after", "%.1f s", (double)(one->whole_ms - one->mend_ms) / 1000);
	buf_puts(out, "</dl>\n");
}

static void add_section(const struct drill_report *r, const struct drill_result *one, const struct drill_holdings *h,
			struct buf *out)
{
	auto_probe_log struct probe_log log = { 0 };

	drill_read(r->drill, one->begin_ms - 1000, &log);
	buf_printf(out, "<section id=\"%s\">\n<div class=\"head\"><h2>", drill_kind_name(one->kind));
	drill_svg_escape(out, drill_node_name(r->drill, one->node));
	buf_printf(out, ": %s</h2><span class=\"soft\">", titles[one->kind]);
	buf_printf(out, "%sgone for ", one->leads_etcd > 0 ? "it led etcd; " : "");
	duration(one->broken.sum_ms, " ", out);
	buf_puts(out, " while broken, ");
	duration(one->mended.sum_ms, " ", out);
	buf_puts(out, " after mending</span></div>\n");
	drill_svg_timeline(r, one, &log, h, out);
	drill_svg_closeup(r, one, &log, out);
	add_numbers(r, one, out);
	buf_puts(out, "</section>\n");
}

static void add_subtitle(const struct drill_report *r, struct buf *out)
{
	time_t now = time(NULL);
	char when[40] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M %Z", &tm);
	drill_svg_escape(out, r->inv->endpoint);
	buf_printf(out, " over %zu control-plane nodes, %s", drill_nodes(r->drill), when);
}

static bool all_within(const struct drill_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (drill_report_cost(r, &r->v[i]) > r->budget_ms)
			return false;
	return true;
}

int drill_report_html(const struct drill_report *r, const char *path, struct err *err)
{
	auto_buf struct buf title = BUF_INIT, subtitle = BUF_INIT, verdict = BUF_INIT, cards = BUF_INIT, sections = BUF_INIT,
			    page = BUF_INIT;
	struct drill_holdings h = drill_holdings(r->drill);
	bool good = all_within(r);
	char slow[16], limit[16];

	snprintf(slow, sizeof(slow), "%d", PROBE_SLOW_MS);
	snprintf(limit, sizeof(limit), "%d", DRILL_LIMIT_MS);
	buf_puts(&title, "Failover drill of ");
	drill_svg_escape(&title, r->inv->name);
	add_subtitle(r, &subtitle);
	buf_puts(&verdict, good ? "within the budget of " : "over the budget of ");
	duration(r->budget_ms, " ", &verdict);
	for (size_t i = 0; i < r->n; i++) {
		add_card(r, &r->v[i], &cards);
		add_section(r, &r->v[i], &h, &sections);
	}
	free(h.v);
	const struct tmpl_var vars[] = {
		{ "title", buf_str(&title) }, { "subtitle", buf_str(&subtitle) }, { "verdict", buf_str(&verdict) },
		{ "verdict-class", good ? "good" : "bad" }, { "cards", buf_str(&cards) }, { "sections", buf_str(&sections) },
		{ "slow", slow }, { "limit", limit }, { "version", HACTL_VERSION }, { NULL, NULL },
	};

	if (tmpl_render("drill-report.html", vars, &page, err) < 0)
		return -1;
	return file_write(path, page.data, page.len, 0644, err);
}
