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

/* The old session is kept until there is another, as the run goes on without the node, too. */
static int connect_again(struct steps_node *n, struct err *why)
{
	const struct steps_options *opt = &n->run->opt;
	struct clock_poll poll = clock_poll_start(opt->patience_ms ? opt->patience_ms : RECONNECT_MS, 1000);
	bool untrusted = false;
	struct remote *fresh;

	steps_lock_leave(n);
	do {
		err_clear(why);
		fresh = opt->connect(opt->ctx, n->inv, n->address, &untrusted, why);
	} while (!fresh && !untrusted && !remote_interrupted() && steps_pause(n->run, &poll));
	n->lost = !fresh;
	if (!fresh)
		return -1;
	replace(n, fresh);
	steps_lock_again(n);
	return 0;
}

/* ---- steps ---- */

static bool is_lost(struct steps_node *n)
{
	const struct remote_cmd nothing = { .script = ":", .timeout_ms = ALIVE_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_err struct err why = ERR_INIT;
	int rc;

	pthread_mutex_lock(&n->run->lock);
	rc = remote_run(n->remote, &nothing, &res, &why);
	pthread_mutex_unlock(&n->run->lock);
	return rc < 0 && why.kind == ERR_CONNECT;
}

static bool mend_node(struct steps_node *n, const struct err *told)
{
	auto_err struct err why = ERR_INIT;

	if (!n->remote || n->lost || n->run->untrusted || plan_stopped(&n->run->plan) || remote_interrupted() || !is_lost(n))
		return false;
	say(n, "", told);
	return connect_again(n, &why) == 0;
}

bool steps_mend(struct plan *p, struct plan_node *n, const struct err *why)
{
	bool mended = false;

	for (size_t i = 0; i < p->n; i++)
		if (!n || n == &p->nodes[i])
			mended |= mend_node(steps_node(&p->nodes[i]), why);
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

/* Its time begins anew, as nobody was there to count it. */
static int follow(struct steps_node *n, const struct steps_lasting *job, struct remote_result *res, struct err *err)
{
	char heard[24];
	const struct remote_var vars[] = { { "id", job->id }, { "heard", heard }, { "limit", job->limit }, { NULL, NULL } };
	struct remote_cmd cmd = *job->cmd;

	cmd.script = tmpl_text("kubeadm-follow.sh");
	cmd.vars = vars;
	snprintf(heard, sizeof(heard), "%zu", *job->heard);
	if (run(n, &cmd, res, err) < 0)
		return -1;
	if (res->status == NEVER_BEGAN)
		return run(n, job->cmd, res, err);
	if (res->status == ENDED_IN_THE_MIDDLE)
		return err_set(err, ERR_REMOTE, "was ended in the middle (did the node start anew?); the same command goes on from there");
	return 0;
}

int steps_run_lasting(struct plan_node *p, const char *what, const struct steps_lasting *job, struct remote_result *res,
		      struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_free char *goes_on = NULL;
	int rc = run(n, job->cmd, res, err);

	if (asprintf(&goes_on, ", as %s goes on there", what) < 0)
		abort();
	for (int lost = 0; rc < 0 && only_lost(n, res, err); lost++) {
		auto_err struct err why = ERR_INIT;

		if (lost < MAX_LOST)
			say(n, goes_on, err);
		n->lost = lost == MAX_LOST;
		if (n->lost || connect_again(n, &why) < 0)
			return -1;
		err_clear(err);
		rc = follow(n, job, res, err);
	}
	return rc;
}
