/* With --install: the programs that preflight would miss. */
#define _GNU_SOURCE
#include <string.h>

#include "steps/steps.h"
#include "tmpl/tmpl.h"

static bool shall_install(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return n->run->opt.install && n->remote && (n->target || n->run->opt.only_seed);
}

static char *missing(const struct steps_node *n)
{
	const struct facts *f = &n->facts;
	auto_strs struct strs l = STRS_INIT;

	if (!*f->keepalived && n->inv->control_plane && steps_uses_keepalived(n->run))
		strs_add(&l, "keepalived");
	if (!*f->haproxy && n->inv->control_plane && steps_uses_haproxy(n->run))
		strs_add(&l, "haproxy");
	if (!*f->kubeadm_text)
		strs_add(&l, "kubeadm");
	if (!*f->kubelet)
		strs_add(&l, "kubelet");
	return strs_join(&l, " ");
}

static int check_install(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_free char *packages = NULL;

	if (steps_facts(n, err) < 0)
		return -1;
	packages = missing(n);
	*done = !*packages;
	if (!*done && p->plan->dry_run)
		plan_note(p->plan, p->name, "would install %s", packages);
	return 0;
}

static int apply_install(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_free char *packages = missing(n);
	auto_free char *command = steps_install_command(&n->facts, "");
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_var vars[] = { { "command", command }, { "packages", packages }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = tmpl_text("install-packages.sh"), .vars = vars,
					.timeout_ms = n->run->inv->timeouts.install_ms, .survives = true };

	if (!strncmp(command, "install ", 8))
		return err_set(err, ERR_FAILED, "no package tool is known for '%s'; install %s by hand",
			       n->facts.os, packages);
	n->stale = true;
	if (remote_check(n->remote, &cmd, &res, err) < 0)
		return err_wrap(err, "installing %s", packages);
	return 0;
}

static const struct plan_step install_steps[] = {
	{ .name = "install", .title = "packages", .applies = shall_install, .check = check_install,
	  .apply = apply_install },
	{ .name = NULL },
};

const struct plan_phase steps_install = { .name = "install", .steps = install_steps };
