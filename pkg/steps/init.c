/* The first control-plane node: kubeadm init. */
#define _GNU_SOURCE
#include <string.h>

#include "steps/steps.h"

static bool is_seed(const struct plan_node *p)
{
	return steps_node(p) == steps_node(p)->run->seed;
}

static int check_version(const struct steps_node *n, const char *text, struct err *err)
{
	const struct kubeadm_version *have = &n->facts.kubeadm;
	struct kubeadm_version want;

	if (kubeadm_parse_version(text, &want, err) < 0)
		return err_wrap(err, "kubernetesVersion");
	if (want.major == have->major && want.minor <= have->minor && want.minor + 1 >= have->minor)
		return 0;
	return err_set(err, ERR_CONFIG,
		       "kubernetesVersion is '%s', but kubeadm on %s is %s and installs v%d.%d and v%d.%d only",
		       text, n->inv->name, n->facts.kubeadm_text, have->major, have->minor - 1, have->major,
		       have->minor);
}

/* hactl.yaml's word, else the user's document's, else the kubeadm that is there; caller frees. */
static char *choose_version(const struct steps_run *run, const struct steps_node *n, struct err *err)
{
	const char *wanted = run->inv->kubernetes_version ? run->inv->kubernetes_version :
			     run->kubeadm.kubernetes_version ? run->kubeadm.kubernetes_version :
							       n->facts.kubeadm_text;
	char *version = NULL;

	if (kube_resolve_version(wanted, run->opt.release_url, &version, err) < 0)
		return NULL;
	if (check_version(n, version, err) < 0) {
		free(version);
		return NULL;
	}
	return version;
}

int steps_render_init(const struct steps_run *run, const struct steps_node *n, struct buf *out,
		      struct err *err)
{
	auto_free char *version = choose_version(run, n, err);
	auto_strs struct strs sans = STRS_INIT;

	if (!version)
		return -1;
	strs_add(&sans, run->inv->endpoint_host);
	if (run->inv->vip.address && !strs_has(&sans, run->inv->vip.address))
		strs_add(&sans, run->inv->vip.address);
	if (run->inv->vip.second)
		strs_add(&sans, run->inv->vip.second);
	const struct kubeadm_init in = {
		.kubeadm = n->facts.kubeadm, .kubernetes_version = version,
		.cluster_name = run->inv->name, .endpoint = run->inv->endpoint,
		.cert_sans = (const char *const *)sans.v, .node_name = n->inv->name,
		.advertise_address = n->address ? n->address : n->inv->address,
		.cri_socket = n->facts.cri_socket, .schedulable = run->inv->schedulable,
		.ignore_preflight_errors =
			(const char *const *)run->inv->kubeadm.ignore_preflight_errors.v,
	};

	return kubeadm_render_init(run->documents, &in, out, err);
}

static int check_init(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_wipe struct buf config = BUF_INIT;
	const struct buf nothing = BUF_INIT;

	/* when this is done again the API may be there, made by a kubeadm whose end was not heard */
	if (steps_facts(n, err) < 0 || steps_adopt(n->run, err) < 0)
		return -1;
	if (n->run->api && !n->listed && steps_read_members_patiently(n->run, err) < 0)
		return -1;
	*done = n->run->api && n->listed && !n->facts.begun;
	if (*done)
		return 0;
	if (n->run->api && !n->facts.begun)
		return err_set(err, ERR_FAILED, "there is a cluster, but it does not list '%s'", n->inv->name);
	/* what is wrong with the documents is said before anything is run */
	if (steps_render_init(n->run, n, &config, err) < 0)
		return -1;
	if (p->plan->dry_run)
		steps_diff(p, STEPS_INIT_CONFIG, &nothing, &config);
	return 0;
}

static int apply_init(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_wipe struct buf config = BUF_INIT;

	buf_reserve(&config, 64 << 10);
	if (steps_render_init(n->run, n, &config, err) < 0)
		return -1;
	if (steps_run_kubeadm(p, "kubeadm-init", "init", "all", &config, err) < 0)
		return -1;
	if (steps_open_api(n->run, err) < 0 || steps_read_members_patiently(n->run, err) < 0)
		return err_wrap(err, "kubeadm init is done");
	return steps_facts(n, err);
}

static const struct plan_step init_steps[] = {
	{ .name = "kubeadm-init", .title = "kubeadm init", .applies = is_seed, .check = check_init,
	  .apply = apply_init, .repeatable = true },
	{ .name = NULL },
};

const struct plan_phase steps_init = { .name = "init", .steps = init_steps };
