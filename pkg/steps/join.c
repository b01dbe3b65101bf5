/* The other nodes: a token that lives a quarter of an hour, kubeadm join, the token's end. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pki/pki.h"
#include "steps/steps.h"

#define TOKEN_TTL_S (15 * 60)
#define LISTED_PATIENCE_MS 30000
/* etcd takes in one member at a time, and kubeadm waits for its turn: more than two at once only
 * run into its patience (kubeadm 1.20 gives up after some 25 s). */
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

static int make_token(struct steps_run *run, int ttl_s, struct err *err)
{
	char token[24];

	if (pki_token(token, err) < 0)
		return -1;
	if (kube_create_token(run->api, token, ttl_s, err) < 0)
		return err_wrap(err, "bootstrap token");
	memcpy(run->token, token, sizeof(token));
	explicit_bzero(token, sizeof(token));
	return 0;
}

static int look_token(struct plan_node *p, bool *done, struct err *err)
{
	*done = true;
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
	snprintf(id, sizeof(id), "%.6s", run->token);
	if (kube_delete_token(run->api, id, &why) < 0)
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

static int is_listed(struct steps_node *n, bool *listed, struct err *err)
{
	int rc;

	pthread_mutex_lock(&n->run->lock);
	rc = n->run->api ? steps_read_members(n->run, err) : 0;
	*listed = rc == 0 && n->listed;
	pthread_mutex_unlock(&n->run->lock);
	return rc;
}

static int check_join(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_wipe struct buf config = BUF_INIT;
	const struct buf nothing = BUF_INIT;
	bool listed;

	if (steps_facts(n, err) < 0 || is_listed(n, &listed, err) < 0)
		return -1;
	*done = listed && n->facts.has_kubelet_conf && !n->facts.begun;
	if (*done || !p->plan->dry_run)
		return 0;
	if (steps_render_join(n, NULL, &config, err) < 0)
		return -1;
	steps_diff(p, "/var/lib/hactl/kubeadm-join.yaml", &nothing, &config);
	return 0;
}

static int wait_until_listed(struct steps_node *n, struct err *err)
{
	struct clock_poll poll = clock_poll_start(LISTED_PATIENCE_MS, 250);
	auto_err struct err why = ERR_INIT;
	bool listed = false;

	do {
		err_clear(&why);
		if (is_listed(n, &listed, &why) == 0 && listed)
			return 0;
	} while (clock_poll_pause(&poll));
	return err_set(err, ERR_UNHEALTHY, "kubeadm join is done, but the API does not list the node%s%s",
		       why.msg ? ": " : "", why.msg ? why.msg : "");
}

static int apply_join(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_wipe struct buf config = BUF_INIT;

	buf_reserve(&config, 64 << 10);
	if (steps_render_join(n, n->run->token, &config, err) < 0)
		return -1;
	if (steps_run_kubeadm(p, n->inv->control_plane ? "join-control-plane" : "join-worker", "join", &config, err) < 0)
		return -1;
	return wait_until_listed(n, err);
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
	  .check = check_join, .apply = apply_join, .max_parallel = JOINS_AT_ONCE },
	{ .name = "join-worker", .title = "kubeadm join", .applies = joins_as_worker,
	  .check = check_join, .apply = apply_join },
	{ .name = NULL },
};

static const struct plan_step token_end_steps[] = {
	{ .name = "token-end", .title = "bootstrap token", .applies = token_was_made, .check = end_token },
	{ .name = NULL },
};

const struct plan_phase steps_token = { .name = "join", .scope = PLAN_ONCE, .steps = token_steps };
const struct plan_phase steps_join = { .name = "join", .steps = join_steps };
const struct plan_phase steps_token_end = { .name = "join", .scope = PLAN_ONCE, .steps = token_end_steps, .always = true };
