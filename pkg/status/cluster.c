/* What only several nodes' answers together tell: the endpoint, the VIP's holders, etcd's members. */
#define _GNU_SOURCE
#include <string.h>

#include "base/clock.h"
#include "ha/ha.h"
#include "status/status.h"

#define ADMIN_CONF "/etc/kubernetes/admin.conf"

static int left(int64_t deadline_ms, int least)
{
	int64_t ms = deadline_ms - clock_ms();

	return ms < least ? least : (int)ms;
}

static const struct status_node *with_admin_conf(const struct status *st)
{
	for (size_t i = 0; i < st->n; i++)
		if (st->nodes[i].admin_conf.len)
			return &st->nodes[i];
	return NULL;
}

/* The list of nodes is had from whoever answers: the endpoint, or else a node's own API server. */
static void list_nodes(struct status *st, struct kube *k)
{
	auto_err struct err err = ERR_INIT;

	if (!st->listed_known)
		st->listed_known = kube_list_nodes(k, &st->listed, &err) == 0;
}

static int dial(void *ctx, const char *host, int port, int *fd, struct err *err)
{
	struct remote *r = ctx;

	return r->ops->tunnel(r, host, port, fd, err);
}

/* From here; a machine that cannot reach the endpoint asks through the node whose session it is. */
static struct kube *open_at(const struct status_node *n, struct err *err)
{
	const struct kube_dial d = { dial, n->step->remote };
	const struct buf *conf = &n->admin_conf;

	return kube_open(ADMIN_CONF, buf_str(conf), conf->len, n->step->remote && n->step->remote->ops->tunnel ? &d : NULL, err);
}

void status_ask_endpoint(struct status *st, int64_t deadline_ms)
{
	const struct status_node *first = with_admin_conf(st);
	auto_err struct err err = ERR_INIT;
	int64_t since = clock_ms();

	if (!first) {
		status_reply_set(&st->endpoint, STATUS_UNASKED, 0, "no node that was reached has an admin.conf");
		return;
	}
	auto_kube struct kube *k = open_at(first, &err);
	int rc = k ? kube_healthy(k, left(deadline_ms, 500), &err) : -1;

	status_reply_set(&st->endpoint, rc == 0 ? STATUS_OK : STATUS_BAD, (int)(clock_ms() - since), err.msg);
	if (rc == 0)
		list_nodes(st, k);
	for (size_t i = 0; i < st->n && !st->listed_known; i++) {
		struct status_node *n = &st->nodes[i];
		auto_err struct err ignored = ERR_INIT;

		if (n->api.answer != STATUS_OK)
			continue;
		auto_kube struct kube *own = open_at(n, &ignored);

		if (own) {
			kube_connect_to(own, n->step->address, st->run->kubeadm.bind_port);
			list_nodes(st, own);
		}
	}
}

static void find_listed(struct status *st)
{
	for (size_t i = 0; i < st->n; i++)
		for (size_t j = 0; j < st->listed.n; j++)
			if (!strcmp(st->listed.v[j].name, st->nodes[i].inv->name))
				st->nodes[i].listed = &st->listed.v[j];
}

bool status_has_vip(const struct status *st)
{
	return st->inv->vip.provider != INV_VIP_NONE && st->inv->vip.address;
}

static void find_holders(struct status *st)
{
	for (size_t i = 0; i < st->n && status_has_vip(st); i++) {
		struct status_node *n = &st->nodes[i];

		if (n->ssh.answer != STATUS_OK || !n->inv->control_plane)
			continue;
		n->holds_vip = facts_addr(&n->step->facts, st->inv->vip.address) != NULL;
		n->holds_second = st->inv->vip.second && facts_addr(&n->step->facts, st->inv->vip.second);
		st->holders = (st->holders < 0 ? 0 : st->holders) + n->holds_vip;
	}
}

/* ---- etcd ---- */

static const struct status_node *node_of_member(const struct status *st, uint64_t id)
{
	for (size_t i = 0; i < st->n; i++)
		if (st->nodes[i].etcd_reply.answer == STATUS_OK && st->nodes[i].etcd.id == id)
			return &st->nodes[i];
	return NULL;
}

/* A member with a leader knows the list that holds; without one any is better than none. */
static const struct status_node *best_witness(const struct status *st)
{
	const struct status_node *any = NULL;

	for (size_t i = 0; i < st->n; i++) {
		const struct status_node *n = &st->nodes[i];

		if (n->etcd_reply.answer != STATUS_OK || !n->members.n)
			continue;
		if (n->etcd.leader)
			return n;
		any = any ? any : n;
	}
	return any;
}

static void count_members(struct status *st)
{
	const struct status_node *witness = best_witness(st);

	if (!witness)
		return;
	st->members = &witness->members;
	for (size_t i = 0; i < st->members->n; i++) {
		const struct etcd_member *m = &st->members->v[i];
		const struct status_node *n = node_of_member(st, m->id);

		if (m->learner)
			continue;
		st->voting++;
		st->running += n && n->etcd.leader;
		if (m->id == witness->etcd.leader && *m->name)
			st->leader = m->name;
	}
}

int status_survives(const struct status *st)
{
	return ha_survives_now(st->voting, st->running);
}

/* ---- keepalived's files ---- */

static const struct plan_phase *const password_phases[] = { &steps_password, NULL };

/* What is written depends on all control-plane nodes: it can only be compared when all were seen. */
static bool may_render(struct status *st)
{
	auto_err struct err err = ERR_INIT;

	for (size_t i = 0; i < st->n; i++)
		if (st->nodes[i].inv->control_plane && st->nodes[i].ssh.answer != STATUS_OK)
			return false;
	if (!steps_uses_keepalived(st->run))
		return false;
	steps_release_peers(st->run);
	if (!st->password_known)
		st->password_known = plan_run(&st->run->plan, password_phases, &err) == 0;
	else
		steps_fill_peers(st->run);
	return st->password_known;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(buf_str(a), buf_str(b), a->len);
}

static enum status_conf compare_conf(const struct status *st, const struct status_node *n, bool render)
{
	auto_wipe struct buf conf = BUF_INIT;
	auto_buf struct buf check = BUF_INIT;
	auto_err struct err err = ERR_INIT;
	const struct facts *f = &n->step->facts;

	if (n->ssh.answer != STATUS_OK)
		return STATUS_CONF_UNKNOWN;
	if (!f->has_keepalived_conf)
		return STATUS_CONF_MISSING;
	if (!ha_is_ours(buf_str(&f->keepalived_conf)))
		return STATUS_CONF_FOREIGN;
	if (!render || steps_render_keepalived(st->run, n->step, &conf, &check, &err) < 0)
		return STATUS_CONF_UNKNOWN;
	return same(&conf, &f->keepalived_conf) && same(&check, &f->check_script) ? STATUS_CONF_SAME : STATUS_CONF_DIFFERS;
}

void status_put_together(struct status *st)
{
	bool render = may_render(st);

	find_listed(st);
	find_holders(st);
	count_members(st);
	for (size_t i = 0; i < st->n; i++) {
		struct status_node *n = &st->nodes[i];

		if (n->inv->control_plane && steps_uses_keepalived(st->run))
			n->keepalived_conf = compare_conf(st, n, render);
		st->has_cluster |= n->kubelet_server != NULL;
	}
	if (st->reached < (int)st->n)
		st->has_cluster = true; /* one that was not seen may have it */
}
