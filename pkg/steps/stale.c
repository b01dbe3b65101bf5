/*
 * Members of etcd that stand in the way of a join: announced and never started, as a join leaves them
 * that was cut off in the middle; learners that nobody made voting members; and members of nodes that
 * have lost all their data.  kubeadm joins none of these nodes again before etcd has forgotten them.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "ha/ha.h"
#include "steps/etcd.h"

/* Will join in this run, and has nothing that an etcd could be started from. */
static bool is_bare(const struct steps_node *n)
{
	return n->target && steps_seen(n) && n->address && n->inv->control_plane && n != n->run->seed &&
	       !n->facts.has_etcd_manifest && (!n->facts.has_kubelet_conf || n->facts.begun);
}

static const struct etcd_member *stale_member(const struct steps_etcd *e, const struct steps_node *n)
{
	const struct etcd_member *m = is_bare(n) ? steps_etcd_member(e, n) : NULL;

	if (!m || steps_etcd_runs(e, m->id) || (*m->name && !m->learner && n->facts.has_etcd_data))
		return NULL;
	return m;
}

static struct steps_node *find_stale(struct steps_run *run, const struct steps_etcd *e)
{
	for (size_t i = 0; i < run->n; i++)
		if (stale_member(e, &run->nodes[i]))
			return &run->nodes[i];
	return NULL;
}

static bool someone_joins(const struct plan_node *p)
{
	const struct steps_run *run = steps_node(p)->run;

	for (size_t i = 0; i < run->n && run->api && !run->kubeadm.external_etcd; i++)
		if (is_bare(&run->nodes[i]))
			return true;
	return false;
}

static const char *state_of(const struct etcd_member *m)
{
	return !*m->name ? "never started" : m->learner ? "is a learner still" : "has lost its data";
}

/* An etcd that cannot be asked has its word later, when nodes join. */
static int check_stale(struct plan_node *p, bool *done, struct err *err)
{
	auto_steps_etcd struct steps_etcd e = { .voting = 0 };
	struct steps_run *run = steps_node(p)->run;
	auto_err struct err ignored = ERR_INIT;

	(void)err;
	*done = steps_look_at_etcd(run, &e, &ignored) < 0 || !find_stale(run, &e);
	for (size_t i = 0; i < run->n && !*done && p->plan->dry_run; i++)
		if (stale_member(&e, &run->nodes[i]))
			plan_note(p->plan, run->nodes[i].inv->name, "its member of etcd %s: it would be taken out",
				  state_of(stale_member(&e, &run->nodes[i])));
	return 0;
}

/* A member of the node's name somewhere else: its machine may live, and is none of ours to ask. */
static int allow_elsewhere(struct steps_node *n, const struct etcd_member *m, struct err *err)
{
	const struct steps_options *opt = &n->run->opt;
	auto_free char *why = NULL;

	if (asprintf(&why, "etcd has a member of its name at '%s', not at %s", m->peer_url, n->address) < 0)
		abort();
	if (opt->may_take_apart && opt->may_take_apart(opt->yes_ctx, n->inv->name, why))
		return 0;
	return err_set(err, ERR_FAILED, "%s: %s: when that machine is gone for good, '--yes %s' has its member taken out; else give one of the two another name",
		       n->inv->name, why, n->inv->name);
}

static int take_out(const struct steps_etcd *e, struct steps_node *n, struct err *err)
{
	const struct etcd_member *m = stale_member(e, n);

	if (!steps_etcd_member_at(e, n) && allow_elsewhere(n, m, err) < 0)
		return -1;
	if (!m->learner && ha_may_remove(e->voting, e->running, false, err) < 0)
		return err_wrap(err, "%s: its member of etcd %s, and cannot be taken out", n->inv->name, state_of(m));
	if (steps_remove_member(n->run, m->id, err) < 0)
		return err_wrap(err, "%s: its member of etcd %s, and could not be taken out", n->inv->name, state_of(m));
	plan_note(&n->run->plan, n->inv->name, "its member of etcd %s: taken out, to join again", state_of(m));
	return 0;
}

/* One after the other: each changes what the next one costs. */
static int apply_stale(struct plan_node *p, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	for (size_t i = 0; i < run->n; i++) {
		auto_steps_etcd struct steps_etcd e = { .voting = 0 };
		struct steps_node *n;

		if (steps_look_at_etcd(run, &e, err) < 0)
			return -1;
		n = find_stale(run, &e);
		if (!n)
			return 0;
		if (take_out(&e, n, err) < 0)
			return -1;
	}
	return 0;
}

static const struct plan_step stale_steps[] = {
	{ .name = "stale-members", .title = "members of etcd that are in the way", .applies = someone_joins,
	  .check = check_stale, .apply = apply_stale },
	{ .name = NULL },
};

const struct plan_phase steps_stale = { .name = "quorum", .scope = PLAN_ONCE, .steps = stale_steps };
