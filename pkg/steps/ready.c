/* Nodes are Ready through the VIP, and carry the labels and taints that hactl.yaml gives them. */
#define _GNU_SOURCE
#include <string.h>

#include "base/clock.h"
#include "steps/steps.h"

const char *const steps_control_plane_taints[] = {
	"node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane", NULL,
};

static bool is_member_target(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return n->target && n->remote && n->run->api && (!p->plan->dry_run || steps_is_listed(steps_node(p)));
}

/* One look; *why is what keeps the node, to be freed. */
static int is_ready(struct steps_node *n, bool *ready, char **why, struct err *err)
{
	const struct kube_node *k;
	int rc;

	pthread_mutex_lock(&n->run->lock);
	rc = steps_read_members(n->run, err);
	k = rc == 0 ? steps_member(n->run, n->inv->name) : NULL;
	*ready = k && k->ready;
	free(*why);
	*why = strdup(k ? k->not_ready_reason : rc == 0 ? "the API does not list it" : "");
	pthread_mutex_unlock(&n->run->lock);
	if (!*why)
		abort();
	return rc;
}

static int look_ready(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	struct clock_poll poll = clock_poll_start(p->plan->dry_run ? 0 : n->run->inv->timeouts.ready_ms, 500);
	auto_free char *why = NULL;
	struct err last = ERR_INIT;
	bool ready = false, said = false;

	*done = true;
	do {
		err_clear(&last);
		if (is_ready(n, &ready, &why, &last) == 0 && ready)
			return 0;
		if (!last.msg && !*n->facts.cni) {
			plan_warn(p->plan, p->name, "no CNI configuration in /etc/cni/net.d: the node becomes Ready once a network plugin is installed");
			return 0;
		}
		if (!said)
			plan_progress(p, "ready", last.msg ? "waiting for the API" : "waiting for it");
		said = true;
	} while (!p->plan->dry_run && steps_pause(n->run, &poll));
	if (plan_stopped(p->plan)) {
		err_clear(&last);
		return err_set(err, ERR_INTERRUPTED, "interrupted while waiting for Ready");
	}
	if (last.msg) {
		*err = last;
		return -1;
	}
	if (p->plan->dry_run)
		return 0;
	err_set(err, ERR_UNHEALTHY, "is not Ready after %d s (timeouts.ready): %s; 'journalctl -u kubelet' on it tells more",
		n->run->inv->timeouts.ready_ms / 1000, why);
	return steps_explain(n, err);
}

static bool has_taint(const struct kube_node *k, const char *key)
{
	for (size_t i = 0; k && i < k->ntaints; i++)
		if (!strcmp(k->taints[i].key, key) && !strcmp(k->taints[i].effect, "NoSchedule"))
			return true;
	return false;
}

bool steps_has_control_plane_taint(const struct kube_node *k)
{
	return has_taint(k, steps_control_plane_taints[0]) || has_taint(k, steps_control_plane_taints[1]);
}

int steps_set_taints(struct steps_run *run, const char *node, bool present, bool *changed, struct err *err)
{
	*changed = false;
	for (const char *const *key = steps_control_plane_taints; *key; key++) {
		bool did = false;

		if (kube_set_taint(run->api, node, *key, "NoSchedule", present, &did, err) < 0)
			return -1;
		*changed |= did;
	}
	run->members_ms = 0;
	return 0;
}

static const char *label_of(const struct kube_node *k, const char *key, size_t len)
{
	for (size_t i = 0; i < k->labels.n; i++)
		if (!strncmp(k->labels.v[i], key, len) && k->labels.v[i][len] == '=')
			return k->labels.v[i] + len + 1;
	return NULL;
}

static bool has_own_taint(const struct kube_node *k, const struct inv_taint *t)
{
	for (size_t i = 0; i < k->ntaints; i++)
		if (!strcmp(k->taints[i].key, t->key) && !strcmp(k->taints[i].effect, t->effect) &&
		    !strcmp(k->taints[i].value ? k->taints[i].value : "", t->value ? t->value : ""))
			return true;
	return false;
}

/* What the node lacks, as a person would say it.  schedulable: false leaves kubeadm's own taint
 * alone, under whichever of its names. */
static void list_lacks(const struct steps_node *n, const struct kube_node *k, struct strs *lacks)
{
	const struct inv_node *inv = n->inv;
	bool schedulable = n->run->inv->schedulable;

	for (size_t i = 0; i < inv->labels.n; i++) {
		const char *eq = strchr(inv->labels.v[i], '=');
		const char *has = eq ? label_of(k, inv->labels.v[i], (size_t)(eq - inv->labels.v[i])) : NULL;

		if (!has || strcmp(has, eq + 1))
			strs_printf(lacks, "label %s", inv->labels.v[i]);
	}
	for (size_t i = 0; i < inv->ntaints; i++)
		if (!has_own_taint(k, &inv->taints[i]))
			strs_printf(lacks, "taint %s:%s", inv->taints[i].key, inv->taints[i].effect);
	if (inv->control_plane && steps_has_control_plane_taint(k) == schedulable)
		strs_add(lacks, schedulable ? "no control-plane taint (schedulable: true)" :
					      "the control-plane taint (schedulable: false)");
}

static int check_marks(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_strs struct strs lacks = STRS_INIT;
	const struct kube_node *k;
	int rc = 0;

	if (steps_read_members_patiently(n->run, err) < 0)
		return -1;
	pthread_mutex_lock(&n->run->lock);
	k = steps_member(n->run, n->inv->name);
	if (k)
		list_lacks(n, k, &lacks);
	else
		rc = err_set(err, ERR_UNHEALTHY, "the API does not list the node");
	pthread_mutex_unlock(&n->run->lock);
	*done = lacks.n == 0;
	for (size_t i = 0; i < lacks.n && p->plan->dry_run; i++)
		plan_note(p->plan, p->name, "would get %s", lacks.v[i]);
	return rc;
}

static int set_labels(const struct steps_node *n, struct err *err)
{
	auto_strs struct strs pairs = STRS_INIT;
	bool changed;

	for (size_t i = 0; i < n->inv->labels.n; i++) {
		const char *eq = strchr(n->inv->labels.v[i], '=');

		strs_printf(&pairs, "%.*s", (int)(eq - n->inv->labels.v[i]), n->inv->labels.v[i]);
		strs_add(&pairs, eq + 1);
	}
	return pairs.n ? kube_set_labels(n->run->api, n->inv->name, (const char *const *)pairs.v, &changed, err) : 0;
}

static int set_marks(struct steps_node *n, struct err *err)
{
	bool changed;

	if (set_labels(n, err) < 0)
		return -1;
	for (size_t i = 0; i < n->inv->ntaints; i++) {
		const struct inv_taint *t = &n->inv->taints[i];

		if (kube_set_taint_value(n->run->api, n->inv->name, t->key, t->value, t->effect, true, &changed, err) < 0)
			return -1;
	}
	if (n->inv->control_plane)
		return steps_set_taints(n->run, n->inv->name, !n->run->inv->schedulable, &changed, err);
	return 0;
}

static int apply_marks(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	int rc;

	pthread_mutex_lock(&n->run->lock);
	rc = set_marks(n, err);
	n->run->members_ms = 0;
	pthread_mutex_unlock(&n->run->lock);
	return rc;
}

static const struct plan_step ready_steps[] = {
	{ .name = "labels-taints", .title = "labels and taints", .applies = is_member_target,
	  .check = check_marks, .apply = apply_marks },
	{ .name = "ready", .title = "Ready", .applies = is_member_target, .check = look_ready },
	{ .name = NULL },
};

const struct plan_phase steps_ready = { .name = "ready", .steps = ready_steps };
