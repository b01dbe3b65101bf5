#include "cmd.h"
#include "run.h"

struct init_opts {
	struct run_opts run;
};

static const struct cli_opt opts[] = {
	RUN_OPTS_CHANGE(struct init_opts),
	OPT_FLAG(struct init_opts, run.dry_run, 'n', "dry-run", "show what would be done, with diffs; exit status 6 when there is something"),
	OPT_END,
};

static const struct plan_phase *const phases[] = {
	&steps_connect, &steps_look, &steps_install, &steps_cluster, &steps_preflight, &steps_password,
	&steps_keepalived, &steps_vip, &steps_init, &steps_ready, NULL,
};

static int run(const void *data, char **operands, struct err *err)
{
	const struct init_opts *o = data;
	const struct run_spec spec = { .command = "init", .part = run_every_node, .phases = phases, .only_seed = true };

	(void)operands;
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_init = {
	.name = "init",
	.summary = "check every node, bring the virtual IP up, run kubeadm init on the first control-plane node",
	.opts = opts,
	.opts_size = sizeof(struct init_opts),
	.run = run,
};
