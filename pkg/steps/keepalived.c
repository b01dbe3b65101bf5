/*
 * The virtual IP: keepalived's files and service on every control-plane node, one holder.
 *
 * New files are staged and tested on all nodes before the first one takes them; then all take
 * them at the same time.  Nodes with different VRRP versions do not hear each other: for as long
 * as that lasts, no longer than an election takes, nobody moves.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ha/ha.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define DIR "/etc/keepalived"
#define CONF DIR "/keepalived.conf" /* unless facts tell of another */
#define STAGED DIR "/.keepalived.conf.hactl"
#define CHECK HA_CHECK_SCRIPT
#define STAGED_CHECK DIR "/.check_apiserver.sh.hactl"
#define CONF_MODE 0600 /* it holds the password */
#define CHECK_MODE 0755
#define VIP_PATIENCE_MS 30000
#define SLOW_MS 500 /* what a slow machine adds to an election */

static bool runs_keepalived(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return n->inv->control_plane && n->remote && steps_uses_keepalived(n->run);
}

static const char *conf_path(const struct facts *f)
{
	return f->keepalived_conf_path && *f->keepalived_conf_path ? f->keepalived_conf_path : CONF;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(buf_str(a), buf_str(b), a->len);
}

static void show_changes(struct plan_node *p, const struct buf *conf, const struct buf *script)
{
	const struct facts *f = &steps_node(p)->facts;

	if (!f->has_keepalived_conf || !same(conf, &f->keepalived_conf))
		steps_diff(p, conf_path(f), &f->keepalived_conf, conf);
	if (!f->has_check_script || !same(script, &f->check_script))
		steps_diff(p, CHECK, &f->check_script, script);
	if (!f->keepalived_enabled || !f->keepalived_active)
		plan_note(p->plan, p->name, "would enable and start keepalived");
}

/* A node that is no target of this run is only kept in step where that is safe. */
static bool is_left_alone(struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);
	auto_free char *foreign = steps_foreign_files(n);

	if (n->target || (*n->facts.keepalived && (!*foreign || n->run->opt.force)))
		return false;
	plan_warn(p->plan, p->name, *foreign ? "left alone: in /etc/keepalived, %s was written by somebody else" :
					       "left alone: keepalived is not installed%s", foreign);
	return true;
}

static int check_keepalived(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_wipe struct buf conf = BUF_INIT;
	auto_buf struct buf script = BUF_INIT;
	const struct facts *f = &n->facts;

	if (steps_facts(n, err) < 0 || steps_render_keepalived(n->run, n, &conf, &script, err) < 0)
		return -1;
	*done = f->has_keepalived_conf && same(&conf, &f->keepalived_conf) && f->has_check_script &&
		same(&script, &f->check_script) && f->keepalived_conf_mode == CONF_MODE &&
		f->check_script_mode == CHECK_MODE && f->keepalived_enabled && f->keepalived_active;
	*done = *done || n->vip_staged || is_left_alone(p);
	if (!*done && p->plan->dry_run)
		show_changes(p, &conf, &script);
	return 0;
}

static int apply_keepalived(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_wipe struct buf conf = BUF_INIT;
	auto_buf struct buf script = BUF_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	if (steps_render_keepalived(n->run, n, &conf, &script, err) < 0)
		return -1;
	const struct remote_file files[] = {
		{ STAGED_CHECK, script.data, script.len, CHECK_MODE },
		{ STAGED, conf.data, conf.len, CONF_MODE },
	};
	const struct remote_var vars[] = { { "dir", DIR }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = tmpl_text("keepalived-stage.sh"), .vars = vars };

	if (remote_put(n->remote, files, 2, NULL, err) < 0 || remote_check(n->remote, &cmd, &res, err) < 0)
		return -1;
	n->vip_staged = true;
	return 0;
}

static bool is_staged(const struct plan_node *p)
{
	return steps_node(p)->vip_staged;
}

static int check_switched(struct plan_node *p, bool *done, struct err *err)
{
	(void)err;
	*done = !steps_node(p)->vip_staged;
	return 0;
}

static int apply_switch(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_free char *foreign = steps_foreign_files(n);
	const struct remote_var vars[] = {
		{ "dir", DIR }, { "foreign", foreign }, { "conf", conf_path(&n->facts) }, { NULL, NULL },
	};
	const struct remote_cmd cmd = { .script = tmpl_text("keepalived-switch.sh"), .vars = vars, .survives = true };

	n->stale = true;
	if (remote_check(n->remote, &cmd, &res, err) < 0)
		return steps_explain(n, err);
	n->vip_staged = false;
	return 0;
}

/* ---- who holds it ---- */

/* Whether the VIP is here, and for how long keepalived has been running, in ms. */
static const char holder_script[] =
	"ip -o addr show to \"$vip\" | grep -q . && echo yes || echo no\n"
	"since=$(systemctl show -p ActiveEnterTimestampMonotonic --value keepalived)\n"
	"read -r up _ </proc/uptime\n"
	"echo $(( ${up%.*} * 1000 - ${since:-0} / 1000 ))\n";

struct holders {
	int n;
	const char *name; /* of one of them */
	long youngest_ms;
};

static int look_holders(struct steps_run *run, struct holders *h, struct err *err)
{
	const struct remote_var vars[] = { { "vip", run->inv->vip.address }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = holder_script, .vars = vars };

	*h = (struct holders){ .youngest_ms = INT_MAX };
	for (size_t i = 0; i < run->n; i++) {
		auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
		char word[4] = "";
		long age = 0;

		if (!run->nodes[i].inv->control_plane || !run->nodes[i].remote)
			continue;
		if (remote_check(run->nodes[i].remote, &cmd, &res, err) < 0)
			return err_wrap(err, "%s", run->nodes[i].inv->name);
		if (sscanf(buf_str(&res.out), "%3s %ld", word, &age) == 2 && age < h->youngest_ms)
			h->youngest_ms = age;
		if (!strcmp(word, "yes")) {
			h->n++;
			h->name = run->nodes[i].inv->name;
		}
	}
	return 0;
}

/* A node that has not run for as long as it waits for others may still take the VIP as well. */
static int look_vip(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;
	struct clock_poll poll = clock_poll_start(VIP_PATIENCE_MS, 300);
	struct holders h;
	int settled_ms;

	*done = true;
	if (p->plan->dry_run)
		return 0;
	settled_ms = steps_vrrp_silence_ms(run) + SLOW_MS;
	do {
		if (look_holders(run, &h, err) < 0)
			return -1;
		if (h.n == 1 && h.youngest_ms >= settled_ms) {
			plan_note(p->plan, h.name, "holds the VIP %s", run->inv->vip.address);
			steps_end_direct(run);
			return 0;
		}
	} while (steps_pause(run, &poll));
	if (plan_stopped(p->plan))
		return err_set(err, ERR_INTERRUPTED, "interrupted while waiting for the VIP");
	return err_set(err, ERR_UNHEALTHY,
		       "the VIP %s is held by %d nodes, not by one: %s; 'journalctl -u keepalived' on them tells more",
		       run->inv->vip.address, h.n,
		       h.n ? "do adverts (protocol 112) get through between them, or does another cluster use the same virtualRouterID?" :
			     "does keepalived run on them?");
}

static bool has_vip(const struct plan_node *p)
{
	return steps_uses_keepalived(steps_node(p)->run);
}

static const struct plan_step keepalived_steps[] = {
	{ .name = "keepalived", .title = "keepalived", .applies = runs_keepalived,
	  .check = check_keepalived, .apply = apply_keepalived, .repeatable = true },
	{ .name = NULL },
};

static const struct plan_step switch_steps[] = {
	{ .name = "keepalived-switch", .title = "keepalived switched", .applies = is_staged,
	  .check = check_switched, .apply = apply_switch, .repeatable = true },
	{ .name = NULL },
};

static const struct plan_step vip_steps[] = {
	{ .name = "vip", .title = "virtual IP", .applies = has_vip, .check = look_vip, .repeatable = true },
	{ .name = NULL },
};

const struct plan_phase steps_keepalived = { .name = "keepalived", .steps = keepalived_steps };
const struct plan_phase steps_switch = { .name = "keepalived", .steps = switch_steps, .unbounded = true };
const struct plan_phase steps_vip = { .name = "vip", .scope = PLAN_ONCE, .steps = vip_steps };
