#include "cmd.h"
#include "run.h"

struct init_opts {
	struct run_opts run;
};

static const struct cli_opt opts[] = {
	RUN_OPTS_CHANGE(struct init_opts),
	OPT_END,
};

static const struct plan_phase *const phases[] = {
	&steps_connect, &steps_lock, &steps_look, &steps_install, &steps_cluster, &steps_preflight, &steps_wait, &steps_ask, &steps_clean, &steps_kube_vip_image, &steps_password,
	&steps_haproxy, &steps_keepalived, &steps_switch, &steps_vip, &steps_kube_vip_first, &steps_init, &steps_kube_vip, &steps_ready, NULL,
};

static int run(const void *data, char **operands, struct err *err)
{
	const struct init_opts *o = data;
	const struct run_spec spec = { .command = "init", .part = run_every_node, .phases = phases, .only_seed = true, .reconnects = true };

	(void)operands;
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_init = {
	.name = "init",
	.summary = "check every node, bring the virtual IP up, run kubeadm init on the first control-plane node",
	.description =
		"Looks at all nodes of hactl.yaml first and lists every problem at once; nothing is changed while "
		"there is one.  Then keepalived is configured on every control-plane node, tested, and started; the "
		"virtual IP must be held by exactly one of them before kubeadm init runs on the first.  (With vip.provider: "
		"kube-vip its pod comes up with the first node, when its image is on all of them.)\n\n"
		"Returns 0 only when that node is Ready through the virtual IP.",
	.examples = "hactl init\nhactl init --dry-run\nhactl init --install --accept-new-host-keys",
	.group = "Making a cluster",
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct init_opts),
	.run = run,
};
