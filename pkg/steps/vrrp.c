/* What keepalived's files say: the nodes as VRRP's peers, its version, timing and password. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "ha/ha.h"
#include "pki/pki.h"
#include "steps/steps.h"

/* keepalived 1.3.6 changed how unicast adverts of version 3 are summed up; from 2.0 on all agree. */
#define FIRST_WITH_3 2

static char *copy(const char *s)
{
	char *c = strdup(s);

	if (!c)
		abort();
	return c;
}

static int usual_prefix(const char *address)
{
	return strchr(address, ':') ? 64 : 24;
}

const struct facts_addr *steps_second_vip_neighbour(const struct steps_node *n, const char *interface)
{
	const char *second = n->run->inv->vip.second;

	for (size_t i = 0; i < n->facts.naddrs; i++) {
		const struct facts_addr *a = &n->facts.addrs[i];

		if (!strcmp(a->interface, interface) && !facts_same_address(a->address, second) &&
		    facts_same_subnet(a->address, second, a->prefix))
			return a;
	}
	return NULL;
}

static int second_prefix(const struct steps_run *run, const struct steps_node *n, const char *interface)
{
	const struct facts_addr *a;

	if (!run->inv->vip.second || run->inv->vip.second_prefix)
		return run->inv->vip.second_prefix;
	a = n && interface ? steps_second_vip_neighbour(n, interface) : NULL;
	return a ? a->prefix : usual_prefix(run->inv->vip.second);
}

/* a: the node's address beside the virtual IP, or NULL. */
static const char *interface_of(const struct steps_run *run, const struct facts_addr *a)
{
	return run->inv->vip.interface ? run->inv->vip.interface : a ? a->interface : STEPS_NO_INTERFACE;
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
		.interface = copy(interface_of(run, a)),
		.second_prefix = second_prefix(run, n, run->inv->vip.interface ? run->inv->vip.interface :
					       a ? a->interface : NULL),
		.prefix = run->inv->vip.prefix ? run->inv->vip.prefix : a ? a->prefix :
			  usual_prefix(run->inv->vip.address),
	};
}

void steps_fill_peers(struct steps_run *run)
{
	size_t n = run->inv->ncontrol_plane;

	if (run->peers || run->inv->vip.provider == INV_VIP_NONE)
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

struct ha_timing steps_vrrp_timing(const struct inventory *inv, int version)
{
	struct ha_timing t = ha_timing_default(version);

	if (inv->vip.advert_ms)
		t.advert_ms = version == 2 ? (inv->vip.advert_ms + 999) / 1000 * 1000 : inv->vip.advert_ms;
	t.check_ms = inv->vip.check_ms;
	t.fall = inv->vip.fall;
	t.rise = inv->vip.rise;
	t.preempt = inv->vip.preempt;
	return t;
}

int steps_vrrp_silence_ms(const struct steps_run *run)
{
	struct ha_timing t = steps_vrrp_timing(run->inv, run->vrrp_version);

	return 3 * t.advert_ms + (t.version == 3 ? t.advert_ms : 1000);
}

/* All but what differs from node to node. */
static struct ha_vip describe_vip(const struct steps_run *run)
{
	const struct inventory *inv = run->inv;

	return (struct ha_vip){
		.address = inv->vip.address, .second = inv->vip.second,
		.virtual_router_id = inv->vip.virtual_router_id, .unicast = inv->vip.unicast,
		.password = run->vrrp_password, .timing = steps_vrrp_timing(inv, run->vrrp_version),
		.api_port = run->kubeadm.bind_port, .peers = run->peers, .npeers = run->npeers,
		.balancer_port = steps_uses_haproxy(run) ? inv->endpoint_port : 0,
	};
}

/* Is the file that hactl writes there included by one of somebody else? */
static bool is_included(const struct facts *f)
{
	const char *path = f->keepalived_conf_path;

	return path && *path && strcmp(path, "/etc/keepalived/keepalived.conf");
}

int steps_render_haproxy(const struct steps_run *run, struct buf *out, struct err *err)
{
	const struct ha_vip vip = describe_vip(run);

	return ha_haproxy_cfg(&vip, out, err);
}

int steps_render_kube_vip(const struct steps_run *run, const struct steps_node *n, const char *kubeconfig,
			  struct buf *out, struct err *err)
{
	const struct inventory *inv = run->inv;
	const struct facts_addr *a = steps_seen(n) ? steps_vip_neighbour(n) : NULL;

	if (steps_seen(n) && !inv->vip.interface && !a)
		return err_set(err, ERR_CONFIG, "%s: none of its interfaces has the address %s: say in vip.interface which one takes the virtual IP",
			       n->inv->name, n->address ? n->address : n->inv->address);
	return ha_kube_vip_manifest(&(struct ha_kube_vip){
		.address = inv->vip.address, .second = inv->vip.second, .image = inv->vip.image, .kubeconfig = kubeconfig,
		.interface = interface_of(run, a), .api_port = run->kubeadm.bind_port,
	}, out, err);
}

int steps_render_keepalived(const struct steps_run *run, const struct steps_node *n, struct buf *conf,
			    struct buf *check, struct err *err)
{
	struct ha_vip vip = describe_vip(run);
	size_t self = (size_t)(n->inv - run->inv->nodes); /* control-plane nodes come first there */

	vip.check_host = n->address ? n->address : n->inv->address;
	vip.included = is_included(&n->facts);
	return ha_keepalived_conf(&vip, self, conf, err) < 0 ? -1 : ha_check_script(&vip, self, check, err);
}

/* What the nodes that were seen say: the version of those files that hactl wrote (0: none), whether
 * all control-plane nodes were seen, and the first whose keepalived is too old for version 3. */
struct vrrp_seen {
	int written;
	bool all;
	const struct steps_node *old;
};

static struct vrrp_seen look_at_nodes(const struct steps_run *run)
{
	struct vrrp_seen seen = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < run->n; i++) {
		const struct steps_node *node = &run->nodes[i];
		const struct facts *f = &node->facts;

		if (!node->inv->control_plane || !steps_seen(node))
			continue;
		n++;
		if (!seen.written && f->has_keepalived_conf && ha_is_ours(buf_str(&f->keepalived_conf)))
			seen.written = ha_version_of(buf_str(&f->keepalived_conf));
		if (!seen.old && *f->keepalived && atoi(f->keepalived) < FIRST_WITH_3)
			seen.old = node;
	}
	seen.all = n == run->inv->ncontrol_plane;
	return seen;
}

/*
 * Nodes with different versions do not hear each other, and each would carry the VIP: a node that
 * is not seen now keeps what it has, so the others keep it too.
 */
static int choose_version(struct steps_run *run)
{
	const struct vrrp_seen seen = look_at_nodes(run);
	const struct inventory *inv = run->inv;
	int wanted = strchr(inv->vip.address, ':') ? 3 : inv->vip.password || seen.old ? 2 : 3;

	if (seen.written && seen.written != wanted && !seen.all) {
		plan_warn(&run->plan, NULL, "not every control-plane node is here, so the change from VRRP version %d to %d waits",
			  seen.written, wanted);
		return seen.written;
	}
	if (wanted == 2)
		plan_note(&run->plan, seen.old && !inv->vip.password ? seen.old->inv->name : NULL,
			  "%s%s: VRRP version 2 with adverts every %d s, so a failover takes seconds",
			  inv->vip.password ? "a VRRP password is given" : "keepalived is older than 2.0, it is ",
			  inv->vip.password ? "" : seen.old->facts.keepalived, steps_vrrp_timing(inv, 2).advert_ms / 1000);
	return wanted;
}

/* A password that was made in an earlier run is read back, so that nothing changes. */
static int look_password(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;
	char made[9];

	*done = true;
	steps_fill_peers(run);
	run->vrrp_version = choose_version(run);
	if (run->vrrp_version == 3)
		return 0;
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

static bool has_vip(const struct plan_node *p)
{
	return steps_uses_keepalived(steps_node(p)->run);
}

static const struct plan_step password_steps[] = {
	{ .name = "vip-password", .title = "VRRP password", .applies = has_vip, .check = look_password },
	{ .name = NULL },
};

const struct plan_phase steps_password = { .name = "keepalived", .scope = PLAN_ONCE, .steps = password_steps };
