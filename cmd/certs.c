#include <string.h>

#include "cmd.h"
#include "run.h"

struct push_opts {
	struct run_opts run;
};

static const struct cli_opt push_options[] = {
	OPT_FLAG(struct push_opts, run.dry_run, 'n', "dry-run", "show what would be written; exit status 6 when there is something"),
	RUN_OPTS_LOCK(struct push_opts),
	OPT_END,
};

static const struct plan_phase *const phases[] = {
	&steps_connect, &steps_lock, &steps_look, &steps_cluster, &steps_need_cluster, &steps_read_pki, &steps_pki, NULL,
};

static enum steps_part part(const void *ctx, const struct inv_node *n)
{
	char *const *names = ctx;

	if (!n->control_plane)
		return STEPS_ABSENT;
	for (char *const *name = names; *name; name++)
		if (!strcmp(*name, n->name))
			return STEPS_TARGET;
	return *names ? STEPS_HELPER : STEPS_TARGET;
}

static int accept(const void *ctx, const struct inventory *inv, struct err *err)
{
	for (char *const *name = ctx; *name; name++) {
		const struct inv_node *n = inventory_node(inv, *name);

		if (!n || !n->control_plane)
			return err_set(err, ERR_USAGE, "'%s' is no control-plane node of %s", *name, inv->path);
	}
	return 0;
}

static int push(const void *data, char **operands, struct err *err)
{
	const struct push_opts *o = data;
	const struct run_spec spec = {
		.command = "certs push", .part = part, .ctx = operands, .accept = accept,
		.phases = phases, .pki_only = true, .reconnects = true,
	};

	return run_command(&o->run, &spec, err);
}

static const struct cli_cmd certs_push = {
	.name = "push",
	.summary = "copy the PKI and admin.conf of the first control-plane node to the others, checked on both sides",
	.description =
		"Each key is checked against its certificate before it travels.  All files of a node go in one stream, "
		"are created 0600, compared by SHA-256 and moved into place together; equal files are left alone.",
	.examples = "hactl certs push\nhactl certs push m3",
	.operands = "[NODE...]",
	.max_operands = -1,
	.opts = push_options,
	.common = run_common_opts,
	.opts_size = sizeof(struct push_opts),
	.run = push,
};

static const struct cli_cmd *const subs[] = { &certs_push, NULL };

const struct cli_cmd cmd_certs = {
	.name = "certs",
	.summary = "the cluster's PKI",
	.group = "Running a cluster",
	.subs = subs,
};
