#define _GNU_SOURCE
#include <string.h>

#include <jansson.h>

#include "cmd.h"
#include "run.h"

/* A printed command is typed by a person somewhere else. */
#define PRINTED_TTL_S (2 * 3600)

struct join_opts {
	struct run_opts run;
	bool control_plane, print;
};

static const struct cli_opt opts[] = {
	RUN_OPTS_CHANGE(struct join_opts),
	OPT_FLAG(struct join_opts, control_plane, 0, "control-plane", "join control-plane nodes: PKI and admin.conf are fanned out first"),
	OPT_FLAG(struct join_opts, print, 0, "print", "print a ready kubeadm join command instead, with a token that lives 2 hours"),
	OPT_END,
};

static const struct plan_phase *const phases[] = {
	&steps_connect, &steps_lock, &steps_look, &steps_install, &steps_revive, &steps_cluster, &steps_need_cluster, &steps_preflight, &steps_wait, &steps_ask, &steps_guard, &steps_clean, &steps_kube_vip_image, &steps_stale, &steps_quorum,
	&steps_password, &steps_haproxy, &steps_keepalived, &steps_switch, &steps_vip, &steps_read_pki, &steps_pki, &steps_token, &steps_join,
	&steps_join_etcd, &steps_token_end, &steps_kube_vip, &steps_ready, NULL,
};

static const struct plan_phase *const worker_phases[] = {
	&steps_connect, &steps_lock, &steps_look, &steps_install, &steps_revive, &steps_cluster, &steps_need_cluster, &steps_preflight, &steps_wait, &steps_ask, &steps_clean,
	&steps_read_pki, &steps_token, &steps_join, &steps_token_end, &steps_kube_vip, &steps_ready, NULL,
};

static const struct plan_phase *const print_phases[] = {
	&steps_connect, &steps_look, &steps_cluster, &steps_need_cluster, &steps_ca_hash, NULL,
};

/* What the command line asks for. */
struct wish {
	bool control_plane;
	char **names; /* ends in NULL */
};

static bool is_named(const struct wish *w, const struct inv_node *n)
{
	for (char **name = w->names; *name; name++)
		if (!strcmp(*name, n->name))
			return true;
	return !*w->names;
}

static enum steps_part part(const void *ctx, const struct inv_node *n)
{
	const struct wish *w = ctx;

	if (n->control_plane == w->control_plane && is_named(w, n))
		return STEPS_TARGET;
	return n->control_plane ? STEPS_HELPER : STEPS_ABSENT;
}

static int accept(const void *ctx, const struct inventory *inv, struct err *err)
{
	const struct wish *w = ctx;

	for (char **name = w->names; *name; name++) {
		const struct inv_node *n = inventory_node(inv, *name);

		if (!n)
			return err_set(err, ERR_USAGE, "'%s' is no node of %s", *name, inv->path);
		if (n->control_plane && !w->control_plane)
			return err_set(err, ERR_USAGE, "'%s' is a control-plane node: hactl join --control-plane %s", *name, *name);
		if (!n->control_plane && w->control_plane)
			return err_set(err, ERR_USAGE, "'%s' is a worker: hactl join %s", *name, *name);
	}
	return 0;
}

#define PKI_FIRST "the PKI must be on the node first: list it in hactl.yaml and run 'hactl certs push NODE'"

static void print_json(const struct steps_run *run, const struct join_opts *o, const char *command)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:b, s:i}", "command", command, "endpoint", run->inv->endpoint,
			      "token", run->token, "caCertHash", buf_str(&run->ca_hash), "controlPlane",
			      o->control_plane, "ttlSeconds", PRINTED_TTL_S);
	char *text;

	if (o->control_plane)
		json_object_set_new(j, "first", json_string(PKI_FIRST));
	text = json_dumps(j, JSON_PRESERVE_ORDER | JSON_COMPACT);
	puts(text);
	explicit_bzero(text, strlen(text));
	free(text);
	json_decref(j);
}

static int print_command(struct steps_run *run, void *data, struct err *err)
{
	const struct join_opts *o = data;
	auto_wipe struct buf command = BUF_INIT;

	if (steps_join_command(run, o->control_plane, PRINTED_TTL_S, &command, err) < 0)
		return -1;
	if (run_is_json(&o->run))
		print_json(run, o, buf_str(&command));
	else
		puts(buf_str(&command));
	if (o->control_plane && !run_is_json(&o->run))
		fprintf(stderr, "hactl: %s\n", PKI_FIRST);
	return 0;
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct join_opts *o = data;
	const struct wish wish = { o->control_plane, operands };
	struct run_spec spec = {
		.command = "join", .part = part, .ctx = &wish, .accept = accept,
		.phases = o->control_plane ? phases : worker_phases, .reconnects = true,
	};

	if (o->print && *operands)
		return err_set(err, ERR_USAGE, "join --print takes no NODE: the command is the same for all");
	if (o->print && o->run.dry_run)
		return err_set(err, ERR_USAGE, "join --print makes a token: it cannot be a dry run");
	if (o->print) {
		spec.part = run_ask_control_plane;
		spec.phases = print_phases;
		spec.finish = print_command;
		spec.data = (void *)data;
		spec.quiet = true;
	}
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_join = {
	.name = "join",
	.summary = "join workers, or control-plane nodes; all that have not joined, or those named",
	.description =
		"Without --control-plane the workers of hactl.yaml join, with it the control-plane nodes, which are "
		"given the PKI and admin.conf of the first one before.  All nodes join at the same time, as far as etcd "
		"allows, with a bootstrap token that lives 15 minutes and is deleted afterwards; the CA is always pinned.",
	.examples =
		"hactl join --control-plane\n"
		"hactl join w3 w4\n"
		"# for a machine that hactl cannot reach\n"
		"hactl join --print -o json",
	.group = "Making a cluster",
	.operands = "[NODE...]",
	.max_operands = -1,
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct join_opts),
	.run = run,
};
