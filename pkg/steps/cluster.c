/* Is there a cluster already, and who is in it? */
#define _GNU_SOURCE
#include <string.h>

#include "base/clock.h"
#include "steps/steps.h"

#define ADMIN_CONF "/etc/kubernetes/admin.conf"
#define MAX_ADMIN_CONF (256 << 10)
#define API_PATIENCE_MS 30000 /* for the API of a cluster whose machines are just starting */
#define MEMBERS_FRESH_MS 200

/* A node that finished kubeadm init or join; admin.conf alone may have been fanned out. */
static bool holds_cluster(const struct steps_node *n)
{
	const struct facts *f = &n->facts;

	return n->remote && n->inv->control_plane && !f->begun && f->has_admin_conf &&
	       f->has_apiserver_manifest;
}

static struct steps_node *find_seed(struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++)
		if (holds_cluster(&run->nodes[i]))
			return &run->nodes[i];
	for (size_t i = 0; i < run->n; i++)
		if (run->nodes[i].inv->control_plane && run->nodes[i].remote)
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
	return run->api ? 0 : -1;
}

static void mark_members(struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++) {
		run->nodes[i].listed = false;
		for (size_t j = 0; j < run->members.n; j++)
			run->nodes[i].listed |= !strcmp(run->members.v[j].name, run->nodes[i].inv->name);
	}
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

const struct kube_node *steps_member(const struct steps_run *run, const char *name)
{
	for (size_t i = 0; i < run->members.n; i++)
		if (!strcmp(run->members.v[i].name, name))
			return &run->members.v[i];
	return NULL;
}

static int wait_for_api(struct steps_run *run, struct err *err)
{
	struct clock_poll poll = clock_poll_start(API_PATIENCE_MS, 500);
	struct err why = ERR_INIT;

	do {
		err_clear(&why);
		if (steps_read_members(run, &why) == 0)
			return 0;
	} while (why.kind == ERR_CONNECT && clock_poll_pause(&poll));
	*err = why;
	return err_wrap(err, "%s has a cluster, but its API does not answer through %s",
			run->seed->inv->name, run->inv->endpoint);
}

/* For `hactl init`: the seed alone becomes a member, whoever else is checked and prepared. */
static void narrow_targets(struct steps_run *run)
{
	for (size_t i = 0; i < run->n && run->opt.only_seed; i++)
		run->nodes[i].target = &run->nodes[i] == run->seed;
}

static int look_for_cluster(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	run->seed = find_seed(run);
	if (!run->seed)
		return err_set(err, ERR_CONNECT, "no control-plane node can be reached");
	narrow_targets(run);
	if (!holds_cluster(run->seed))
		return 0;
	if (steps_open_api(run, err) < 0)
		return err_wrap(err, "%s", run->seed->inv->name);
	return wait_for_api(run, err);
}

static int look_need_cluster(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	if (run->api)
		return 0;
	return err_set(err, ERR_FAILED, "there is no cluster to join yet; 'hactl init' founds it");
}

static const struct plan_step cluster_steps[] = {
	{ .name = "cluster", .title = "cluster", .check = look_for_cluster },
	{ .name = NULL },
};

static const struct plan_step need_steps[] = {
	{ .name = "need-cluster", .title = "cluster to join", .check = look_need_cluster },
	{ .name = NULL },
};

const struct plan_phase steps_cluster = { .name = "cluster", .scope = PLAN_ONCE, .steps = cluster_steps };
const struct plan_phase steps_need_cluster = { .name = "cluster", .scope = PLAN_ONCE, .steps = need_steps };
