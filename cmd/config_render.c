#define _GNU_SOURCE
#include <string.h>

#include "base/file.h"
#include "base/mask.h"
#include "cmd.h"
#include "pki/pki.h"
#include "run.h"

struct render_opts {
	struct run_opts run;
	const char *out, *kubeadm_version;
	bool from_nodes;
};

static const struct cli_opt opts[] = {
	OPT_STR(struct render_opts, out, 0, "out", "DIR", "write files, 0600, to DIR/NODE/ instead of stdout, where secrets are masked"),
	OPT_STR(struct render_opts, kubeadm_version, 0, "kubeadm-version", "VERSION", "of the nodes' kubeadm (default: kubernetesVersion)"),
	OPT_FLAG(struct render_opts, from_nodes, 0, "from-nodes", "ask the nodes, changing nothing, for what hactl.yaml leaves open"),
	OPT_END,
};

static const struct plan_phase *const look_phases[] = { &steps_connect, &steps_look, &steps_password, NULL };
static const struct plan_phase *const no_phases[] = { NULL };

enum part { KEEPALIVED = 1, CHECK = 2, KUBEADM = 4, HAPROXY = 8, KUBE_VIP = 16, ALL = 31 };

struct wish {
	const struct render_opts *opts;
	enum part parts;
	const char *node; /* NULL: every one */
	bool printed;
};

static int write_out(struct wish *w, const struct steps_node *n, const char *name, const struct buf *text, struct err *err)
{
	auto_free char *dir = NULL, *path = NULL;

	if (asprintf(&dir, "%s/%s", w->opts->out, n->inv->name) < 0 || asprintf(&path, "%s/%s", dir, name) < 0)
		abort();
	if (file_mkdirs(dir, 0700, err) < 0)
		return -1;
	fprintf(stderr, "%s\n", path);
	return file_write(path, buf_str(text), text->len, 0600, err);
}

/* To stdout every file has a line with its node and name above it. */
static int emit(struct wish *w, const struct steps_node *n, const char *name, struct buf *text, struct err *err)
{
	if (w->opts->out)
		return write_out(w, n, name, text, err);
	buf_add(text, "", 0);
	mask_secrets(text->data);
	printf("%s# %s: %s\n%s", w->printed ? "\n" : "", n->inv->name, name, buf_str(text));
	w->printed = true;
	return 0;
}

static int render_keepalived(struct wish *w, const struct steps_run *run, const struct steps_node *n, struct err *err)
{
	auto_wipe struct buf conf = BUF_INIT;
	auto_buf struct buf check = BUF_INIT;

	if (!n->inv->control_plane || !steps_uses_keepalived(run) || !(w->parts & (KEEPALIVED | CHECK)))
		return 0;
	if (steps_render_keepalived(run, n, &conf, &check, err) < 0)
		return -1;
	if (w->opts->out && strstr(buf_str(&conf), STEPS_NO_INTERFACE))
		return err_set(err, ERR_USAGE, "the VIP's interface is not known; give vip.interface in hactl.yaml, or --from-nodes");
	if (w->parts & KEEPALIVED && emit(w, n, "keepalived.conf", &conf, err) < 0)
		return -1;
	return w->parts & CHECK ? emit(w, n, "check_apiserver.sh", &check, err) : 0;
}

static int render_haproxy(struct wish *w, const struct steps_run *run, const struct steps_node *n, struct err *err)
{
	auto_buf struct buf cfg = BUF_INIT;

	if (!n->inv->control_plane || !steps_uses_haproxy(run) || !(w->parts & HAPROXY))
		return 0;
	return steps_render_haproxy(run, &cfg, err) < 0 ? -1 : emit(w, n, "haproxy.cfg", &cfg, err);
}

static int render_kube_vip(struct wish *w, const struct steps_run *run, const struct steps_node *n, struct err *err)
{
	auto_buf struct buf manifest = BUF_INIT;

	if (!n->inv->control_plane || !steps_uses_kube_vip(run) || !(w->parts & KUBE_VIP))
		return 0;
	if (steps_render_kube_vip(run, n, "/etc/kubernetes/admin.conf", &manifest, err) < 0)
		return -1;
	return emit(w, n, "kube-vip.yaml", &manifest, err);
}

static int render_kubeadm(struct wish *w, const struct steps_run *run, struct steps_node *n, struct err *err)
{
	const char *version = w->opts->kubeadm_version ? w->opts->kubeadm_version : run->inv->kubernetes_version;
	bool first = n->inv == &run->inv->nodes[0];
	auto_wipe struct buf text = BUF_INIT;

	if (!(w->parts & KUBEADM))
		return 0;
	if (!n->facts.kubeadm_text || w->opts->kubeadm_version) {
		if (kubeadm_parse_version(version, &n->facts.kubeadm, err) < 0)
			return -1;
		free(n->facts.kubeadm_text);
		n->facts.kubeadm_text = strdup(version);
	}
	if ((first ? steps_render_init(run, n, &text, err) : steps_render_join(n, NULL, &text, err)) < 0)
		return -1;
	return emit(w, n, first ? "kubeadm-init.yaml" : "kubeadm-join.yaml", &text, err);
}

/* Offline a password that hactl would make is not known yet. */
static int ensure_password(struct steps_run *run, struct err *err)
{
	char made[9];

	if (run->vrrp_version || !steps_uses_keepalived(run))
		return 0;
	run->vrrp_version = run->inv->vip.password ? 2 : 3;
	if (run->vrrp_version == 3)
		return 0;
	if (!run->inv->vip.password && pki_random_text(made, 8, err) < 0)
		return -1;
	run->vrrp_password = strdup(run->inv->vip.password ? run->inv->vip.password : made);
	return 0;
}

static int check_version(const struct wish *w, const struct steps_run *run, struct err *err)
{
	const char *version = w->opts->kubeadm_version ? w->opts->kubeadm_version : run->inv->kubernetes_version;

	if (version && strncmp(version, "stable", 6) && strncmp(version, "latest", 6))
		return 0;
	return err_set(err, ERR_USAGE, "which kubeadm do the nodes have?  Give --kubeadm-version vX.Y.Z, or --from-nodes");
}

static int render(struct steps_run *run, void *data, struct err *err)
{
	struct wish *w = data;

	for (size_t i = 0; i < run->n; i++)
		if (!run->nodes[i].address && steps_resolve(&run->nodes[i], err) < 0)
			return err_wrap(err, "%s", run->nodes[i].inv->name);
	if (w->parts & KUBEADM && !w->opts->from_nodes && check_version(w, run, err) < 0)
		return -1;
	steps_fill_peers(run);
	if (ensure_password(run, err) < 0)
		return -1;
	if (w->parts & KEEPALIVED && !w->opts->from_nodes && !w->opts->out && !run->inv->vip.interface &&
	    steps_uses_keepalived(run))
		fprintf(stderr, "hactl: note: " STEPS_NO_INTERFACE " and the VIP's prefix length stand for what the nodes tell; --from-nodes asks them\n");
	for (size_t i = 0; i < run->n; i++) {
		struct steps_node *n = &run->nodes[i];

		if (w->node && strcmp(w->node, n->inv->name))
			continue;
		if (render_keepalived(w, run, n, err) < 0 || render_haproxy(w, run, n, err) < 0 ||
		    render_kube_vip(w, run, n, err) < 0 || render_kubeadm(w, run, n, err) < 0)
			return err_wrap(err, "%s", n->inv->name);
	}
	return 0;
}

static int accept(const void *ctx, const struct inventory *inv, struct err *err)
{
	const struct wish *w = ctx;

	if (!w->node || inventory_node(inv, w->node))
		return 0;
	return err_set(err, ERR_USAGE, "'%s' is no node of %s", w->node, inv->path);
}

static enum part part_named(const char *word)
{
	return !strcmp(word, "haproxy") ? HAPROXY : !strcmp(word, "kube-vip") ? KUBE_VIP :
	       !strcmp(word, "keepalived") ? KEEPALIVED : !strcmp(word, "check") ? CHECK :
	       !strcmp(word, "kubeadm") ? KUBEADM : 0;
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct render_opts *o = data;
	struct wish wish = { .opts = o, .parts = ALL };
	const struct run_spec spec = {
		.command = "config render", .part = run_every_node, .accept = accept, .ctx = &wish,
		.phases = o->from_nodes ? look_phases : no_phases, .finish = render, .data = &wish, .quiet = true,
	};

	if (*operands && part_named(*operands))
		wish.parts = part_named(*operands++);
	wish.node = *operands ? *operands++ : NULL;
	if (*operands)
		return err_set(err, ERR_USAGE, "'%s': expected [keepalived|check|haproxy|kube-vip|kubeadm] [NODE]",
			       wish.parts == ALL ? wish.node : *operands);
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd config_render = {
	.name = "render",
	.summary = "print what would be written to each node, without touching one",
	.description =
		"Secrets are masked on stdout; with --out they are in the files, which are created 0600.  What only a "
		"node can tell (its interface, its kubeadm) is asked for with --from-nodes.",
	.examples = "hactl config render keepalived m1\nhactl config render --from-nodes --out rendered",
	.operands = "[keepalived|check|haproxy|kube-vip|kubeadm] [NODE]",
	.max_operands = 2,
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct render_opts),
	.run = run,
};
