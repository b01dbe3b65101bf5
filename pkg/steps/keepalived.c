/* The virtual IP: keepalived's files and service on every control-plane node, one holder. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ha/ha.h"
#include "pki/pki.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define DIR "/etc/keepalived"
#define CONF DIR "/keepalived.conf"
#define STAGED DIR "/.keepalived.conf.hactl"
#define CHECK HA_CHECK_SCRIPT
#define STAGED_CHECK DIR "/.check_apiserver.sh.hactl"
#define CONF_MODE 0600 /* it holds the password */
#define CHECK_MODE 0755
/* Three lost adverts of a second, a second of skew, and what a slow machine takes. */
#define VIP_PATIENCE_MS 30000
#define SETTLED_MS 4500

/* ---- what the files say ---- */

static char *copy(const char *s)
{
	char *c = strdup(s);

	if (!c)
		abort();
	return c;
}

static void fill_peer(const struct steps_run *run, const struct inv_node *inv, struct ha_peer *peer)
{
	const struct steps_node *n = NULL;
	const struct facts_addr *a = NULL;

	for (size_t i = 0; i < run->n; i++)
		if (run->nodes[i].inv == inv)
			n = &run->nodes[i];
	if (n && steps_seen(n))
		a = steps_vip_neighbour(n);
	*peer = (struct ha_peer){
		.name = inv->name,
		.address = copy(n && n->address ? n->address : inv->address),
		.interface = copy(run->inv->vip.interface ? run->inv->vip.interface :
				  a ? a->interface : STEPS_NO_INTERFACE),
		.prefix = run->inv->vip.prefix ? run->inv->vip.prefix : a ? a->prefix :
			  strchr(run->inv->vip.address, ':') ? 64 : 24,
	};
}

void steps_fill_peers(struct steps_run *run)
{
	size_t n = run->inv->ncontrol_plane;

	if (run->peers || !steps_uses_keepalived(run))
		return;
	run->peers = calloc(n, sizeof(*run->peers));
	if (!run->peers)
		abort();
	for (run->npeers = 0; run->npeers < n; run->npeers++)
		fill_peer(run, &run->inv->nodes[run->npeers], &run->peers[run->npeers]);
}

void steps_release_peers(struct steps_run *run)
{
	for (size_t i = 0; i < run->npeers; i++) {
		free((char *)run->peers[i].address);
		free((char *)run->peers[i].interface);
	}
	free(run->peers);
	run->peers = NULL;
}

int steps_render_keepalived(const struct steps_run *run, const struct steps_node *n, struct buf *conf,
			    struct buf *check, struct err *err)
{
	const struct inventory *inv = run->inv;
	const struct ha_vip vip = {
		.address = inv->vip.address, .virtual_router_id = inv->vip.virtual_router_id,
		.password = run->vrrp_password, .unicast = inv->vip.unicast,
		.check_host = n->address ? n->address : n->inv->address,
		.api_port = run->kubeadm.bind_port, .peers = run->peers, .npeers = run->npeers,
	};
	size_t self = (size_t)(n->inv - inv->nodes); /* control-plane nodes come first there */

	return ha_keepalived_conf(&vip, self, conf, err) < 0 ? -1 : ha_check_script(&vip, self, check, err);
}

/* A password that was made in an earlier run is read back, so that nothing changes. */
static int look_password(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;
	char made[9];

	*done = true;
	steps_fill_peers(run);
	if (run->inv->vip.password)
		run->vrrp_password = strdup(run->inv->vip.password);
	for (size_t i = 0; i < run->n && !run->vrrp_password; i++) {
		const struct facts *f = &run->nodes[i].facts;

		if (f->has_keepalived_conf && ha_is_ours(buf_str(&f->keepalived_conf)))
			run->vrrp_password = ha_password_of(buf_str(&f->keepalived_conf));
	}
	if (!run->vrrp_password) {
		if (pki_random_text(made, 8, err) < 0)
			return -1;
		run->vrrp_password = strdup(made);
		explicit_bzero(made, sizeof(made));
	}
	return 0;
}

/* ---- the service ---- */

static bool runs_keepalived(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return n->inv->control_plane && n->remote && steps_uses_keepalived(n->run);
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(buf_str(a), buf_str(b), a->len);
}

static void show_changes(struct plan_node *p, const struct buf *conf, const struct buf *script)
{
	const struct facts *f = &steps_node(p)->facts;

	if (!f->has_keepalived_conf || !same(conf, &f->keepalived_conf))
		steps_diff(p, CONF, &f->keepalived_conf, conf);
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
	*done = *done || is_left_alone(p);
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
	auto_free char *foreign = steps_foreign_files(n);

	if (steps_render_keepalived(n->run, n, &conf, &script, err) < 0)
		return -1;
	const struct remote_file files[] = {
		{ STAGED_CHECK, script.data, script.len, CHECK_MODE },
		{ STAGED, conf.data, conf.len, CONF_MODE },
	};
	const struct remote_var vars[] = { { "dir", DIR }, { "foreign", foreign }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = tmpl_text("keepalived-apply.sh"), .vars = vars };

	n->stale = true;
	if (remote_put(n->remote, files, 2, NULL, err) < 0)
		return -1;
	return remote_check(n->remote, &cmd, &res, err);
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

	*h = (struct holders){ .youngest_ms = SETTLED_MS };
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

	*done = true;
	if (p->plan->dry_run)
		return 0;
	do {
		if (look_holders(run, &h, err) < 0)
			return -1;
		if (h.n == 1 && h.youngest_ms >= SETTLED_MS) {
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

static const struct plan_step password_steps[] = {
	{ .name = "vip-password", .title = "VRRP password", .applies = has_vip, .check = look_password },
	{ .name = NULL },
};

static const struct plan_step keepalived_steps[] = {
	{ .name = "keepalived", .title = "keepalived", .applies = runs_keepalived,
	  .check = check_keepalived, .apply = apply_keepalived },
	{ .name = NULL },
};

static const struct plan_step vip_steps[] = {
	{ .name = "vip", .title = "virtual IP", .applies = has_vip, .check = look_vip },
	{ .name = NULL },
};

const struct plan_phase steps_password = { .name = "keepalived", .scope = PLAN_ONCE, .steps = password_steps };
const struct plan_phase steps_keepalived = { .name = "keepalived", .steps = keepalived_steps };
const struct plan_phase steps_vip = { .name = "vip", .scope = PLAN_ONCE, .steps = vip_steps };
