/* What an earlier run of hactl began on a node and did not finish is finished, or taken away. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define API_PATIENCE_MS 30000
#define CLEAN_MS 60000 /* beside the wait for a kubeadm that still runs, which is as long as one may take */

/* Did everything that makes a member happen, although the run did not see its end? */
static bool is_whole(const struct steps_node *n, const struct kube_node *k)
{
	const struct facts *f = &n->facts;

	if (!k || !f->has_kubelet_conf || strncmp(f->begun, "join", 4))
		return false;
	return !n->inv->control_plane || (k->control_plane && f->has_apiserver_manifest &&
					  (f->has_etcd_manifest || n->run->kubeadm.external_etcd));
}

/* The word that templates/kubeadm-clean.sh knows for what is to be done. */
static const char *choose(const struct steps_node *n)
{
	const struct kube_node *k = n->run->api ? steps_member(n->run, n->inv->name) : NULL;

	if (n->forgotten)
		return "reset";
	if (is_whole(n, k))
		return "finished";
	return k && !strncmp(n->facts.begun, "init", 4) ? "finish-init" : "reset";
}

bool steps_would_reset(const struct steps_node *n)
{
	return n->facts.begun && !strcmp(choose(n), "reset");
}

/* Why the node is part of a living cluster although a mark says that its init or join did not end;
 * NULL: it is none.  kubeadm labels a control-plane node last of all, and nobody joins before init
 * has ended. */
static const char *why_it_lives(const struct steps_node *n)
{
	const struct steps_run *run = n->run;
	const struct kube_node *k = run->api ? steps_member(run, n->inv->name) : NULL;

	if (k && k->ready && k->control_plane && n->inv->control_plane)
		return "the API lists it as a control-plane node that is Ready";
	for (size_t i = 0; i < run->n && !strncmp(n->facts.begun, "init", 4); i++)
		if (&run->nodes[i] != n && run->nodes[i].facts.has_kubelet_conf && !run->nodes[i].facts.begun)
			return "other nodes have joined its cluster";
	return NULL;
}

/* Under the lock, as nodes are asked about at once. */
static int ask_first(struct steps_node *n, struct err *err)
{
	const struct steps_options *opt = &n->run->opt;
	const char *why = why_it_lives(n);

	n->may_reset = !why || (opt->may_take_apart && opt->may_take_apart(opt->yes_ctx, n->inv->name, why));
	if (n->may_reset)
		return 0;
	return err_set(err, ERR_FAILED, "an earlier kubeadm %.*s did not finish, yet it is part of a living cluster (%s): it is "
		       "left alone; '--yes %s' has it taken away, and joined again",
		       (int)strcspn(n->facts.begun, " "), n->facts.begun, why, n->inv->name);
}

static bool was_begun(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return n->target && n->remote && n->facts.begun;
}

static int check_clean(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);

	if (steps_facts(n, err) < 0)
		return -1;
	*done = !n->facts.begun;
	return 0;
}

static void say(const struct plan_node *p, const char *how)
{
	const char *begun = steps_node(p)->facts.begun;
	int len = (int)strcspn(begun, " ");

	if (!strcmp(how, "reset"))
		plan_note(p->plan, p->name, "an earlier kubeadm %.*s did not finish: taken away, to be done again", len, begun);
	else if (!strcmp(how, "finish-init"))
		plan_note(p->plan, p->name, "an earlier kubeadm init did not finish, but its API answers: its last phases are done again");
	else
		plan_note(p->plan, p->name, "an earlier kubeadm %.*s is finished", len, begun);
}

static int run_clean(struct plan_node *p, const char *how, struct err *err)
{
	struct steps_node *n = steps_node(p);
	char wait[16];
	const struct remote_var vars[] = {
		{ "how", how }, { "wait", strcmp(how, "wait") ? "0" : wait }, { "config", STEPS_INIT_CONFIG },
		{ "pki", n->run->kubeadm.certificates_dir }, { "member", n->forgotten ? "gone" : "" },
		{ "cri_socket", n->facts.cri_socket ? n->facts.cri_socket : "" }, { NULL, NULL },
	};
	const struct remote_cmd cmd = { .script = tmpl_text("kubeadm-clean.sh"), .vars = vars,
					.timeout_ms = n->run->inv->timeouts.kubeadm_ms + CLEAN_MS, .survives = true };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	snprintf(wait, sizeof(wait), "%d", n->run->inv->timeouts.kubeadm_ms / 1000);
	n->stale = true;
	if (remote_run(n->remote, &cmd, &res, err) < 0)
		return -1;
	if (res.status == STEPS_LOCKED)
		return err_set(err, ERR_LOCKED, "another run's kubeadm is at work on it; wait for its end, and run the same command again");
	if (res.status)
		return err_set(err, ERR_REMOTE, "cannot clean up after the run before: %s", buf_str(&res.err));
	return steps_facts(n, err);
}

/* kubeadm does not join a node that the API still takes for Ready. */
static int forget_node(struct steps_node *n, struct err *err)
{
	struct clock_poll poll = clock_poll_start(n->run->opt.patience_ms ? n->run->opt.patience_ms : API_PATIENCE_MS, 500);
	struct err why = ERR_INIT;
	int rc;

	do {
		err_clear(&why);
		pthread_mutex_lock(&n->run->lock);
		rc = n->run->api && steps_member(n->run, n->inv->name) ? kube_delete_node(n->run->api, n->inv->name, &why) : 0;
		n->run->members_ms = 0;
		pthread_mutex_unlock(&n->run->lock);
		if (rc == 0)
			return 0;
	} while (steps_pause(n->run, &poll));
	*err = why;
	return -1;
}

/* What kubeadm did last of all may be in the list of members now. */
static int see_what_it_costs(struct steps_node *n, struct err *err)
{
	struct steps_run *run = n->run;
	int rc = 0;

	pthread_mutex_lock(&run->lock);
	run->members_ms = 0;
	pthread_mutex_unlock(&run->lock);
	if (run->api && steps_read_members_patiently(run, err) < 0)
		return -1;
	pthread_mutex_lock(&run->lock);
	if (steps_would_reset(n))
		rc = ask_first(n, err);
	pthread_mutex_unlock(&run->lock);
	return rc;
}

/* kubeadm outlives the connection of the run that started it, and its end may be a good one. */
static int look_wait(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);

	*done = true;
	if (p->plan->dry_run)
		return 0;
	plan_progress(p, "wait", "waiting for a kubeadm that may still run");
	if (run_clean(p, "wait", err) < 0 || (n == n->run->seed && steps_adopt(n->run, err) < 0))
		return -1;
	if (!n->facts.begun)
		plan_note(p->plan, p->name, "the kubeadm of an earlier run has finished meanwhile");
	return 0;
}

/* When all have waited: it looks at what the others told then. */
static int look_ask(struct plan_node *p, bool *done, struct err *err)
{
	*done = true;
	return p->plan->dry_run ? 0 : see_what_it_costs(steps_node(p), err);
}

/* The API forgets the node before the mark is gone, so that a run that breaks off here leaves none that seems
 * Ready; unless kubeadm is to take the member out of etcd, which reads the Node for it.  And once more in case
 * kubelet just registered. */
static int reset(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	bool early = n->forgotten || !n->facts.has_etcd_manifest;

	if ((early && forget_node(n, err) < 0) || run_clean(p, "reset", err) < 0)
		return -1;
	return forget_node(n, err);
}

static int apply_clean(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	const char *how = choose(n);

	say(p, how);
	return strcmp(how, "reset") ? run_clean(p, how, err) : reset(p, err);
}

static const struct plan_step wait_steps[] = {
	{ .name = "wait", .title = "an earlier kubeadm", .applies = was_begun, .check = look_wait },
	{ .name = NULL },
};

static const struct plan_step ask_steps[] = {
	{ .name = "ask", .title = "an earlier kubeadm", .applies = was_begun, .check = look_ask },
	{ .name = NULL },
};

static const struct plan_step clean_steps[] = {
	{ .name = "clean", .title = "unfinished work", .applies = was_begun, .check = check_clean, .apply = apply_clean },
	{ .name = NULL },
};

const struct plan_phase steps_wait = { .name = "clean", .steps = wait_steps };
const struct plan_phase steps_ask = { .name = "clean", .steps = ask_steps };
const struct plan_phase steps_clean = { .name = "clean", .steps = clean_steps };
