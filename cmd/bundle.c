#define _GNU_SOURCE
#include <time.h>

#include "cmd.h"
#include "run.h"

struct bundle_opts {
	struct run_opts run;
	const char *out;
};

static const struct cli_opt opts[] = {
	OPT_STR(struct bundle_opts, out, 0, "out", "FILE", "where to (default: hactl-bundle-TIME.tar in the current folder)"),
	OPT_END,
};

static const struct plan_phase *const phases[] = { &steps_connect, &steps_look, &steps_report, NULL };

/* Nobody is needed: those that answer are asked. */
static enum steps_part everybody_who_answers(const void *ctx, const struct inv_node *n)
{
	(void)ctx;
	(void)n;
	return STEPS_HELPER;
}

static int save(struct steps_run *run, void *data, struct err *err)
{
	const struct bundle_opts *o = data;
	char name[64];
	time_t now = time(NULL);
	struct tm tm;
	bool written;

	strftime(name, sizeof(name), "hactl-bundle-%Y%m%d-%H%M%S.tar", gmtime_r(&now, &tm));
	if (steps_write_bundle(run, o->out ? o->out : name, NULL, &written, err) < 0)
		return -1;
	if (!written)
		return err_set(err, ERR_CONNECT, "no node could be asked");
	puts(o->out ? o->out : name);
	return 0;
}

static int run(const void *data, char **operands, struct err *err)
{
	struct bundle_opts o = *(const struct bundle_opts *)data;
	const struct run_spec spec = {
		.command = "bundle", .part = everybody_who_answers, .phases = phases, .finish = save, .data = &o,
		.quiet = true,
	};

	(void)operands;
	return run_command(&o.run, &spec, err);
}

const struct cli_cmd cmd_bundle = {
	.name = "bundle",
	.summary = "save what the nodes say of themselves as one tar, for a report of a problem",
	.description =
		"Logs of kubelet, keepalived, the container runtime and the control plane's containers, static pods, "
		"ports, routes, disks, memory and expired certificates of every node that answers, and what kubeadm "
		"printed.  Keys and tokens are masked; addresses and names are not.  The name of the file is printed.\n\n"
		"A run in which kubeadm fails saves one by itself.",
	.examples = "hactl bundle\nhactl bundle --out /tmp/problem.tar",
	.group = "Running a cluster",
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct bundle_opts),
	.run = run,
};
