/* The PKI that control-plane nodes share: read from the seed, checked, fanned out. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "pki/pki.h"
#include "steps/steps.h"

#define MAX_PKI_FILE (64 << 10)
#define ADMIN_CONF "/etc/kubernetes/admin.conf"

static bool is_newcomer(const struct steps_node *n)
{
	return n->target && n != n->run->seed && !steps_in_cluster(n);
}

static bool somebody_joins(const struct plan_node *p)
{
	struct steps_run *run = steps_node(p)->run;

	for (size_t i = 0; i < run->n; i++)
		if (run->opt.pki_only || is_newcomer(&run->nodes[i]))
			return true;
	return false;
}

char *steps_pki_path(const struct steps_run *run, const char *name)
{
	char *path;

	if (asprintf(&path, "%s%s%s", *name == '/' ? "" : run->kubeadm.certificates_dir,
		     *name == '/' ? "" : "/", name) < 0)
		abort();
	return path;
}

static const struct steps_pki_file *find(const struct steps_run *run, const char *name)
{
	for (size_t i = 0; i < STEPS_MAX_PKI && run->pki[i].name; i++)
		if (!strcmp(run->pki[i].name, name))
			return &run->pki[i];
	return NULL;
}

/* A CA may lack its key (an external CA signs); anything else that is not there is an error. */
static int check_found(const struct steps_run *run, struct err *err)
{
	for (size_t i = 0; i < STEPS_MAX_PKI && run->pki[i].name; i++) {
		const char *name = run->pki[i].name;
		bool ca_key = !strcmp(name, "ca.key") || !strcmp(name, "front-proxy-ca.key") ||
			      !strcmp(name, "etcd/ca.key");

		if (!run->pki[i].found && !ca_key)
			return err_set(err, ERR_FAILED, "%s is not in %s", name, run->kubeadm.certificates_dir);
	}
	return 0;
}

static int check_pairs(const struct steps_run *run, struct err *err)
{
	struct pki_file files[STEPS_MAX_PKI];
	size_t n = 0;

	for (size_t i = 0; i < STEPS_MAX_PKI && run->pki[i].name; i++)
		if (run->pki[i].found && *run->pki[i].name != '/') /* an external etcd's are not kubeadm's */
			files[n++] = (struct pki_file){ run->pki[i].name, buf_str(&run->pki[i].data),
							run->pki[i].data.len };
	return pki_check_set(files, n, err);
}

static int read_pki(struct steps_run *run, struct err *err)
{
	struct buf contents[STEPS_MAX_PKI] = { 0 };
	bool found[STEPS_MAX_PKI] = { false };
	auto_strs struct strs paths = STRS_INIT;
	size_t n = run->pki_names.n;
	int rc;

	for (size_t i = 0; i < n; i++) {
		auto_free char *path = steps_pki_path(run, run->pki_names.v[i]);

		strs_add(&paths, path);
		buf_reserve(&contents[i], MAX_PKI_FILE);
	}
	rc = remote_get(run->seed->remote, (const char *const *)paths.v, n, contents, found, MAX_PKI_FILE, err);
	for (size_t i = 0; i < n; i++) {
		buf_wipe(&run->pki[i].data);
		run->pki[i] = (struct steps_pki_file){ run->pki_names.v[i], contents[i], found[i] };
	}
	return rc;
}

static int look_pki(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;
	const struct steps_pki_file *ca;

	*done = true;
	if (!run->api) /* a dry run before there is a cluster */
		return 0;
	if (read_pki(run, err) < 0 || check_found(run, err) < 0 || check_pairs(run, err) < 0)
		return err_wrap(err, "%s", run->seed->inv->name);
	ca = find(run, "ca.crt");
	buf_release(&run->ca_hash);
	return pki_discovery_hash(buf_str(&ca->data), ca->data.len, &run->ca_hash, err);
}

static bool gets_pki(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return n->inv->control_plane && n->remote && n->target && n != n->run->seed &&
	       (n->run->opt.pki_only || is_newcomer(n));
}

/* Whatever is not known to be public is a key: an external etcd's may have any name. */
static unsigned mode_of(const char *name)
{
	size_t len = strlen(name);
	bool public = len > 4 && (!strcmp(name + len - 4, ".crt") || !strcmp(name + len - 4, ".pub"));

	return public && *name != '/' ? 0644 : 0600;
}

static bool has_file(const struct steps_node *n, const struct steps_pki_file *file)
{
	const struct facts_file *there = facts_pki(&n->facts, file->name);
	char sha[65];

	pki_sha256(buf_str(&file->data), file->data.len, sha);
	return there && !strcmp(there->sha256, sha) && there->mode == mode_of(file->name);
}

/* Another CA is another cluster's: its keys may be the only ones. */
static int refuse_other_ca(const struct steps_node *n, struct err *err)
{
	const struct steps_pki_file *ca = find(n->run, "ca.crt");
	const struct facts_file *there = facts_pki(&n->facts, "ca.crt");
	char sha[65];

	if (!ca || !there)
		return 0;
	pki_sha256(buf_str(&ca->data), ca->data.len, sha);
	if (!strcmp(sha, there->sha256))
		return 0;
	return err_set(err, ERR_FAILED, "%s/ca.crt is of another cluster; if that PKI may go, move it away or run 'kubeadm reset' on the node",
		       n->run->kubeadm.certificates_dir);
}

static bool has_admin_conf(const struct steps_node *n)
{
	const struct steps_pki_file file = { .name = ADMIN_CONF, .data = n->run->admin_conf };

	return has_file(n, &file);
}

static int check_pki(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);

	if (steps_facts(n, err) < 0)
		return -1;
	if (n->run->api && refuse_other_ca(n, err) < 0)
		return -1;
	*done = n->run->api && has_admin_conf(n);
	for (size_t i = 0; i < n->run->pki_names.n; i++) {
		const struct steps_pki_file *f = &n->run->pki[i];

		if (!n->run->api || (f->found && !has_file(n, f))) {
			*done = false;
			if (p->plan->dry_run)
				plan_note(p->plan, p->name, "would write %s (%o)", n->run->pki_names.v[i],
					  mode_of(n->run->pki_names.v[i]));
		}
	}
	return 0;
}

static int apply_pki(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	struct steps_run *run = n->run;
	struct remote_file files[STEPS_MAX_PKI + 1];
	auto_strs struct strs paths = STRS_INIT;
	size_t count = 0;

	for (size_t i = 0; i < run->pki_names.n; i++) {
		auto_free char *path = steps_pki_path(run, run->pki[i].name);

		strs_add(&paths, path);
	}
	for (size_t i = 0; i < run->pki_names.n; i++)
		if (run->pki[i].found)
			files[count++] = (struct remote_file){ paths.v[i], buf_str(&run->pki[i].data),
							       run->pki[i].data.len, mode_of(run->pki[i].name) };
	files[count++] = (struct remote_file){ ADMIN_CONF, buf_str(&run->admin_conf), run->admin_conf.len, 0600 };
	n->stale = true;
	return remote_put(n->remote, files, count, NULL, err);
}

static const struct plan_step ca_hash_steps[] = {
	{ .name = "ca-hash", .title = "reading the CA", .check = look_pki },
	{ .name = NULL },
};

static const struct plan_step read_steps[] = {
	{ .name = "read-pki", .title = "reading the PKI", .applies = somebody_joins, .check = look_pki, .repeatable = true },
	{ .name = NULL },
};

static const struct plan_step pki_steps[] = {
	{ .name = "pki", .title = "PKI and admin.conf", .applies = gets_pki, .check = check_pki, .apply = apply_pki, .repeatable = true },
	{ .name = NULL },
};

const struct plan_phase steps_read_pki = { .name = "pki", .scope = PLAN_ONCE, .steps = read_steps };
const struct plan_phase steps_ca_hash = { .name = "pki", .scope = PLAN_ONCE, .steps = ca_hash_steps };
const struct plan_phase steps_pki = { .name = "pki", .steps = pki_steps };
