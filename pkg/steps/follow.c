/*
 * A script that outlives its connection is found again: kubeadm takes a minute, and a connection that a
 * laptop, a VPN or a firewall loses meanwhile says nothing about it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define RECONNECT_MS 60000
#define MAX_LOST 5 /* connections of one kubeadm */
#define NEVER_BEGAN 74
#define ENDED_IN_THE_MIDDLE 76

static bool only_lost(const struct steps_node *n, const struct remote_result *res, const struct err *err)
{
	return err->kind == ERR_CONNECT && res->late == REMOTE_IN_TIME && !plan_stopped(&n->run->plan) && !remote_interrupted();
}

/* The old session is kept until there is another: the run goes on without the node, too. */
static int connect_again(struct steps_node *n, struct err *err)
{
	const struct steps_options *opt = &n->run->opt;
	struct clock_poll poll = clock_poll_start(opt->patience_ms ? opt->patience_ms : RECONNECT_MS, 1000);
	struct err why = ERR_INIT;
	bool untrusted = false;
	struct remote *fresh;

	steps_lock_leave(n);
	do {
		err_clear(&why);
		fresh = opt->connect(opt->ctx, n->inv, n->address, &untrusted, &why);
	} while (!fresh && !untrusted && steps_pause(n->run, &poll));
	if (!fresh) {
		err_wrap(err, "%s; and then", why.msg);
		err_clear(&why);
		return -1;
	}
	remote_close(n->remote);
	n->remote = fresh;
	steps_lock_again(n);
	return 0;
}

static int run(struct steps_node *n, const struct remote_cmd *cmd, struct remote_result *res, struct err *err)
{
	remote_result_release(res);
	*res = (struct remote_result)REMOTE_RESULT_INIT;
	return remote_run(n->remote, cmd, res, err);
}

static int follow(struct steps_node *n, const struct remote_cmd *begun, const char *id, size_t heard, const char *limit,
		  struct remote_result *res, struct err *err)
{
	char known[24];
	const struct remote_var vars[] = { { "id", id }, { "heard", known }, { "limit", limit }, { NULL, NULL } };
	struct remote_cmd cmd = *begun;

	cmd.script = tmpl_text("kubeadm-follow.sh");
	cmd.vars = vars;
	snprintf(known, sizeof(known), "%zu", heard);
	if (run(n, &cmd, res, err) < 0)
		return -1;
	if (res->status == ENDED_IN_THE_MIDDLE)
		return err_set(err, ERR_REMOTE, "was ended in the middle (did the node start anew?); the same command goes on from there");
	return 0;
}

int steps_run_lasting(struct plan_node *p, const char *what, const struct steps_lasting *job, struct remote_result *res,
		      struct err *err)
{
	struct steps_node *n = steps_node(p);
	int rc = run(n, job->cmd, res, err);

	for (int lost = 0; rc < 0 && only_lost(n, res, err) && lost < MAX_LOST; lost++) {
		plan_warn(p->plan, p->name, "%s: connecting again, as %s goes on there", err->msg, what);
		if (connect_again(n, err) < 0)
			return -1;
		err_clear(err);
		rc = follow(n, job->cmd, job->id, *job->heard, job->limit, res, err);
		if (rc == 0 && res->status == NEVER_BEGAN)
			rc = run(n, job->cmd, res, err);
	}
	return rc;
}
