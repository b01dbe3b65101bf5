/*
 * Before a half-joined node is reset, etcd forgets its member.  kubeadm reset does that, too, but goes on when etcd
 * has just no leader, and deletes the data of a member that still counts: with two members that is the quorum.
 */
#define _GNU_SOURCE
#include <string.h>

#include "base/clock.h"
#include "ha/ha.h"
#include "steps/etcd.h"

#define PATIENCE_MS 30000

static bool resets_member(const struct steps_node *n)
{
	return n->target && n->remote && n->run->api && n->facts.begun && n->facts.has_etcd_manifest &&
	       !n->run->kubeadm.external_etcd && (n->may_reset || n->run->plan.dry_run) && steps_would_reset(n);
}

static bool some_member_is_reset(const struct plan_node *p)
{
	const struct steps_run *run = steps_node(p)->run;

	for (size_t i = 0; i < run->n; i++)
		if (resets_member(&run->nodes[i]))
			return true;
	return false;
}

static int cannot(struct steps_node *n, struct err *err)
{
	return err_wrap(err, "%s: its join broke off, and its member of etcd cannot be taken away to begin again", n->inv->name);
}

/* etcd elects while members come and go. */
static int look(struct steps_run *run, struct steps_etcd *e, struct err *err)
{
	struct clock_poll poll = clock_poll_start(run->opt.patience_ms ? run->opt.patience_ms : PATIENCE_MS, 1000);
	struct err why = ERR_INIT;
	int rc;

	do {
		err_clear(&why);
		steps_etcd_release(e);
		rc = steps_look_at_etcd(run, e, &why);
		if (rc == 0 && e->running)
			return 0;
	} while (steps_pause(run, &poll));
	if (rc < 0)
		*err = why;
	return rc;
}

/* Takes the node's member out when it runs, or does not, as wanted.  The last voting one stays. */
static int let_go(struct steps_node *n, bool wanted, struct err *err)
{
	auto_steps_etcd struct steps_etcd e = { .voting = 0 };
	const struct etcd_member *m;
	bool runs;

	if (look(n->run, &e, err) < 0)
		return cannot(n, err);
	m = steps_etcd_member_at(&e, n);
	runs = m && steps_etcd_runs(&e, m->id);
	n->forgotten = !m && e.running;
	if (!m || (e.voting <= 1 && !m->learner) || runs != wanted)
		return 0;
	if (!m->learner && ha_may_remove(e.voting, e.running, runs, err) < 0)
		return cannot(n, err);
	if (n->run->plan.dry_run)
		return 0;
	if (steps_remove_member(n->run, m->id, err) < 0)
		return cannot(n, err);
	n->forgotten = true;
	return 0;
}

/* Those that do not run go first, as each of them makes the quorum smaller. */
static int look_guard(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	for (int runs = 0; runs <= 1; runs++)
		for (size_t i = 0; i < run->n; i++) {
			struct steps_node *n = &run->nodes[i];

			if (resets_member(n) && !n->forgotten && let_go(n, runs, err) < 0)
				return -1;
		}
	return 0;
}

static const struct plan_step guard_steps[] = {
	{ .name = "guard", .title = "quorum", .applies = some_member_is_reset, .check = look_guard },
	{ .name = NULL },
};

const struct plan_phase steps_guard = { .name = "quorum", .scope = PLAN_ONCE, .steps = guard_steps };
