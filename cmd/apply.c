#include "cmd.h"
#include "run.h"

struct apply_opts {
	struct run_opts run;
};

static const struct cli_opt opts[] = {
	RUN_OPTS_CHANGE(struct apply_opts),
	OPT_FLAG(struct apply_opts, run.dry_run, 'n', "dry-run", "show per node what would be done, with diffs of files; exit status 6 when there is something"),
	OPT_END,
};

static const struct plan_phase *const phases[] = {
	&steps_connect, &steps_look, &steps_install, &steps_cluster, &steps_preflight, &steps_password,
	&steps_keepalived, &steps_vip, &steps_init, &steps_read_pki, &steps_pki, &steps_token, &steps_join,
	&steps_token_end, &steps_ready, NULL,
};

static int run(const void *data, char **operands, struct err *err)
{
	const struct apply_opts *o = data;
	const struct run_spec spec = { .command = "apply", .part = run_every_node, .phases = phases };

	(void)operands;
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_apply = {
	.name = "apply",
	.summary = "make the cluster what hactl.yaml says: all that is still missing, in order",
	.opts = opts,
	.opts_size = sizeof(struct apply_opts),
	.run = run,
};
