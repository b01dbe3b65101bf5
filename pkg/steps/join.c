/* The other nodes: a token that lives a quarter of an hour, kubeadm join, the token's end. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "pki/pki.h"
#include "steps/etcd.h"

#define TOKEN_TTL_S (15 * 60)
/* kubeadm takes etcd's members in as learners from 1.29 on.  Before that a new member costs a
 * cluster of one its quorum until it has started, some 10 s in which other nodes' joins fail (seen
 * with 1.20: "error uploading crisocket: etcdserver: request timed out").  So there all nodes do
 * first what needs no member, and then one after the other becomes one. */
#define LEARNERS_SINCE 29
/* etcd takes one learner at a time, for which kubeadm waits two minutes. */
#define JOINS_AT_ONCE 2

static bool joins(const struct steps_node *n)
{
	return n->target && n->remote && n != n->run->seed;
}

static bool is_missing(const struct steps_node *n)
{
	return joins(n) && (!steps_in_cluster(n) || n->facts.begun);
}

/* ---- the token ---- */

static bool somebody_is_missing(const struct plan_node *p)
{
	struct steps_run *run = steps_node(p)->run;

	for (size_t i = 0; i < run->n; i++)
		if (is_missing(&run->nodes[i]))
			return true;
	return false;
}

/* The cluster's clock tells when a token ends, ours may be another. */
static int make_token(struct steps_run *run, int ttl_s, struct err *err)
{
	int64_t ahead_ms = (run->seed->facts.clock_early_ms + run->seed->facts.clock_late_ms) / 2;
	char token[24];

	if (pki_token(token, err) < 0)
		return -1;
	if (kube_create_token(run->api, token, ttl_s + (int)(ahead_ms / 1000), err) < 0)
		return err_wrap(err, "bootstrap token");
	memcpy(run->token, token, sizeof(token));
	explicit_bzero(token, sizeof(token));
	return 0;
}

static int look_token(struct plan_node *p, bool *done, struct err *err)
{
	*done = true;
	steps_end_direct(steps_node(p)->run); /* kubeadm join goes through the endpoint, too */
	return p->plan->dry_run ? 0 : make_token(steps_node(p)->run, TOKEN_TTL_S, err);
}

static bool token_was_made(const struct plan_node *p)
{
	return steps_node(p)->run->token[0];
}

static int end_token(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;
	auto_err struct err why = ERR_INIT;
	char id[7];

	(void)err;
	*done = true;
	remote_interrupt(false);
	snprintf(id, sizeof(id), "%.6s", run->token);
	if (__atomic_load_n(&run->token_used, __ATOMIC_RELAXED))
		plan_note(p->plan, NULL, "bootstrap token '%s' is left to the kubeadm that goes on, and ends by itself in 15 minutes", id);
	else if (kube_delete_token(run->api, id, &why) < 0)
		plan_warn(p->plan, NULL, "bootstrap token '%s' is left behind and ends by itself in 15 minutes: %s",
			  id, why.msg);
	explicit_bzero(run->token, sizeof(run->token));
	return 0;
}

/* ---- joining ---- */

static bool joins_control_plane(const struct plan_node *p)
{
	return joins(steps_node(p)) && steps_is_control_plane(p);
}

static bool joins_as_worker(const struct plan_node *p)
{
	return joins(steps_node(p)) && !steps_is_control_plane(p);
}

int steps_render_join(const struct steps_node *n, const char *token, struct buf *out, struct err *err)
{
	const struct steps_run *run = n->run;
	const struct kubeadm_join in = {
		.kubeadm = n->facts.kubeadm, .endpoint = run->inv->endpoint,
		.token = token ? token : "xxxxxx.xxxxxxxxxxxxxxxx",
		.ca_hash = run->ca_hash.len ? buf_str(&run->ca_hash) : "sha256:0000000000000000000000000000000000000000000000000000000000000000",
		.node_name = n->inv->name, .advertise_address = n->address ? n->address : n->inv->address,
		.cri_socket = n->facts.cri_socket, .control_plane = n->inv->control_plane,
		.schedulable = run->inv->schedulable, .bind_port = run->kubeadm.bind_port,
		.ignore_preflight_errors = (const char *const *)run->inv->kubeadm.ignore_preflight_errors.v,
	};

	return kubeadm_render_join(run->documents, &in, out, err);
}

/* What a join still lacks: all of it, its membership of etcd, or nothing. */
enum lack { NOTHING, ETCD, ALL };

static int look_lack(struct steps_node *n, enum lack *lack, struct err *err)
{
	const struct kube_node *k;

	if (steps_facts(n, err) < 0 || (n->run->api && steps_read_members_patiently(n->run, err) < 0))
		return -1;
	pthread_mutex_lock(&n->run->lock);
	k = steps_member(n->run, n->inv->name);
	*lack = !k || !n->facts.has_kubelet_conf ? ALL : n->facts.begun ? ETCD : NOTHING;
	pthread_mutex_unlock(&n->run->lock);
	return 0;
}

static bool in_two_parts(const struct steps_node *n)
{
	return n->inv->control_plane && n->facts.kubeadm.major == 1 && n->facts.kubeadm.minor < LEARNERS_SINCE &&
	       !n->run->kubeadm.external_etcd;
}

static int show_join(struct plan_node *p, struct err *err)
{
	auto_wipe struct buf config = BUF_INIT;
	const struct buf nothing = BUF_INIT;

	if (steps_render_join(steps_node(p), NULL, &config, err) < 0)
		return -1;
	steps_diff(p, STEPS_JOIN_CONFIG, &nothing, &config);
	return 0;
}

static int check_join(struct plan_node *p, bool *done, struct err *err)
{
	enum lack lack;

	if (look_lack(steps_node(p), &lack, err) < 0)
		return -1;
	*done = lack != ALL;
	return !*done && p->plan->dry_run ? show_join(p, err) : 0;
}

static int check_etcd(struct plan_node *p, bool *done, struct err *err)
{
	enum lack lack;

	if (look_lack(steps_node(p), &lack, err) < 0)
		return -1;
	*done = lack == NOTHING;
	return 0;
}

static int run_join(struct plan_node *p, const char *step, const char *part, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_wipe struct buf config = BUF_INIT;

	buf_reserve(&config, 64 << 10);
	if (steps_render_join(n, n->run->token, &config, err) < 0)
		return -1;
	if (steps_run_kubeadm(p, step, "join", part, &config, err) < 0)
		return -1;
	pthread_mutex_lock(&n->run->lock);
	n->run->members_ms = 0;
	pthread_mutex_unlock(&n->run->lock);
	return 0;
}

static int apply_control_plane(struct plan_node *p, struct err *err)
{
	return run_join(p, "join-control-plane", in_two_parts(steps_node(p)) ? "prepare" : "all", err);
}

static int apply_worker(struct plan_node *p, struct err *err)
{
	return run_join(p, "join-worker", "all", err);
}

static int apply_etcd(struct plan_node *p, struct err *err)
{
	/* kubeadm would wait for it, for as long as it is let */
	if (steps_need_leader(steps_node(p)->run, err) < 0)
		return -1;
	return run_join(p, "join-etcd", "etcd", err);
}

static bool joins_etcd(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	/* without a token nobody has come so far in this run */
	return joins_control_plane(p) && !p->failed && n->run->token[0] && n->facts.begun && !p->plan->dry_run;
}

/* ---- the command as text ---- */

int steps_join_command(struct steps_run *run, bool control_plane, int ttl_s, struct buf *out,
		       struct err *err)
{
	if (make_token(run, ttl_s, err) < 0)
		return -1;
	buf_printf(out, "kubeadm join %s --token %s --discovery-token-ca-cert-hash %s%s", run->inv->endpoint,
		   run->token, buf_str(&run->ca_hash), control_plane ? " --control-plane" : "");
	return 0;
}

static const struct plan_step token_steps[] = {
	{ .name = "token", .title = "bootstrap token", .applies = somebody_is_missing, .check = look_token },
	{ .name = NULL },
};

static const struct plan_step join_steps[] = {
	{ .name = "join-control-plane", .title = "kubeadm join", .applies = joins_control_plane,
	  .check = check_join, .apply = apply_control_plane, .repeatable = true, .max_parallel = JOINS_AT_ONCE },
	{ .name = "join-worker", .title = "kubeadm join", .applies = joins_as_worker,
	  .check = check_join, .apply = apply_worker, .repeatable = true },
	{ .name = NULL },
};

static const struct plan_step etcd_steps[] = {
	{ .name = "join-etcd", .title = "joining etcd", .applies = joins_etcd, .check = check_etcd,
	  .apply = apply_etcd, .repeatable = true, .max_parallel = 1 },
	{ .name = NULL },
};

static const struct plan_step token_end_steps[] = {
	{ .name = "token-end", .title = "bootstrap token", .applies = token_was_made, .check = end_token },
	{ .name = NULL },
};

const struct plan_phase steps_token = { .name = "join", .scope = PLAN_ONCE, .steps = token_steps };
const struct plan_phase steps_join = { .name = "join", .steps = join_steps };
/* A node that failed on the way here keeps nobody else from becoming a member. */
const struct plan_phase steps_join_etcd = { .name = "join", .steps = etcd_steps, .despite_failure = true };
const struct plan_phase steps_token_end = { .name = "join", .scope = PLAN_ONCE, .steps = token_end_steps, .always = true };
