#define _GNU_SOURCE
#include <string.h>

#include <jansson.h>

#include "cmd.h"
#include "run.h"

struct taint_opts {
	struct run_opts run;
	bool remove;
};

static const struct cli_opt opts[] = {
	OPT_FLAG(struct taint_opts, remove, 0, "remove", "take the taint away, so that pods may run there"),
	RUN_OPTS_LOCK(struct taint_opts),
	OPT_END,
};

static const struct plan_phase *const phases[] = {
	&steps_connect, &steps_lock, &steps_look, &steps_cluster, &steps_need_cluster, NULL,
};

struct wish {
	const struct taint_opts *opts;
	char **names;
};

/* A node's taints as kubectl writes them; caller frees. */
static char *taints_of(const struct steps_run *run, const char *node)
{
	const struct kube_node *k = steps_member(run, node);
	auto_strs struct strs l = STRS_INIT;

	for (size_t i = 0; k && i < k->ntaints; i++) {
		const struct kube_taint *t = &k->taints[i];

		strs_printf(&l, "%s%s%s:%s", t->key, *t->value ? "=" : "", t->value, t->effect);
	}
	return l.n ? strs_join(&l, ",") : strdup("none");
}

static void print_change(const struct wish *w, const char *node, const char *before, const char *after, bool changed)
{
	char *line;

	if (!run_is_json(&w->opts->run)) {
		printf("%s: %s%s%s\n", node, before, changed ? " -> " : " (unchanged)", changed ? after : "");
		return;
	}
	line = json_dumps(json_pack("{s:s, s:s, s:s, s:b}", "node", node, "before", before, "after", after,
				    "changed", changed), JSON_COMPACT | JSON_PRESERVE_ORDER);
	puts(line);
	free(line);
}

static int change(struct steps_run *run, const struct wish *w, const char *node, struct err *err)
{
	auto_free char *before = taints_of(run, node), *after = NULL;
	bool changed = false;

	if (steps_set_taints(run, node, !w->opts->remove, &changed, err) < 0 || steps_read_members(run, err) < 0)
		return err_wrap(err, "%s", node);
	after = taints_of(run, node);
	print_change(w, node, before, after, changed);
	return 0;
}

static int change_all(struct steps_run *run, void *data, struct err *err)
{
	const struct wish *w = data;
	auto_strs struct strs names = STRS_INIT;

	for (char **name = w->names; *name; name++) {
		const struct kube_node *k = steps_member(run, *name);

		if (!k)
			return err_set(err, ERR_FAILED, "the cluster has no node '%s'", *name);
		if (!k->control_plane)
			return err_set(err, ERR_FAILED, "'%s' is a worker: the control-plane taint is not for it", *name);
		strs_add(&names, *name);
	}
	for (size_t i = 0; i < run->members.n && !*w->names; i++)
		if (run->members.v[i].control_plane)
			strs_add(&names, run->members.v[i].name);
	for (size_t i = 0; i < names.n; i++)
		if (change(run, w, names.v[i], err) < 0)
			return -1;
	if (run->inv->schedulable != w->opts->remove)
		fprintf(stderr, "hactl: note: %s says schedulable: %s, so the next apply undoes this\n", run->inv->path,
			run->inv->schedulable ? "true" : "false");
	return 0;
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct taint_opts *o = data;
	struct wish wish = { o, operands };
	const struct run_spec spec = {
		.command = "taint", .part = run_ask_control_plane, .phases = phases,
		.finish = change_all, .data = &wish, .quiet = true,
	};

	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_taint = {
	.name = "taint",
	.summary = "set or remove the control-plane taint, under both of its names",
	.description =
		"Works on all control-plane nodes, or on those named, through the API.  A taint of either name, "
		"node-role.kubernetes.io/master and node-role.kubernetes.io/control-plane, keeps pods away.",
	.examples = "hactl taint --remove\nhactl taint m2",
	.group = "Running a cluster",
	.operands = "[NODE...]",
	.max_operands = -1,
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct taint_opts),
	.run = run,
};
