#define _GNU_SOURCE
#include "steps/drill.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "steps/drill_break.h"
#include "steps/drill_look.h"
#include "steps/drill_watch.h"

/* A request must end before TCP sends a lost packet again, which is after a second. */
#define LIMIT_MS DRILL_LIMIT_MS
/* The nodes' own API servers are asked half as often as the endpoint. */
#define OWN_SHARE 2
/* The endpoint answers again when it did so for this long. */
#define STEADY_MS 3000
#define FRESH_MS 600
#define BROKEN_AT_LEAST_MS 8000
#define STRIKE_MS 45000
#define WHOLE_MS 240000
#define BOOT_MS 900000
/* What the timer on the node waits longer than this program would. */
#define SPARE_S 15

const char *drill_kind_name(enum drill_kind kind)
{
	static const char *const names[DRILL_KINDS] = { "stop", "api", "network", "power" };

	return names[kind];
}

static int open_probe(struct drill *d, struct err *err)
{
	const struct inventory *inv = d->run->inv;
	const char *host;
	int port;

	kube_server(d->run->api, &host, &port);
	struct probe_target targets[PROBE_TARGETS_MAX] = {
		{ inv->vip.address, inv->endpoint_port, "/livez", d->opt.every_ms },
	};
	for (size_t i = 0; i < d->n; i++)
		targets[i + 1] = (struct probe_target){ d->nodes[i]->address, d->run->kubeadm.bind_port,
							"/livez?exclude=etcd", d->opt.every_ms * OWN_SHARE };
	d->probe = probe_open(&(struct probe_options){ .targets = targets, .n = d->n + 1, .name = host,
						       .ca = kube_ca(d->run->api), .limit_ms = LIMIT_MS }, err);
	return d->probe ? 0 : -1;
}

/* The nodes that there are to be, also those that cannot be reached: quorum counts them all. */
static int take_nodes(struct drill *d, struct err *err)
{
	for (size_t i = 0; i < d->run->n; i++) {
		struct steps_node *n = &d->run->nodes[i];

		if (!n->inv->control_plane)
			continue;
		if (d->n == PROBE_TARGETS_MAX - 1)
			return err_set(err, ERR_CONFIG, "a drill takes up to %d control-plane nodes", PROBE_TARGETS_MAX - 1);
		if (!n->address && steps_resolve(n, err) < 0)
			return -1;
		d->nodes[d->n++] = n;
	}
	return 0;
}

struct drill *drill_open(struct steps_run *run, const struct drill_options *o, struct err *err)
{
	struct drill *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	*d = (struct drill){ .run = run, .opt = *o, .open_ms = clock_ms() };
	if (run->inv->vip.provider == INV_VIP_NONE) {
		err_set(err, ERR_CONFIG, "%s: a drill needs a virtual IP: who answers behind another endpoint (vip.provider: none) cannot be watched",
			run->inv->path);
	} else if (take_nodes(d, err) == 0 && open_probe(d, err) == 0) {
		d->watch = drill_watch_open(run, d->nodes, d->n);
		return d;
	}
	drill_close(d);
	return NULL;
}

void drill_close(struct drill *d)
{
	if (!d)
		return;
	drill_watch_close(d->watch);
	probe_close(d->probe);
	free(d);
}

size_t drill_nodes(const struct drill *d)
{
	return d->n;
}

const char *drill_node_name(const struct drill *d, int node)
{
	return d->nodes[node]->inv->name;
}

const char *drill_node_address(const struct drill *d, int node)
{
	return d->nodes[node]->address;
}

void drill_read(struct drill *d, int64_t from_ms, struct probe_log *out)
{
	probe_read(d->probe, from_ms, out);
}

struct drill_holdings drill_holdings(struct drill *d)
{
	return drill_watch_read(d->watch);
}

static void say(const struct drill *d, const struct drill_result *r, const char *node, const char *text)
{
	if (d->opt.say)
		d->opt.say(d->opt.ctx, drill_kind_name(r->kind), node, text);
}

/* ---- waiting ---- */

static bool is_steady(struct drill *d, unsigned target, int64_t since_ms)
{
	auto_probe_log struct probe_log l = { 0 };

	probe_read(d->probe, since_ms, &l);
	return probe_steady(&l, target, since_ms, clock_ms() - FRESH_MS);
}

/* The endpoint and all nodes, but one that is broken. */
static bool all_steady(struct drill *d, int64_t since_ms, int except)
{
	for (size_t i = 0; i <= d->n; i++)
		if ((int)i != except + 1 && !is_steady(d, (unsigned)i, since_ms))
			return false;
	return true;
}

static bool has_failed(struct drill *d, unsigned target, int64_t since_ms)
{
	auto_probe_log struct probe_log l = { 0 };

	probe_read(d->probe, since_ms, &l);
	return probe_count(&l, target, since_ms, INT64_MAX).failed > 0;
}

static int interrupted(const struct drill_result *r, struct err *err)
{
	return err_set(err, ERR_INTERRUPTED, "interrupted in scenario '%s'", drill_kind_name(r->kind));
}

static int wait_for_calm(struct drill *d, const struct drill_result *r, struct err *err)
{
	struct clock_poll poll = clock_poll_start(WHOLE_MS / 8, 100);

	do {
		if (clock_ms() - d->open_ms > STEADY_MS && all_steady(d, clock_ms() - STEADY_MS, DRILL_NOBODY))
			return 0;
	} while (steps_pause(d->run, &poll));
	if (plan_stopped(&d->run->plan))
		return interrupted(r, err);
	return err_set(err, ERR_UNHEALTHY,
		       "%s and all control-plane nodes do not answer without failure from here for %d s; nothing was broken ('hactl status' tells more)",
		       d->run->inv->endpoint, STEADY_MS / 1000);
}

/* A static pod is stopped by the kubelet, which takes its time; keepalived is stopped at once. */
static bool is_pod(const struct drill *d, enum drill_kind kind)
{
	return kind == DRILL_API || (kind == DRILL_STOP && steps_uses_kube_vip(d->run));
}

/* Is the broken part seen not to answer, or (stop) not to run? */
static bool has_struck(struct drill *d, const struct drill_result *r)
{
	struct steps_node *n = d->nodes[r->node];
	struct drill_look look;
	auto_err struct err err = ERR_INIT;

	if (r->kind != DRILL_STOP)
		return has_failed(d, (unsigned)r->node + 1, r->break_ms);
	return !is_pod(d, r->kind) || (drill_look(n, &look, &err) == 0 && !look.carrier);
}

static int wait_for_strike(struct drill *d, struct drill_result *r, struct err *err)
{
	struct clock_poll poll = clock_poll_start(STRIKE_MS, 50);

	while (!has_struck(d, r)) {
		if (steps_pause(d->run, &poll))
			continue;
		if (plan_stopped(&d->run->plan))
			return interrupted(r, err);
		return err_set(err, ERR_FAILED, "%s of %s still works %d s after it was broken",
			       r->kind == DRILL_STOP ? steps_carrier(d->run) : "the API server",
			       d->nodes[r->node]->inv->name, STRIKE_MS / 1000);
	}
	r->struck_ms = clock_ms();
	return 0;
}

/* Until the endpoint has recovered, or for the time that is allowed. */
static int watch_broken(struct drill *d, struct drill_result *r, struct err *err)
{
	struct clock_poll poll;
	int64_t now;

	if (wait_for_strike(d, r, err) < 0)
		return -1;
	poll = clock_poll_start(d->opt.hold_ms, 100);
	do {
		now = clock_ms();
		if (now - r->struck_ms >= BROKEN_AT_LEAST_MS && is_steady(d, 0, now - STEADY_MS))
			break;
	} while (steps_pause(d->run, &poll));
	return plan_stopped(&d->run->plan) ? interrupted(r, err) : 0;
}

static bool is_whole(struct drill *d, struct drill_result *r)
{
	struct steps_node *n = d->nodes[r->node];
	struct drill_look look;
	auto_err struct err err = ERR_INIT;

	if (r->kind == DRILL_POWER && !d->booted && drill_reconnect(n, &err) < 0)
		return false;
	d->booted = true;
	return all_steady(d, clock_ms() - STEADY_MS, DRILL_NOBODY) && drill_look(n, &look, &err) == 0 &&
	       look.carrier && drill_api_is_well(d, r->node, &err);
}

static int watch_mended(struct drill *d, struct drill_result *r, struct err *err)
{
	struct clock_poll poll = clock_poll_start(r->kind == DRILL_POWER ? BOOT_MS : WHOLE_MS, 200);
	bool whole;

	d->booted = false;
	while (!(whole = is_whole(d, r)) && steps_pause(d->run, &poll))
		;
	if (!whole && !plan_stopped(&d->run->plan))
		return err_set(err, ERR_UNHEALTHY, "%s was mended, but is not well after %d s; 'hactl status' tells more",
			       d->nodes[r->node]->inv->name, (r->kind == DRILL_POWER ? BOOT_MS : WHOLE_MS) / 1000);
	if (whole) {
		r->whole_ms = clock_ms();
		steps_lock_again(d->nodes[r->node]);
	}
	poll = clock_poll_start(d->opt.settle_ms, 200);
	while (whole && steps_pause(d->run, &poll))
		;
	return plan_stopped(&d->run->plan) ? interrupted(r, err) : 0;
}

/* ---- the result ---- */

/* A node that is cut off, or dead, may go on believing that it holds the address: nobody sees it. */
static int unseen(const struct drill_result *r)
{
	return r->kind == DRILL_NETWORK || r->kind == DRILL_POWER ? r->node : DRILL_NOBODY;
}

static void evaluate(struct drill *d, struct drill_result *r)
{
	struct drill_holdings h = drill_watch_read(d->watch);
	auto_probe_log struct probe_log l = { 0 };
	auto_probe_gaps struct probe_gaps silent = { 0 };

	r->end_ms = clock_ms();
	probe_read(d->probe, r->begin_ms, &l);
	probe_outages(&l, r->break_ms, r->end_ms, PROBE_GONE, &r->broken);
	probe_gaps_split(&r->broken, r->mend_ms, &r->mended);
	probe_outages(&l, r->break_ms, r->end_ms, PROBE_SILENT, &silent);
	r->silent_ms = silent.longest_ms;
	r->counts = probe_count(&l, 0, r->break_ms, r->end_ms);
	r->before = drill_holder_at(&h, d->n, DRILL_NOBODY, r->break_ms);
	r->during = drill_holder_at(&h, d->n, unseen(r), r->mend_ms);
	r->after = drill_holder_at(&h, d->n, DRILL_NOBODY, r->end_ms);
	r->switches = drill_switches(&h, d->n, unseen(r), r->break_ms, r->mend_ms) +
		      drill_switches(&h, d->n, DRILL_NOBODY, r->mend_ms, r->end_ms);
	free(h.v);
}

void drill_result_release(struct drill_result *r)
{
	probe_gaps_release(&r->broken);
	probe_gaps_release(&r->mended);
}

static const char *told(const struct drill *d, enum drill_kind kind)
{
	static const char *const texts[DRILL_KINDS] = {
		"stopping keepalived", "moving the manifest of the API server away", "cutting it off the network",
		"cutting its power",
	};

	return kind == DRILL_STOP && is_pod(d, kind) ? "moving the manifest of kube-vip away" : texts[kind];
}

/* Mending comes always; its failure is told behind what went wrong before. */
static int break_and_mend(struct drill *d, struct drill_result *r, struct err *err)
{
	struct drill_damage dm = {
		.node = d->nodes[r->node], .kind = r->kind, .sysrq = d->opt.sysrq,
		.seconds = ((is_pod(d, r->kind) ? STRIKE_MS : 0) + d->opt.hold_ms) / 1000 + SPARE_S,
	};
	auto_err struct err why = ERR_INIT;
	int rc;

	say(d, r, dm.node->inv->name, told(d, r->kind));
	r->break_ms = clock_ms();
	rc = drill_break(&dm, err);
	if (*dm.note)
		say(d, r, dm.node->inv->name, dm.note);
	if (rc < 0)
		err_wrap(err, "%s", dm.node->inv->name);
	else
		rc = watch_broken(d, r, err);
	r->mend_ms = clock_ms();
	say(d, r, dm.node->inv->name, "mending");
	if (drill_mend(&dm, &why) < 0)
		rc = rc < 0 ? err_wrap(err, "%s; and before that", why.msg) : (*err = why, why = (struct err)ERR_INIT, -1);
	if (rc == 0)
		rc = watch_mended(d, r, err);
	return rc;
}

int drill_run(struct drill *d, enum drill_kind kind, struct drill_result *r, struct err *err)
{
	int rc;

	*r = (struct drill_result){ .kind = kind, .begin_ms = clock_ms() };
	if (drill_check(d, kind, err) < 0 || wait_for_calm(d, r, err) < 0)
		return -1;
	r->node = d->holder;
	r->leads_etcd = d->leads;
	rc = break_and_mend(d, r, err);
	evaluate(d, r);
	return rc;
}
