/* Is there a cluster already, and who is in it? */
#define _GNU_SOURCE
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "steps/etcd.h"

#define ADMIN_CONF "/etc/kubernetes/admin.conf"
#define MAX_ADMIN_CONF (256 << 10)
#define API_PATIENCE_MS 30000 /* for the API of a cluster whose machines are just starting */
#define API_PATIENCE_BROKEN_MS (3 * 60 * 1000)
#define MEMBERS_FRESH_MS 200

/* A node that finished kubeadm init or join; admin.conf alone may have been fanned out. */
static bool holds_cluster(const struct steps_node *n)
{
	const struct facts *f = &n->facts;

	return steps_seen(n) && n->inv->control_plane && !f->begun && f->has_admin_conf &&
	       f->has_apiserver_manifest;
}

static struct steps_node *find_seed(struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++)
		if (holds_cluster(&run->nodes[i]))
			return &run->nodes[i];
	for (size_t i = 0; i < run->n; i++)
		if (run->nodes[i].inv->control_plane && steps_seen(&run->nodes[i]))
			return &run->nodes[i];
	return NULL;
}

static int dial(void *ctx, const char *host, int port, int *fd, struct err *err)
{
	struct steps_run *run = ctx;
	struct remote *r = run->seed->remote;

	if (!r->ops->tunnel)
		return err_set(err, ERR_CONNECT, "no way to %s:%d", host, port);
	return r->ops->tunnel(r, host, port, fd, err);
}

int steps_open_api(struct steps_run *run, struct err *err)
{
	const char *const path = ADMIN_CONF;
	bool found = false;

	if (run->api)
		return 0;
	buf_wipe(&run->admin_conf);
	buf_reserve(&run->admin_conf, 64 << 10);
	if (remote_get(run->seed->remote, &path, 1, &run->admin_conf, &found, MAX_ADMIN_CONF, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_FAILED, "%s is not there; 'hactl init' makes it", ADMIN_CONF);
	run->api = kube_open(ADMIN_CONF, buf_str(&run->admin_conf), run->admin_conf.len,
			     &(struct kube_dial){ dial, run }, err);
	if (!run->api)
		return -1;
	kube_stop_when(run->api, run->plan.stop);
	return 0;
}

static void mark_members(struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++)
		run->nodes[i].listed = steps_member(run, run->nodes[i].inv->name) != NULL;
}

int steps_read_members(struct steps_run *run, struct err *err)
{
	struct kube_nodes fresh = { NULL, 0 };

	if (run->members_ms && clock_ms() - run->members_ms < MEMBERS_FRESH_MS)
		return 0;
	if (kube_list_nodes(run->api, &fresh, err) < 0)
		return -1;
	kube_nodes_release(&run->members);
	run->members = fresh;
	run->members_ms = clock_ms();
	mark_members(run);
	return 0;
}

int steps_read_members_patiently(struct steps_run *run, struct err *err)
{
	struct clock_poll poll = clock_poll_start(run->opt.patience_ms ? run->opt.patience_ms : API_PATIENCE_MS, 500);
	struct err why = ERR_INIT;
	int rc;

	do {
		err_clear(&why);
		pthread_mutex_lock(&run->lock);
		rc = steps_read_members(run, &why);
		pthread_mutex_unlock(&run->lock);
		if (rc == 0)
			return 0;
	} while (steps_pause(run, &poll));
	*err = why;
	return -1;
}

const struct kube_node *steps_member(const struct steps_run *run, const char *name)
{
	for (size_t i = 0; i < run->members.n; i++)
		if (!strcmp(run->members.v[i].name, name))
			return &run->members.v[i];
	return NULL;
}

/* hactl.yaml's endpoint and the one that the cluster was founded with must be the same. */
static int check_endpoint(const struct steps_run *run, struct err *err)
{
	const char *host;
	int port;

	kube_server(run->api, &host, &port);
	if (port == run->inv->endpoint_port &&
	    (!strcasecmp(host, run->inv->endpoint_host) || facts_same_address(host, run->inv->endpoint_host)))
		return 0;
	return err_set(err, ERR_CONFIG,
		       "%s belongs to the cluster at '%s:%d', but the endpoint of %s is '%s'; clients and kubelets of a cluster keep the endpoint that it was founded with",
		       run->seed->inv->name, host, port, run->inv->path, run->inv->endpoint);
}

/* Where a join broke off etcd may just get its quorum back; kubelet starts an API server that died
 * meanwhile again after up to minutes. */
static int patience_ms(const struct steps_run *run)
{
	if (run->opt.patience_ms)
		return run->opt.patience_ms;
	for (size_t i = 0; i < run->n && run->held; i++)
		if (run->nodes[i].inv->control_plane && run->nodes[i].facts.begun)
			return API_PATIENCE_BROKEN_MS;
	return API_PATIENCE_MS;
}

/* Through the endpoint; on the seed itself when the VIP does not answer, so that it can be mended. */
static int wait_for_api(struct steps_run *run, struct err *err)
{
	struct clock_poll poll = clock_poll_start(patience_ms(run), 500);
	struct err why = ERR_INIT;

	do {
		err_clear(&why);
		if (steps_read_members(run, &why) == 0) {
			if (run->direct)
				plan_warn(&run->plan, NULL, "the API does not answer through %s: speaking to %s itself",
					  run->inv->endpoint, run->seed->inv->name);
			return 0;
		}
		run->direct = !run->direct;
		kube_connect_to(run->api, run->direct ? run->seed->address : NULL,
				run->direct ? run->kubeadm.bind_port : 0);
	} while (steps_pause(run, &poll));
	if (plan_stopped(&run->plan)) {
		err_clear(&why);
		return err_set(err, ERR_INTERRUPTED, "interrupted while waiting for the API");
	}
	if (steps_need_quorum(run, err) < 0) {
		err_clear(&why);
		return err_wrap(err, "%s: has a cluster, but its API does not answer", run->seed->inv->name);
	}
	*err = why;
	err_wrap(err, "%s: has a cluster, but its API answers neither through %s nor on that node; 'journalctl -u kubelet' there tells more",
		 run->seed->inv->name, run->inv->endpoint);
	return steps_explain(run->seed, err);
}

void steps_end_direct(struct steps_run *run)
{
	if (run->direct)
		kube_connect_to(run->api, NULL, 0);
	run->direct = false;
}

/* For `hactl init`: the seed alone becomes a member, whoever else is checked and prepared. */
static void narrow_targets(struct steps_run *run)
{
	for (size_t i = 0; i < run->n && run->opt.only_seed; i++)
		run->nodes[i].target = &run->nodes[i] == run->seed;
}

int steps_adopt(struct steps_run *run, struct err *err)
{
	if (run->api || !holds_cluster(run->seed))
		return 0;
	return steps_open_api(run, err) < 0 ? -1 : steps_read_members_patiently(run, err);
}

/* An init that broke off may have got as far as an API: then its members are known. */
static void look_at_unfinished(struct steps_run *run)
{
	struct steps_node *n = run->seed;
	auto_err struct err why = ERR_INIT;

	if (!n->facts.begun || !n->facts.has_admin_conf || !n->facts.has_apiserver_manifest)
		return;
	if (steps_open_api(run, &why) < 0)
		return;
	run->direct = true;
	kube_connect_to(run->api, n->address, run->kubeadm.bind_port);
	if (steps_read_members(run, &why) == 0 && n->listed)
		return;
	kube_close(run->api);
	run->api = NULL;
	run->direct = false;
}

/* Without a cluster on those that were seen, one that was not seen may still have it. */
static bool saw_control_plane(const struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++)
		if (run->nodes[i].inv->control_plane && !steps_seen(&run->nodes[i]))
			return false;
	return true;
}

static bool is_trusted(const struct plan_node *p)
{
	return !steps_node(p)->run->untrusted;
}

/* Nodes that were taken out of hactl.yaml, but not out of the cluster: keepalived there has the peers of then. */
static void warn_of_strangers(struct steps_run *run)
{
	for (size_t i = 0; i < run->members.n; i++) {
		const struct kube_node *k = &run->members.v[i];

		if (k->control_plane && !inventory_node(run->inv, k->name))
			plan_warn(&run->plan, NULL, "%s is a control-plane node of the cluster, but not of %s: name it there, or take it out ('kubectl delete node %s', and 'kubeadm reset'%s on it)",
				  k->name, run->inv->path, k->name,
				  steps_uses_keepalived(run) ? " and 'systemctl disable --now keepalived'" : "");
	}
}

static int look_for_cluster(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	run->seed = find_seed(run);
	if (!run->seed && run->plan.nfailed)
		return 0; /* why is told already */
	if (!run->seed)
		return err_set(err, ERR_CONNECT, "no control-plane node can be reached");
	narrow_targets(run);
	if (!holds_cluster(run->seed)) {
		look_at_unfinished(run);
		run->cluster_known = saw_control_plane(run);
		return 0;
	}
	if (steps_open_api(run, err) < 0)
		return err_wrap(err, "%s", run->seed->inv->name);
	if (check_endpoint(run, err) < 0 || wait_for_api(run, err) < 0)
		return -1;
	run->cluster_known = true;
	warn_of_strangers(run);
	return 0;
}

static int look_need_cluster(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	if (run->api)
		return 0;
	if (!run->cluster_known)
		return err_set(err, ERR_CONNECT, "no node that was reached has a cluster, and others that may have it were not");
	return err_set(err, ERR_FAILED, "there is no cluster to join yet; 'hactl init' founds it");
}

static const struct plan_step cluster_steps[] = {
	{ .name = "cluster", .title = "cluster", .applies = is_trusted, .check = look_for_cluster },
	{ .name = NULL },
};

static const struct plan_step need_steps[] = {
	{ .name = "need-cluster", .title = "cluster to join", .check = look_need_cluster },
	{ .name = NULL },
};

const struct plan_phase steps_cluster = { .name = "cluster", .scope = PLAN_ONCE, .steps = cluster_steps,
					  .despite_failure = true };
const struct plan_phase steps_need_cluster = { .name = "cluster", .scope = PLAN_ONCE, .steps = need_steps };
