/* Why the cluster is not healthy: each cause once, with the node's name in front. */
#define _GNU_SOURCE
#include <string.h>

#include "ha/ha.h"
#include "status/status.h"

static void judge_listed(struct status *st, const struct status_node *n)
{
	const struct kube_node *k = n->listed;

	if (!st->listed_known)
		return;
	if (!k && n->kubelet_server)
		strs_printf(&st->problems, "%s: the API does not list it", n->inv->name);
	else if (k && !k->ready)
		strs_printf(&st->problems, "%s: is not Ready%s%s", n->inv->name, *k->not_ready_reason ? ": " : "", k->not_ready_reason);
}

static void judge_control_plane(struct status *st, const struct status_node *n)
{
	const char *name = n->inv->name, *remedy, *left = steps_left_carrier(n->step, &remedy);
	const struct facts *f = &n->step->facts;

	if (n->api.answer == STATUS_BAD)
		strs_printf(&st->problems, "%s: its API server: %s", name, n->api.why);
	else if (n->api.answer == STATUS_UNASKED)
		strs_printf(&st->problems, "%s: its API server was not asked: %s", name,
			    n->api.why ? n->api.why : "no /etc/kubernetes/admin.conf; 'hactl certs push' copies it");
	if (n->etcd_reply.answer == STATUS_BAD)
		strs_printf(&st->problems, "%s: its etcd: %s", name, n->etcd_reply.why);
	else if (n->etcd_reply.answer == STATUS_OK && !n->etcd.leader)
		strs_printf(&st->problems, "%s: its etcd has no leader", name);
	else if (f->has_etcd_manifest && n->etcd_reply.answer == STATUS_UNASKED && n->api.answer != STATUS_UNASKED)
		strs_printf(&st->problems, "%s: its etcd was not asked: %s", name, n->etcd_reply.why ? n->etcd_reply.why : "");
	if (steps_uses_keepalived(st->run) && !f->keepalived_active)
		strs_printf(&st->problems, "%s: keepalived does not run; 'systemctl start keepalived' on it, or 'hactl apply'", name);
	if (left)
		strs_printf(&st->problems, "%s: %s, but vip.provider is another; '%s' on it", name, left, remedy);
	if (steps_uses_kube_vip(st->run) && !f->kube_vip_active)
		strs_printf(&st->problems, "%s: kube-vip does not run; %s", name, f->has_kube_vip ?
			    "'crictl ps -a' and 'journalctl -u kubelet' on it tell why" : "'hactl apply' writes its manifest");
	if (steps_uses_haproxy(st->run) && !f->haproxy_active)
		strs_printf(&st->problems, "%s: HAProxy does not run; 'systemctl start haproxy' on it, or 'hactl apply'", name);
}

static const char *remedy_of(const struct status_cert *c)
{
	if (status_is_ca(c))
		return "";
	if (!strncmp(c->name, "kubelet-", 8))
		return "; 'kubeadm kubeconfig user --org system:nodes' on a control-plane node makes a new kubelet.conf for it";
	return "; 'kubeadm certs renew all' on it, then restart the control plane";
}

static void judge_node(struct status *st, const struct status_node *n)
{
	if (n->ssh.answer != STATUS_OK) {
		strs_printf(&st->problems, "%s: cannot be reached: %s", n->inv->name, n->ssh.why ? n->ssh.why : "not asked");
		judge_listed(st, n);
		return;
	}
	if (!n->kubelet_server) {
		strs_printf(&st->problems, "%s: is in no cluster yet; 'hactl apply' joins it", n->inv->name);
		return;
	}
	if (n->cause)
		strs_printf(&st->problems, "%s: likely cause: %s", n->inv->name, n->cause);
	if (!n->kubelet_active)
		strs_printf(&st->problems, "%s: the kubelet does not run; 'journalctl -u kubelet' on it tells why", n->inv->name);
	judge_listed(st, n);
	if (n->inv->control_plane)
		judge_control_plane(st, n);
	for (size_t i = 0; i < n->ncerts; i++)
		if (n->certs[i].expires <= st->now)
			strs_printf(&st->problems, "%s: the certificate of %s has expired%s", n->inv->name, n->certs[i].name,
				    remedy_of(&n->certs[i]));
}

/* Names of those that carry the VIP; caller frees. */
static char *holder_names(const struct status *st)
{
	auto_strs struct strs l = STRS_INIT;

	for (size_t i = 0; i < st->n; i++)
		if (st->nodes[i].holds_vip)
			strs_add(&l, st->nodes[i].inv->name);
	return strs_join(&l, ", ");
}

static bool saw_control_plane(const struct status *st)
{
	for (size_t i = 0; i < st->n; i++)
		if (st->nodes[i].inv->control_plane && st->nodes[i].ssh.answer != STATUS_OK)
			return false;
	return true;
}

static void judge_vip(struct status *st)
{
	auto_free char *names = holder_names(st);

	if (!status_has_vip(st) || st->holders < 0)
		return;
	if (st->holders > 1)
		strs_printf(&st->problems, "the VIP %s is held by %d nodes at once: %s; do they hear each other ('hactl preflight')?",
			    st->inv->vip.address, st->holders, names);
	else if (!st->holders && (saw_control_plane(st) || st->endpoint.answer != STATUS_OK))
		strs_printf(&st->problems, "the VIP %s is held by no node%s%s",
			    st->inv->vip.address, saw_control_plane(st) ? "" : " that was reached",
			    steps_uses_keepalived(st->run) ? "; 'journalctl -u keepalived' on them tells why" : "");
}

/* keepalived moves both at once; one of them alone was lost or added by somebody else. */
static void judge_second_vip(struct status *st)
{
	for (size_t i = 0; i < st->n && st->inv->vip.second; i++) {
		const struct status_node *n = &st->nodes[i];
		const char *has = n->holds_vip ? st->inv->vip.address : st->inv->vip.second;
		const char *lacks = n->holds_vip ? st->inv->vip.second : st->inv->vip.address;

		if (n->holds_vip != n->holds_second)
			strs_printf(&st->problems, "%s: holds the VIP %s without %s%s", n->inv->name, has, lacks,
				    steps_uses_keepalived(st->run) ? "; 'systemctl restart keepalived' there" : "");
	}
}

/* More nodes may be in etcd's list than in hactl.yaml, and the other way round. */
static void judge_members(struct status *st)
{
	for (size_t i = 0; st->members && i < st->members->n; i++) {
		const struct etcd_member *m = &st->members->v[i];

		if (!*m->name)
			strs_printf(&st->problems, "etcd: the member at %s has never started: a join broke off", m->peer_url);
		else if (m->learner)
			strs_printf(&st->problems, "etcd: %s is a learner still: it has no vote", m->name);
		else if (!inventory_node(st->inv, m->name))
			strs_printf(&st->problems, "etcd: the member '%s' is no node of %s", m->name, st->inv->path);
	}
	if (st->voting && status_survives(st) < 0)
		strs_printf(&st->problems, "etcd has no quorum that could be seen: %d of %d members answer, %d are needed",
			    st->running, st->voting, ha_majority(st->voting));
}

static void judge_alarms(struct status *st)
{
	auto_strs struct strs seen = STRS_INIT;

	for (size_t i = 0; i < st->n; i++)
		for (size_t a = 0; a < st->nodes[i].alarms.n; a++) {
			const char *alarm = st->nodes[i].alarms.v[a];

			if (strs_has(&seen, alarm))
				continue;
			strs_add(&seen, alarm);
			strs_printf(&st->problems, "etcd: alarm %s%s", alarm,
				    strncmp(alarm, "NOSPACE", 7) ? "" : ": its database is full and takes no writes; compact, defragment, and disarm the alarm");
		}
}

void status_judge(struct status *st)
{
	if (!st->reached)
		strs_printf(&st->problems, "no node can be reached");
	else if (!st->has_cluster)
		strs_printf(&st->problems, "there is no cluster yet; 'hactl apply' makes it");
	for (size_t i = 0; i < st->n && st->has_cluster; i++)
		judge_node(st, &st->nodes[i]);
	if (!st->has_cluster || !st->reached)
		return;
	judge_vip(st);
	judge_second_vip(st);
	if (st->endpoint.answer == STATUS_BAD)
		strs_printf(&st->problems, "the endpoint %s: %s", st->inv->endpoint, st->endpoint.why);
	judge_members(st);
	judge_alarms(st);
	status_judge_risks(st);
}
