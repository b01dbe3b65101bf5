/*
 * Sessions that are lost are made again.  A bootstrap takes minutes, and a laptop, a VPN or a firewall that
 * loses a connection meanwhile says nothing of the node: its step is done again, as every step may be, and a
 * kubeadm that goes on there is found and followed to its end.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define RECONNECT_MS 30000
#define FIRST_PAUSE_MS 1000 /* a refused login is not to be tried thirty times */
#define MAX_PAUSE_MS 5000
#define ALIVE_MS 10000
#define MAX_LOST 5 /* connections of one kubeadm */
#define NEVER_BEGAN 74
#define ENDED_IN_THE_MIDDLE 76

/* Without the hint behind it: what to do is done here. */
static void say(const struct steps_node *n, const char *why_again, const struct err *told)
{
	plan_warn(&n->run->plan, n->inv->name, "connecting again%s: %.*s", why_again, (int)strcspn(told->msg, ";"), told->msg);
}

/* Others speak to the API through the seed's session. */
static void replace(struct steps_node *n, struct remote *fresh)
{
	pthread_mutex_lock(&n->run->lock);
	remote_close(n->remote);
	n->remote = fresh;
	pthread_mutex_unlock(&n->run->lock);
}

static struct remote *try_for_a_while(struct steps_node *n, bool *untrusted, struct err *why)
{
	const struct steps_options *opt = &n->run->opt;
	struct clock_poll poll = clock_poll_start(opt->patience_ms ? opt->patience_ms : RECONNECT_MS, MAX_PAUSE_MS);
	struct remote *fresh;

	poll.pause_ms = opt->patience_ms ? poll.pause_ms : FIRST_PAUSE_MS;
	do {
		err_clear(why);
		fresh = opt->connect(opt->ctx, n->inv, n->address, untrusted, why);
	} while (!fresh && !*untrusted && !remote_interrupted() && steps_pause(n->run, &poll));
	return fresh;
}

/* Adds to err, which says how the connection was lost, why there is no other. */
static int give_up(struct steps_node *n, bool untrusted, struct err *why, struct err *err)
{
	bool stopped = plan_stopped(&n->run->plan) || remote_interrupted();

	n->lost = true;
	if (untrusted)
		__atomic_store_n(&n->run->untrusted, true, __ATOMIC_RELAXED);
	if (stopped) {
		err->kind = ERR_INTERRUPTED;
	} else if (untrusted || why->kind == ERR_LOCKED) {
		err_clear(err);
		err_set(err, why->kind, "%s", why->msg);
	} else {
		auto_free char *first = strdup(err->msg);

		err_clear(err);
		err_set(err, ERR_CONNECT, "%s; connecting again failed: %s", first ? first : "", why->msg);
	}
	err_clear(why);
	return -1;
}

/* The old session is kept until there is another, as the run goes on without the node, too. */
static int connect_again(struct steps_node *n, struct err *err)
{
	struct err why = ERR_INIT;
	bool untrusted = false;
	struct remote *fresh;

	steps_lock_forget(n);
	fresh = try_for_a_while(n, &untrusted, &why);
	if (!fresh)
		return give_up(n, untrusted, &why, err);
	if (steps_lock_move(n, fresh, &why) < 0) {
		remote_close(fresh);
		return give_up(n, false, &why, err);
	}
	replace(n, fresh);
	steps_lock_moved(n);
	return 0;
}

/* ---- steps ---- */

static bool is_lost(struct steps_node *n, struct err *why)
{
	const struct remote_cmd nothing = { .script = ":", .timeout_ms = ALIVE_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	int rc;

	pthread_mutex_lock(&n->run->lock);
	rc = remote_run(n->remote, &nothing, &res, why);
	pthread_mutex_unlock(&n->run->lock);
	return rc < 0 && why->kind == ERR_CONNECT;
}

/* 1: there is another session; 0: it needs none; -1: there is none. */
static int mend_node(struct steps_node *n, struct err *err)
{
	auto_err struct err why = ERR_INIT;

	if (n->again) {
		n->again = false;
		return 1;
	}
	if (!n->remote || n->run->untrusted || plan_stopped(&n->run->plan) || remote_interrupted())
		return 0;
	if (n->lost)
		return -1;
	if (!is_lost(n, &why))
		return 0;
	say(n, "", &why);
	return connect_again(n, err) == 0 ? 1 : -1;
}

bool steps_mend(struct plan *p, struct plan_node *n, struct err *err)
{
	bool mended = false;

	for (size_t i = 0; i < p->n; i++) {
		int rc = !n || n == &p->nodes[i] ? mend_node(steps_node(&p->nodes[i]), err) : 0;

		if (rc < 0)
			return false;
		mended |= rc;
	}
	return mended;
}

/* ---- kubeadm ---- */

static bool only_lost(const struct steps_node *n, const struct remote_result *res, const struct err *err)
{
	return err->kind == ERR_CONNECT && res->late == REMOTE_IN_TIME && !plan_stopped(&n->run->plan) && !remote_interrupted();
}

static int run(struct steps_node *n, const struct remote_cmd *cmd, struct remote_result *res, struct err *err)
{
	remote_result_release(res);
	*res = (struct remote_result)REMOTE_RESULT_INIT;
	return remote_run(n->remote, cmd, res, err);
}

/* What templates/kubeadm-follow.sh says beside kubeadm's own status. */
static int judge(struct steps_node *n, struct remote_result *res, struct err *err)
{
	switch (res->status) {
	case NEVER_BEGAN: /* the engine asks steps_mend, and the step's check decides what is to be done */
		n->again = true;
		return err_set(err, ERR_CONNECT, "the connection was lost before it began");
	case STEPS_LOCKED:
		res->late = REMOTE_TOO_LONG;
		return err_set(err, ERR_REMOTE, "it goes on");
	case ENDED_IN_THE_MIDDLE:
		return err_set(err, ERR_REMOTE, "was ended in the middle (did the node start anew, or is its disk full?); its output: %s; the same command goes on from there",
			       n->log_path);
	default:
		return 0;
	}
}

/* Its time begins anew, as nobody was there to count it. */
static int follow(struct steps_node *n, const struct steps_lasting *job, struct remote_result *res, struct err *err)
{
	char heard[24];
	const struct remote_var vars[] = { { "id", job->id }, { "heard", heard }, { "limit", job->limit }, { NULL, NULL } };
	struct remote_cmd cmd = *job->cmd;

	cmd.script = tmpl_text("kubeadm-follow.sh");
	cmd.vars = vars;
	snprintf(heard, sizeof(heard), "%zu", *job->heard);
	return run(n, &cmd, res, err) < 0 ? -1 : judge(n, res, err);
}

int steps_run_lasting(struct plan_node *p, const char *what, const struct steps_lasting *job, struct remote_result *res,
		      struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_free char *goes_on = NULL;
	int rc;

	n->again = false;
	rc = run(n, job->cmd, res, err);
	if (asprintf(&goes_on, ", as %s may go on there", what) < 0)
		abort();
	for (int lost = 0; rc < 0 && !n->again && only_lost(n, res, err); lost++) {
		n->lost = lost == MAX_LOST;
		if (n->lost)
			return -1;
		say(n, goes_on, err);
		if (connect_again(n, err) < 0)
			return -1;
		err_clear(err);
		rc = follow(n, job, res, err);
	}
	return rc;
}
