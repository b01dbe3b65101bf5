/* kube-vip as a static pod: before kubeadm init where the cluster is founded, elsewhere after the join,
 * whose own checks want an empty folder of manifests. */
#define _GNU_SOURCE
#include <string.h>

#include "ha/ha.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define MANIFEST "/etc/kubernetes/manifests/kube-vip.yaml"
#define LOOK_TIMEOUT_MS 10000
#define START_MS 90000
#define RESTART_MS 15000 /* a pod that the kubelet restarts is gone by then */
#define ADMIN_CONF "/etc/kubernetes/admin.conf"
/* From 1.29 on admin.conf may do nothing until kubeadm has said so through the API, which needs the
 * virtual IP. */
#define SUPER_ADMIN_CONF "/etc/kubernetes/super-admin.conf"

bool steps_uses_kube_vip(const struct steps_run *run)
{
	return run->inv->vip.provider == INV_VIP_KUBE_VIP;
}

static bool founds(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return steps_uses_kube_vip(n->run) && n == n->run->seed && n->remote && !n->run->api;
}

static bool is_member(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return steps_uses_kube_vip(n->run) && n->inv->control_plane && n->remote && n->target;
}

static const char *kubeconfig_of(const struct steps_node *n)
{
	const struct kubeadm_version *v = &n->facts.kubeadm;

	return n == n->run->seed && !n->run->api && (v->major > 1 || v->minor >= 29) ? SUPER_ADMIN_CONF : ADMIN_CONF;
}

static int render(struct steps_node *n, struct buf *out, struct err *err)
{
	return steps_render_kube_vip(n->run, n, kubeconfig_of(n), out, err);
}

/* Is the node's manifest as it is to be? */
static int compare(struct steps_node *n, struct buf *text, bool *same, struct err *err)
{
	const struct facts *f = &n->facts;

	if (steps_facts(n, err) < 0 || render(n, text, err) < 0)
		return -1;
	*same = f->has_kube_vip && f->kube_vip.len == text->len && !memcmp(buf_str(&f->kube_vip), buf_str(text), text->len);
	return 0;
}

static int check_image(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_buf struct buf text = BUF_INIT;

	if (compare(n, &text, done, err) < 0)
		return -1;
	*done |= n->has_image;
	if (!*done && p->plan->dry_run)
		plan_note(p->plan, p->name, "would pull %s where it is missing", n->run->inv->vip.image);
	return 0;
}

/* Else kubeadm would wait for minutes for a virtual IP that nobody carries, or a node would never take it over. */
static int apply_image(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	const struct inventory *inv = n->run->inv;
	const struct remote_var vars[] = {
		{ "image", inv->vip.image }, { "cri_socket", n->facts.cri_socket ? n->facts.cri_socket : "" }, { NULL, NULL },
	};
	const struct remote_cmd cmd = { .script = tmpl_text("kube-vip-image.sh"), .vars = vars,
					.timeout_ms = inv->timeouts.install_ms };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	if (remote_check(n->remote, &cmd, &res, err) < 0)
		return err_wrap(err, "the image %s (vip.image) is neither there nor can it be pulled", inv->vip.image);
	n->has_image = true;
	return 0;
}

static int check_manifest(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_buf struct buf text = BUF_INIT;
	const struct facts *f = &n->facts;

	if (compare(n, &text, done, err) < 0)
		return -1;
	if (!*done && p->plan->dry_run)
		steps_diff(p, MANIFEST, &f->kube_vip, &text);
	return 0;
}

static int put_manifest(struct steps_node *n, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (render(n, &text, err) < 0)
		return -1;
	const struct remote_file file = { MANIFEST, text.data, text.len, 0600 };

	n->stale = true;
	return remote_put(n->remote, &file, 1, NULL, err);
}

/* ---- where the cluster is founded: no kubelet runs yet ---- */

static int apply_first(struct plan_node *p, struct err *err)
{
	return put_manifest(steps_node(p), err);
}

/* ---- on members ---- */

static bool is_done_member(const struct plan_node *p)
{
	return is_member(p) && !p->failed;
}

/* One whose join failed gets it with its next one: kubeadm wants an empty folder. */
static int check_member(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);

	if (steps_facts(n, err) < 0)
		return -1;
	*done = !p->plan->dry_run && (!n->facts.has_kubelet_conf || n->facts.begun);
	return *done ? 0 : check_manifest(p, done, err);
}

/* Files of the processes of kube-vip on the node; empty while there is none. */
static int find_processes(struct steps_node *n, struct buf *out, struct err *err)
{
	const struct remote_cmd cmd = { .script = "grep -lsx kube-vip /proc/[0-9]*/comm || :", .timeout_ms = LOOK_TIMEOUT_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	if (remote_check(n->remote, &cmd, &res, err) < 0)
		return -1;
	buf_clear(out);
	buf_puts(out, buf_str(&res.out));
	return 0;
}

/* One node after the other: all of them at a time would leave nobody who carries the virtual IP.  The kubelet
 * leaves a pod alone in whose manifest only a comment has changed. */
static int apply_member(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_buf struct buf before = BUF_INIT, now = BUF_INIT;
	struct clock_poll poll = clock_poll_start(START_MS, 500);
	int64_t begun = clock_ms();

	if (find_processes(n, &before, err) < 0 || put_manifest(n, err) < 0)
		return -1;
	do {
		if (find_processes(n, &now, err) < 0)
			return -1;
		if (now.len && (strcmp(buf_str(&now), buf_str(&before)) || clock_ms() - begun > RESTART_MS))
			return 0;
	} while (steps_pause(n->run, &poll));
	return err_set(err, plan_stopped(p->plan) ? ERR_INTERRUPTED : ERR_UNHEALTHY,
		       "kube-vip has not started; 'crictl ps -a' and 'journalctl -u kubelet' on the node tell why");
}

static const struct plan_step image_steps[] = {
	{ .name = "image", .title = "kube-vip's image", .applies = is_member, .check = check_image, .apply = apply_image, .repeatable = true },
	{ .name = NULL },
};

static const struct plan_step first_steps[] = {
	{ .name = "kube-vip", .title = "kube-vip", .applies = founds, .check = check_manifest, .apply = apply_first },
	{ .name = NULL },
};

static const struct plan_step member_steps[] = {
	{ .name = "kube-vip", .title = "kube-vip", .applies = is_done_member, .check = check_member, .apply = apply_member,
	  .max_parallel = 1 },
	{ .name = NULL },
};

const struct plan_phase steps_kube_vip_image = { .name = "kube-vip-image", .steps = image_steps };
const struct plan_phase steps_kube_vip_first = { .name = "kube-vip", .steps = first_steps };
const struct plan_phase steps_kube_vip = { .name = "kube-vip", .steps = member_steps, .despite_failure = true };
