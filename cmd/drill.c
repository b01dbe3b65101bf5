#define _GNU_SOURCE
#include <string.h>

#include "cmd.h"
#include "drill_report.h"
#include "inventory/inventory.h"
#include "run.h"

#define BUDGET_MS 2000
#define KUBE_VIP_BUDGET_MS 15000
#define EVERY_MS 40 /* 25 requests a second */

static const char *const scenarios[] = { "all", "stop", "api", "network", "power", "return", NULL };
enum { ALL, STOP, API, NETWORK, POWER, RETURN };
static const char *const powers[] = { "command", "sysrq", NULL };

struct drill_opts {
	struct run_opts run;
	int scenario, power;
	const char *budget, *hold, *settle, *report;
	bool yes;
};

static const struct cli_opt opts[] = {
	OPT_CHOICE(struct drill_opts, scenario, 0, "scenario", scenarios, "what to break (default all; power only where it is set up)"),
	OPT_STR(struct drill_opts, budget, 0, "budget", "TIME", "how long the API may be gone in a scenario (default 2s; kube-vip, which follows a lease of 5 s: 15s)"),
	OPT_STR(struct drill_opts, hold, 0, "hold", "TIME", "how long a thing may stay broken while the API does not answer (default 20s)"),
	OPT_STR(struct drill_opts, settle, 0, "settle", "TIME", "how long to watch on when all is well again (default 8s)"),
	OPT_CHOICE(struct drill_opts, power, 0, "power", powers, "power by drill.powerCommand of hactl.yaml, or a reset by the node's kernel"),
	OPT_STR(struct drill_opts, report, 0, "report", "FILE", "write a page with timelines, for a browser"),
	OPT_FLAG(struct drill_opts, yes, 'y', "yes", "do not ask; needed without a terminal"),
	OPT_END,
};

static const struct drill_opts defaults = { .hold = "20s", .settle = "8s" };

struct wish {
	const struct drill_opts *opts;
	long budget_ms, hold_ms, settle_ms;
	enum drill_kind kinds[DRILL_KINDS];
	size_t n;
};

static const struct plan_phase *const phases[] = {
	&steps_connect, &steps_lock, &steps_look, &steps_cluster, &steps_need_cluster, NULL,
};

static int read_time(const char *option, const char *text, long max, long *ms, struct err *err)
{
	/* A budget of 1500 would be 25 minutes for us, and 1.5 s for whoever wrote it. */
	if (*text && strcmp(text, "0") && !text[strspn(text, "0123456789.")])
		return err_set(err, ERR_USAGE, "--%s: '%s' has no unit: write %sms or %ss", option, text, text, text);
	if (inventory_duration_ms(text, ms) < 0 || *ms < 0 || *ms > max)
		return err_set(err, ERR_USAGE, "--%s: '%s' is no time from 0 to %lds: write 2s or 1500ms", option, text, max / 1000);
	return 0;
}

static void choose(struct wish *w, const struct inventory *inv)
{
	static const enum drill_kind one[] = { [STOP] = DRILL_STOP, [API] = DRILL_API, [NETWORK] = DRILL_NETWORK, [POWER] = DRILL_POWER };
	bool power = inv->drill.power_command || w->opts->power;
	int scenario = w->opts->scenario;

	w->n = 0;
	switch (scenario) {
	case ALL:
		w->kinds[w->n++] = DRILL_STOP;
		w->kinds[w->n++] = DRILL_API;
		w->kinds[w->n++] = DRILL_NETWORK;
		if (power)
			w->kinds[w->n++] = DRILL_POWER;
		break;
	case RETURN: /* of the node that was gone for good, where that can be done */
		w->kinds[w->n++] = power ? DRILL_POWER : DRILL_NETWORK;
		break;
	default:
		w->kinds[w->n++] = one[scenario];
	}
}

/* Before anything is read or connected. */
static int accept_wish(const void *ctx, const struct inventory *inv, struct err *err)
{
	const struct wish *w = ctx;

	if (w->opts->scenario == POWER && !w->opts->power && !inv->drill.power_command)
		return err_set(err, ERR_CONFIG, "%s: scenario 'power' needs drill.powerCommand, or --power sysrq", inv->path);
	if (!w->opts->yes && (!isatty(0) || !isatty(2)))
		return err_set(err, ERR_USAGE, "a drill breaks things, for seconds: without a terminal it needs --yes");
	return 0;
}

static void say(void *ctx, const char *scenario, const char *node, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s: %s%s%s\n", scenario, node ? node : "", node ? ": " : "", text);
}

static int confirm(const struct wish *w, const struct inventory *inv, struct err *err)
{
	char answer[16] = "";

	if (w->opts->yes)
		return 0;
	fprintf(stderr, "This breaks and mends, on the node that holds %s each time:", inv->vip.address);
	for (size_t i = 0; i < w->n; i++)
		fprintf(stderr, "%s %s", i ? "," : "", drill_kind_name(w->kinds[i]));
	fprintf(stderr, ".\nThe API of cluster '%s' will be gone for moments. Go on? [y/N] ", inv->name);
	if (fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y'))
		return 0;
	return err_set(err, ERR_INTERRUPTED, "nothing was broken");
}

/* Over budget is told when all is told; two nodes that hold the virtual IP are worse. */
static int judge(const struct drill_report *r, struct err *err)
{
	auto_strs struct strs over = STRS_INIT;
	auto_free char *names = NULL;

	for (size_t i = 0; i < r->n; i++)
		if (drill_holder_problem(&r->v[i]))
			return err_set(err, ERR_UNHEALTHY, "scenario '%s': %s; 'hactl preflight' shows whether they hear each other",
				       drill_kind_name(r->v[i].kind), drill_holder_problem(&r->v[i]));
	for (size_t i = 0; i < r->n; i++)
		if (drill_report_cost(r, &r->v[i]) > r->budget_ms)
			strs_printf(&over, "%s (%jd ms)", drill_kind_name(r->v[i].kind), (intmax_t)drill_report_cost(r, &r->v[i]));
	if (!over.n)
		return 0;
	names = strs_join(&over, ", ");
	return err_set(err, ERR_UNHEALTHY, "over the budget of %d ms: %s", r->budget_ms, names);
}

/* Where an answer usually takes this long, an outage of a second cannot be told from a pause. */
#define BUSY_MS 150

static void warn_of_noise(const struct drill_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].counts.median_ms > BUSY_MS)
			fprintf(stderr, "hactl: note: %s: an answer usually took %d ms: the nodes, or this machine, are so busy that the figures mean little\n",
				drill_kind_name(r->v[i].kind), r->v[i].counts.median_ms);
}

static int tell(const struct wish *w, const struct drill_report *r, struct err *err)
{
	if (!r->n)
		return 0;
	if (!run_is_json(&w->opts->run))
		drill_report_text(r, stdout);
	warn_of_noise(r);
	return w->opts->report ? drill_report_html(r, w->opts->report, err) : 0;
}

static int rehearse(struct drill *d, const struct wish *w, struct drill_report *report, struct drill_result *results,
		    struct err *err)
{
	for (size_t i = 0; i < w->n; i++)
		if (drill_check(d, w->kinds[i], err) < 0)
			return -1;
	for (size_t i = 0; i < w->n; i++) {
		int rc = drill_run(d, w->kinds[i], &results[i], err);

		report->n += results[i].break_ms != 0;
		if (results[i].break_ms && run_is_json(&w->opts->run))
			drill_report_json(report, &results[i], stdout);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int drill(struct steps_run *run, void *data, struct err *err)
{
	struct wish *w = data;
	const struct drill_options o = { .every_ms = EVERY_MS, .hold_ms = (int)w->hold_ms, .settle_ms = (int)w->settle_ms,
					 .sysrq = w->opts->power, .say = say };
	struct drill_result results[DRILL_KINDS] = { 0 };
	struct drill_report report = { .inv = run->inv, .budget_ms = (int)w->budget_ms, .v = results,
				       .only_return = w->opts->scenario == RETURN };
	auto_err struct err why = ERR_INIT;
	int rc;

	choose(w, run->inv);
	if (!w->opts->budget)
		report.budget_ms = steps_uses_kube_vip(run) ? KUBE_VIP_BUDGET_MS : BUDGET_MS;
	if (confirm(w, run->inv, err) < 0 || !(report.drill = drill_open(run, &o, err)))
		return -1;
	rc = rehearse(report.drill, w, &report, results, err);
	/* what was measured is told whatever came then */
	if (tell(w, &report, rc < 0 ? &why : err) < 0)
		rc = -1;
	if (rc == 0)
		rc = judge(&report, err);
	drill_close(report.drill);
	for (size_t i = 0; i < DRILL_KINDS; i++)
		drill_result_release(&results[i]);
	return rc;
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct drill_opts *o = data;
	struct wish wish = { .opts = o };
	const struct run_spec spec = {
		.command = "drill", .part = run_ask_control_plane, .phases = phases, .accept = accept_wish, .ctx = &wish,
		.finish = drill, .data = &wish, .quiet = !run_is_json(&o->run),
	};

	(void)operands;
	if ((o->budget && read_time("budget", o->budget, 3600000, &wish.budget_ms, err) < 0) ||
	    read_time("hold", o->hold, 600000, &wish.hold_ms, err) < 0 ||
	    read_time("settle", o->settle, 600000, &wish.settle_ms, err) < 0)
		return -1;
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_drill = {
	.name = "drill",
	.summary = "break what may break, and measure what that costs",
	.description =
		"Rehearses failovers on the running cluster.  While the endpoint, every API server and the holder of the "
		"virtual IP are watched from here, one thing of the node that holds it is broken and mended again: "
		"keepalived (or kube-vip) is stopped (stop), the API server's manifest is moved away (api), the node is cut off from the "
		"network (network), its power is cut (power, only with drill.powerCommand in hactl.yaml or --power "
		"sysrq).  return counts only what a node costs that comes back.\n\n"
		"The API is gone while the endpoint does not answer though some node's own API server does.  The table "
		"says for how long in all, while the thing was broken and after it was mended; the exit status is 7 when "
		"a scenario is over the budget, or when it leaves the virtual IP with several nodes or none.\n\n"
		"A drill is refused when etcd would lose its quorum (status 9; members that hactl.yaml does not name count too) "
		"and when something is broken already; an API server that is not well yet is given 20 seconds.  "
		"Each thing that is broken mends itself, by a timer on the node, also when hactl is killed.",
	.examples = "hactl drill --report drill.html\nhactl drill --scenario api --budget 1500ms --yes",
	.group = "Running a cluster",
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct drill_opts),
	.defaults = &defaults,
	.run = run,
};
