#include "cmd.h"
#include "run.h"

struct apply_opts {
	struct run_opts run;
};

static const struct cli_opt opts[] = {
	RUN_OPTS_CHANGE(struct apply_opts),
	OPT_END,
};

static int run(const void *data, char **operands, struct err *err)
{
	const struct apply_opts *o = data;
	const struct run_spec spec = { .command = "apply", .part = run_every_node, .phases = steps_apply, .reconnects = true };

	(void)operands;
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_apply = {
	.name = "apply",
	.summary = "make the cluster what hactl.yaml says: all that is still missing, in order",
	.description =
		"Checks every node, brings the virtual IP up, runs kubeadm init on the first control-plane node, "
		"copies the PKI to the others, joins them and the workers, and waits until all are Ready through "
		"the virtual IP.  What is there already is left alone: a second run changes nothing, and a run "
		"that broke off is finished by the same command.\n\n"
		"The output of kubeadm goes to a log per node below ~/.local/state/hactl.",
	.examples =
		"# a cluster in one line\n"
		"hactl config init --vip 10.0.0.9 root@m1 root@m2 root@m3 | hactl apply --config -\n"
		"# what would it do?\n"
		"hactl apply --dry-run",
	.group = "Making a cluster",
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct apply_opts),
	.run = run,
};
