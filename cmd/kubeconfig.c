#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "cmd.h"
#include "run.h"

#define MAX_KUBECONFIG (4 << 20)

struct kubeconfig_opts {
	struct run_opts run;
	const char *out, *context;
};

static const struct cli_opt opts[] = {
	OPT_STR(struct kubeconfig_opts, out, 0, "out", "FILE", "write admin.conf there instead of merging it"),
	OPT_STR(struct kubeconfig_opts, context, 0, "context", "NAME", "name of the context (default: the cluster's name)"),
	OPT_END,
};

static const struct plan_phase *const phases[] = {
	&steps_connect, &steps_look, &steps_cluster, &steps_need_cluster, NULL,
};

/* kubectl's file: the first of $KUBECONFIG, else ~/.kube/config; caller frees. */
static char *usual_file(void)
{
	const char *list = getenv("KUBECONFIG");
	char *path;

	if (!list || !*list)
		return file_resolve("~/.kube/config", NULL);
	path = strndup(list, strcspn(list, ":"));
	if (!path)
		abort();
	return path;
}

static int make_folder(const char *path, struct err *err)
{
	auto_free char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		abort();
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return file_mkdirs(dir, 0700, err);
}

static int merge(const struct steps_run *run, const char *path, const char *context, struct err *err)
{
	auto_wipe struct buf old = BUF_INIT, merged = BUF_INIT;

	if (access(path, F_OK) == 0 && file_read(path, MAX_KUBECONFIG, &old, err) < 0)
		return -1;
	buf_reserve(&merged, old.len + run->admin_conf.len + 4096);
	if (make_folder(path, err) < 0 ||
	    kube_merge_config(path, buf_str(&old), old.len, buf_str(&run->admin_conf), run->admin_conf.len,
			      context, &merged, err) < 0)
		return -1;
	return file_write(path, merged.data, merged.len, 0600, err);
}

static int write_config(struct steps_run *run, void *data, struct err *err)
{
	const struct kubeconfig_opts *o = data;
	const char *context = o->context ? o->context : run->inv->name;
	auto_free char *path = o->out ? strdup(o->out) : usual_file();
	int rc = o->out ? file_write(path, run->admin_conf.data, run->admin_conf.len, 0600, err) :
			  merge(run, path, context, err);

	if (rc == 0)
		fprintf(stderr, o->out ? "%s written\n" : "%s: context '%s' is the current one now\n", path, context);
	return rc;
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct kubeconfig_opts *o = data;
	const struct run_spec spec = {
		.command = "kubeconfig", .part = run_ask_control_plane, .phases = phases,
		.finish = write_config, .data = (void *)data, .quiet = true,
	};

	(void)operands;
	if (o->out && o->context)
		return err_set(err, ERR_USAGE, "--context is for merging; --out writes admin.conf as it is");
	if (o->out && !strcmp(o->out, "-"))
		return err_set(err, ERR_USAGE, "--out: admin.conf holds a key and is not printed; name a file");
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_kubeconfig = {
	.name = "kubeconfig",
	.summary = "fetch admin.conf for kubectl: merged into ~/.kube/config, or to a file",
	.description =
		"The file is written 0600 and never printed.  Merging keeps every other cluster, user and context of "
		"the file, and makes the new context the current one.",
	.examples = "hactl kubeconfig\nhactl kubeconfig --out ./admin.conf",
	.group = "Running a cluster",
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct kubeconfig_opts),
	.run = run,
};
