/*
 * An etcd that lost its quorum because a join broke off: the new member was announced, which made it
 * count, and never started.  etcd takes nobody out then, and the API is silent.  What helps without any
 * danger for the data is to start that member, empty, as kubeadm would have: it gets everything from
 * the others, and the join can be cleaned up and begun again.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "ha/ha.h"
#include "steps/etcd.h"
#include "tmpl/tmpl.h"

#define MANIFEST "/etc/kubernetes/manifests/etcd.yaml"
#define MAX_MANIFEST (64 << 10)
#define START_MS 30000
#define PATIENCE_MS (3 * 60 * 1000) /* kubelet, after a boot, and an image that is there */

/* The node with a member that only has to start: announced by a join of ours, without data. */
static struct steps_node *find_announced(struct steps_run *run, const struct steps_etcd *e)
{
	for (size_t i = 0; i < run->n; i++) {
		struct steps_node *n = &run->nodes[i];
		const struct etcd_member *m = n->inv->control_plane && steps_seen(n) ? steps_etcd_member_at(e, n) : NULL;

		if (m && !*m->name && !m->learner && !steps_etcd_answers(e, m->id) && n->target && n->facts.begun &&
		    !strncmp(n->facts.begun, "join", 4))
			return n;
	}
	return NULL;
}

static struct steps_node *find_answering(struct steps_run *run, const struct steps_etcd *e)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct etcd_member *m = steps_seen(&run->nodes[i]) ? steps_etcd_member(e, &run->nodes[i]) : NULL;

		if (m && steps_etcd_answers(e, m->id))
			return &run->nodes[i];
	}
	return NULL;
}

static bool a_join_broke_off(const struct plan_node *p)
{
	const struct steps_run *run = steps_node(p)->run;

	for (size_t i = 0; i < run->n && run->held && !run->kubeadm.external_etcd; i++) {
		const struct steps_node *n = &run->nodes[i];

		if (steps_seen(n) && n->target && n->inv->control_plane && n->facts.begun && !strncmp(n->facts.begun, "join", 4))
			return true;
	}
	return false;
}

/* Done unless one member that starts is all that is missing. */
static int check_quorum(struct plan_node *p, bool *done, struct err *err)
{
	auto_steps_etcd struct steps_etcd e = { .voting = 0 };
	struct steps_run *run = steps_node(p)->run;
	auto_err struct err ignored = ERR_INIT;

	(void)err;
	*done = steps_look_at_etcd(run, &e, &ignored) < 0 || e.running || ha_survives_now(e.voting, e.answering) >= 0 ||
		ha_survives_now(e.voting, e.answering + 1) < 0 || !find_answering(run, &e) || !find_announced(run, &e);
	return 0;
}

/* Replaces a whole address, not a piece of a longer one. */
static void put_with_address(struct buf *out, const char *line, size_t len, const char *old, const char *new)
{
	size_t n = strlen(old);

	for (size_t i = 0; i < len;) {
		bool begins = i + n <= len && !memcmp(line + i, old, n) && (i == 0 || (!isalnum((unsigned char)line[i - 1]) && line[i - 1] != '.'));

		if (begins && (i + n == len || (!isalnum((unsigned char)line[i + n]) && line[i + n] != '.'))) {
			buf_puts(out, new);
			i += n;
		} else {
			buf_add(out, line + i++, 1);
		}
	}
	buf_puts(out, "\n");
}

/* Names must differ, whatever they are: others that have none get their number, as from kubeadm. */
static void put_cluster(struct buf *out, const struct steps_etcd *e, const struct steps_node *n, int indent)
{
	buf_printf(out, "%*s- --initial-cluster=", indent, "");
	for (size_t i = 0; i < e->members.n; i++) {
		const struct etcd_member *m = &e->members.v[i];

		buf_puts(out, i ? "," : "");
		if (m == steps_etcd_member_at(e, n))
			buf_puts(out, n->inv->name);
		else if (*m->name)
			buf_puts(out, m->name);
		else
			buf_printf(out, "%" PRIx64, m->id);
		buf_printf(out, "=%s", m->peer_url);
	}
	buf_printf(out, "\n%*s- --initial-cluster-state=existing\n", indent, "");
}

/* What kubeadm would have written: the running member's manifest with the other's name and address. */
static int make_manifest(const struct steps_etcd *e, const struct steps_node *from, const struct steps_node *n, const char *text,
			 struct buf *out, struct err *err)
{
	bool named = false, listed = false;

	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		size_t indent = strspn(line, " ");
		const char *word = line + indent;

		end = strchrnul(line, '\n');
		if (!strncmp(word, "- --initial-cluster-state=", 26))
			continue;
		if (!strncmp(word, "- --initial-cluster=", 20)) {
			put_cluster(out, e, n, (int)indent);
			listed = true;
		} else if (!strncmp(word, "- --name=", 9)) {
			buf_printf(out, "%*s- --name=%s\n", (int)indent, "", n->inv->name);
			named = true;
		} else {
			put_with_address(out, line, (size_t)(end - line), from->address, n->address);
		}
	}
	return named && listed ? 0 : err_set(err, ERR_FAILED, "%s: '%s' is not as kubeadm writes it", from->inv->name, MANIFEST);
}

/* Nothing when the node has a manifest. */
static int read_manifest(const struct steps_etcd *e, struct steps_node *from, const struct steps_node *n, struct buf *out, struct err *err)
{
	const char *const path = MANIFEST;
	auto_buf struct buf text = BUF_INIT;
	bool found = false;

	if (n->facts.has_etcd_manifest)
		return 0;
	if (remote_get(from->remote, &path, 1, &text, &found, MAX_MANIFEST, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_FAILED, "%s: '%s' is not there", from->inv->name, path);
	return make_manifest(e, from, n, buf_str(&text), out, err);
}

static int start_member(struct steps_node *n, const struct buf *manifest, struct err *err)
{
	const struct remote_var vars[] = { { "pki", n->run->kubeadm.certificates_dir }, { "manifest", buf_str(manifest) }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = tmpl_text("etcd-start.sh"), .vars = vars, .timeout_ms = START_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	n->stale = true;
	if (remote_run(n->remote, &cmd, &res, err) < 0)
		return -1;
	if (res.status && res.status != STEPS_LOCKED) /* a kubeadm that is at work there waits for the same */
		return err_set(err, ERR_QUORUM, "%s: its member of etcd was announced and never started, and cannot be started: %s",
			       n->inv->name, buf_str(&res.err));
	return steps_facts(n, err);
}

static int wait_for_leader(struct steps_run *run, struct err *err)
{
	struct clock_poll poll = clock_poll_start(PATIENCE_MS, 1000);

	do {
		auto_steps_etcd struct steps_etcd e = { .voting = 0 };
		auto_err struct err ignored = ERR_INIT;

		if (steps_look_at_etcd(run, &e, &ignored) == 0 && ha_survives_now(e.voting, e.running) >= 0)
			return 0;
	} while (steps_pause(run, &poll));
	if (plan_stopped(&run->plan))
		return err_set(err, ERR_INTERRUPTED, "interrupted while waiting for etcd");
	return steps_need_quorum(run, err);
}

static int revive(struct plan_node *p, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;
	auto_steps_etcd struct steps_etcd e = { .voting = 0 };
	auto_buf struct buf manifest = BUF_INIT;
	struct steps_node *n, *from;

	if (steps_look_at_etcd(run, &e, err) < 0)
		return -1;
	n = find_announced(run, &e);
	from = find_answering(run, &e);
	if (!n || !from)
		return 0;
	plan_note(&run->plan, n->inv->name, "a join broke off when its member of etcd was announced and not yet started, so etcd has no quorum: it is started");
	if (read_manifest(&e, from, n, &manifest, err) < 0 || start_member(n, &manifest, err) < 0)
		return -1;
	return wait_for_leader(run, err);
}

static const struct plan_step revive_steps[] = {
	{ .name = "etcd-start", .title = "etcd's quorum", .applies = a_join_broke_off, .check = check_quorum, .apply = revive },
	{ .name = NULL },
};

const struct plan_phase steps_revive = { .name = "cluster", .scope = PLAN_ONCE, .steps = revive_steps };
