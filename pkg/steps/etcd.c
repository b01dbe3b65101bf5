#define _GNU_SOURCE
#include "steps/etcd.h"

#include <string.h>

#include "base/clock.h"
#include "ha/ha.h"

#define ASK_MS 2000
#define REMOVE_MS 8000 /* etcd itself gives up after 7 s (3.4: ReqTimeout) */
#define LEADER_PATIENCE_MS 15000
#define MAX_PEM (256 << 10)

void steps_etcd_keys_release(struct steps_etcd_keys *k)
{
	buf_wipe(&k->ca);
	buf_wipe(&k->cert);
	buf_wipe(&k->key);
}

int steps_read_etcd_keys(struct steps_node *n, struct steps_etcd_keys *out, struct err *err)
{
	auto_free char *ca = steps_pki_path(n->run, "etcd/ca.crt");
	auto_free char *cert = steps_pki_path(n->run, "etcd/healthcheck-client.crt");
	auto_free char *key = steps_pki_path(n->run, "etcd/healthcheck-client.key");
	const char *const paths[] = { ca, cert, key };
	struct buf texts[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	bool found[3];
	int rc;

	for (int i = 0; i < 3; i++)
		buf_reserve(&texts[i], 32 << 10);
	rc = remote_get(n->remote, paths, 3, texts, found, MAX_PEM, err);
	*out = (struct steps_etcd_keys){ texts[0], texts[1], texts[2] };
	if (rc == 0 && (!found[0] || !found[1] || !found[2]))
		rc = err_set(err, ERR_FAILED, "'%s' is not there", found[0] ? found[1] ? key : cert : ca);
	return rc;
}

static int dial(void *ctx, const char *host, int port, int *fd, struct err *err)
{
	struct remote *r = ctx;

	return r->ops->tunnel(r, host, port, fd, err);
}

/* kubeadm lets etcd listen on 127.0.0.1 and the node's address, and certifies both. */
struct kube *steps_open_etcd(struct steps_node *n, const struct steps_etcd_keys *keys, bool through, struct err *err)
{
	const struct kube_dial d = { dial, n->remote };
	bool tunnel = through && n->remote->ops->tunnel;

	return etcd_open(tunnel ? "127.0.0.1" : n->address, STEPS_ETCD_PORT, &keys->ca, &keys->cert, &keys->key, tunnel ? &d : NULL, err);
}

static bool has_member(const struct steps_node *n)
{
	return steps_seen(n) && n->inv->control_plane && n->facts.has_etcd_manifest && n->address;
}

/* The node's member, over its session or directly. */
static int ask(struct steps_node *n, const struct steps_etcd_keys *keys, struct etcd_state *state, struct etcd_members *members,
	       struct err *err)
{
	auto_err struct err first = ERR_INIT;

	for (int through = 1; through >= 0; through--) {
		struct err *why = through ? &first : err;
		auto_kube struct kube *k = steps_open_etcd(n, keys, through, why);

		if (k && etcd_state(k, ASK_MS, state, why) == 0 && etcd_list_members(k, ASK_MS, members, why) == 0)
			return 0;
	}
	return -1;
}

/* The list of a member that has a leader is the one that holds. */
static void take_answer(struct steps_etcd *e, const struct etcd_state *state, struct etcd_members *members, bool *led)
{
	if (e->members.n && state->cluster != e->cluster) {
		etcd_members_release(members);
		return;
	}
	if (!e->members.n || (state->leader && !*led)) {
		etcd_members_release(&e->members);
		e->members = *members;
		e->cluster = state->cluster;
		*led = state->leader != 0;
	} else {
		etcd_members_release(members);
	}
	e->answers[e->answering++] = state->id;
	if (state->leader)
		e->up[e->running++] = state->id;
}

/* Keeps those that vote, by the list; returns their number.  One that was taken out may answer for a moment. */
static int keep_voting(const struct steps_etcd *e, uint64_t *ids, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++)
		for (size_t j = 0; j < e->members.n; j++)
			if (e->members.v[j].id == ids[i] && !e->members.v[j].learner) {
				ids[kept++] = ids[i];
				break;
			}
	return kept;
}

static void ask_node(struct steps_node *n, struct steps_etcd *out, bool *led, struct err *why)
{
	auto_etcd_keys struct steps_etcd_keys keys = { BUF_INIT, BUF_INIT, BUF_INIT };
	struct etcd_members members = { NULL, 0 };
	struct etcd_state state;

	err_clear(why);
	if (steps_read_etcd_keys(n, &keys, why) == 0 && ask(n, &keys, &state, &members, why) == 0)
		take_answer(out, &state, &members, led);
}

int steps_look_at_etcd(struct steps_run *run, struct steps_etcd *out, struct err *err)
{
	struct err why = ERR_INIT;
	bool led = false;

	*out = (struct steps_etcd){ .up = calloc(run->n + 1, sizeof(*out->up)), .answers = calloc(run->n + 1, sizeof(*out->up)) };
	if (!out->up || !out->answers)
		abort();
	if (run->seed && has_member(run->seed))
		ask_node(run->seed, out, &led, &why);
	for (size_t i = 0; i < run->n && !plan_stopped(&run->plan); i++)
		if (&run->nodes[i] != run->seed && has_member(&run->nodes[i]))
			ask_node(&run->nodes[i], out, &led, &why);
	for (size_t i = 0; i < out->members.n; i++)
		out->voting += !out->members.v[i].learner;
	out->running = keep_voting(out, out->up, out->running);
	out->answering = keep_voting(out, out->answers, out->answering);
	if (out->members.n) {
		err_clear(&why);
		return 0;
	}
	if (!why.msg)
		return err_set(err, ERR_CONNECT, "no node that was reached has a member of etcd");
	*err = why;
	return -1;
}

void steps_etcd_release(struct steps_etcd *e)
{
	etcd_members_release(&e->members);
	free(e->up);
	free(e->answers);
	*e = (struct steps_etcd){ .voting = 0 };
}

static bool has(const uint64_t *ids, int n, uint64_t id)
{
	for (int i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

bool steps_etcd_runs(const struct steps_etcd *e, uint64_t id)
{
	return has(e->up, e->running, id);
}

bool steps_etcd_answers(const struct steps_etcd *e, uint64_t id)
{
	return has(e->answers, e->answering, id);
}

/* "https://10.0.0.2:2380", "https://[fd00::2]:2380" */
static bool is_at(const char *url, const char *address)
{
	const char *host = strstr(url, "://");
	auto_free char *copy = strdup(host ? host + 3 : url);
	char *end;

	if (!copy)
		abort();
	host = copy + (*copy == '[');
	end = host > copy ? strchr(copy, ']') : strrchr(copy, ':');
	if (end)
		*end = '\0';
	return facts_same_address(host, address);
}

const struct etcd_member *steps_etcd_member_at(const struct steps_etcd *e, const struct steps_node *n)
{
	for (size_t i = 0; i < e->members.n && n->address; i++)
		if (is_at(e->members.v[i].peer_url, n->address))
			return &e->members.v[i];
	return NULL;
}

const struct etcd_member *steps_etcd_member(const struct steps_etcd *e, const struct steps_node *n)
{
	const struct etcd_member *m = steps_etcd_member_at(e, n);

	for (size_t i = 0; i < e->members.n && !m; i++)
		if (!strcmp(e->members.v[i].name, n->inv->name))
			m = &e->members.v[i];
	return m;
}

static int remove_by(struct steps_node *n, uint64_t id, struct err *err)
{
	auto_etcd_keys struct steps_etcd_keys keys = { BUF_INIT, BUF_INIT, BUF_INIT };

	if (steps_read_etcd_keys(n, &keys, err) < 0)
		return -1;
	for (int through = 1; through >= 0; through--) {
		auto_kube struct kube *k = NULL;
		struct etcd_state state;

		err_clear(err);
		k = steps_open_etcd(n, &keys, through, err);
		if (!k || etcd_state(k, ASK_MS, &state, err) < 0)
			continue;
		if (!state.leader || state.id == id)
			return err_set(err, ERR_UNHEALTHY, "%s: etcd there has no leader", n->inv->name);
		return etcd_remove_member(k, REMOVE_MS, id, err);
	}
	return -1;
}

int steps_remove_member(struct steps_run *run, uint64_t id, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = -1;

	for (size_t i = 0; i < run->n && rc < 0; i++) {
		if (!has_member(&run->nodes[i]))
			continue;
		err_clear(&why);
		rc = remove_by(&run->nodes[i], id, &why);
	}
	if (rc == 0) {
		err_clear(&why);
		return 0;
	}
	if (!why.msg)
		return err_set(err, ERR_CONNECT, "no node that was reached has a member of etcd");
	*err = why;
	return -1;
}

/* Who is missing, by the nodes' names where they have one. */
static void list_missing(struct steps_run *run, const struct steps_etcd *e, struct buf *out)
{
	for (size_t i = 0; i < e->members.n; i++) {
		const struct etcd_member *m = &e->members.v[i];
		const char *name = *m->name ? m->name : m->peer_url;

		if (m->learner || steps_etcd_answers(e, m->id))
			continue;
		for (size_t j = 0; j < run->n; j++)
			if (steps_etcd_member(e, &run->nodes[j]) == m)
				name = run->nodes[j].inv->name;
		buf_printf(out, "%s%s%s", out->len ? ", " : "", name, *m->name ? "" : " (announced, and never started)");
	}
}

int steps_need_quorum(struct steps_run *run, struct err *err)
{
	auto_steps_etcd struct steps_etcd e = { .voting = 0 };
	auto_err struct err ignored = ERR_INIT;
	auto_buf struct buf missing = BUF_INIT;

	if (run->kubeadm.external_etcd || steps_look_at_etcd(run, &e, &ignored) < 0 || e.running || ha_survives_now(e.voting, e.answering) >= 0)
		return 0;
	list_missing(run, &e, &missing);
	return err_set(err, ERR_QUORUM, "etcd has no quorum: %d of %d members run, %d are needed; not running: %s; start these nodes again, and run the same command",
		       e.answering, e.voting, ha_majority(e.voting), buf_str(&missing));
}

/* etcd itself goes by names, too: a member without one has not started yet (3.4: isReadyToAddVotingMember). */
static int look_for_room(struct steps_run *run, struct err *err)
{
	auto_etcd_keys struct steps_etcd_keys keys = { BUF_INIT, BUF_INIT, BUF_INIT };
	auto_etcd_members struct etcd_members l = { NULL, 0 };
	auto_err struct err ignored = ERR_INIT;
	int voting = 0, started = 0;
	struct etcd_state state;

	if (steps_read_etcd_keys(run->seed, &keys, &ignored) < 0 || ask(run->seed, &keys, &state, &l, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < l.n; i++) {
		voting += !l.v[i].learner;
		started += !l.v[i].learner && *l.v[i].name;
	}
	if (state.leader)
		return ha_may_add(voting, started, err);
	return err_set(err, ERR_QUORUM, "etcd has no leader: a member that was announced before does not run, and no other can join until it does; start its node, and run the same command");
}

int steps_need_leader(struct steps_run *run, struct err *err)
{
	struct clock_poll poll = clock_poll_start(run->opt.patience_ms ? run->opt.patience_ms : LEADER_PATIENCE_MS, 1000);
	struct err why = ERR_INIT;
	int rc;

	do {
		err_clear(&why);
		pthread_mutex_lock(&run->lock);
		rc = look_for_room(run, &why);
		pthread_mutex_unlock(&run->lock);
		if (rc == 0)
			return 0;
	} while (steps_pause(run, &poll));
	*err = why;
	return -1;
}

/* ---- before joining ---- */

static bool joins_etcd(const struct plan_node *p)
{
	const struct steps_run *run = steps_node(p)->run;

	for (size_t i = 0; i < run->n && run->api && !run->kubeadm.external_etcd; i++) {
		const struct steps_node *n = &run->nodes[i];

		if (n->target && n->inv->control_plane && n->remote && n != run->seed && !steps_in_cluster(n))
			return true;
	}
	return false;
}

/* What cannot be asked does not keep a node from joining: etcd itself refuses what would hurt it,
 * only later and in other words. */
static int look_quorum(struct plan_node *p, bool *done, struct err *err)
{
	auto_steps_etcd struct steps_etcd e = { .voting = 0 };
	auto_err struct err why = ERR_INIT;

	*done = true;
	if (steps_look_at_etcd(steps_node(p)->run, &e, &why) == 0)
		return ha_may_add(e.voting, e.running, err);
	plan_note(p->plan, NULL, "whether etcd has members to spare was not checked: %s", why.msg);
	return 0;
}

static const struct plan_step quorum_steps[] = {
	{ .name = "quorum", .title = "quorum", .applies = joins_etcd, .check = look_quorum },
	{ .name = NULL },
};

const struct plan_phase steps_quorum = { .name = "quorum", .scope = PLAN_ONCE, .steps = quorum_steps };
