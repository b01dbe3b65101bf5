/*
 * Nobody else works on the cluster meanwhile.  The lock lies on every control-plane node that was
 * reached: flock held inside the node's session, by a script that gives up when it hears nothing for
 * 15 s.  So it ends with its holder, however that goes.  Nodes are locked in hactl.yaml's order: of
 * two runs that begin together one gets the first node, and then all.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define BEAT_MS 3000
#define LOOK_AGAIN_MS 2000
#define LOCK_TIMEOUT_MS 20000
#define MOVE_MS 3000

struct steps_lock {
	struct steps_run *run;
	pthread_t keeper;
	bool keeping;
	pthread_mutex_t mutex;
	pthread_cond_t end;
	bool ending;
	struct steps_node **nodes; /* that are locked */
	size_t n;
};

/* Sessions that are at work keep theirs by themselves; this is for those that are idle. */
static void beat_all(struct steps_lock *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct steps_node *n = l->nodes[i];

		if (!n || remote_beat(n->remote) == 0)
			continue;
		l->run->lock_lost = n->inv->name; /* told at the end: events are the plan's threads' */
		n->lock_broken = true;
		l->nodes[i] = NULL;
	}
}

static void *keep(void *arg)
{
	struct steps_lock *l = arg;

	pthread_mutex_lock(&l->mutex);
	while (!l->ending) {
		int64_t wake = clock_wall_ms() + BEAT_MS;

		pthread_cond_timedwait(&l->end, &l->mutex, &(struct timespec){ wake / 1000, wake % 1000 * 1000000 });
		if (!l->ending)
			beat_all(l);
	}
	pthread_mutex_unlock(&l->mutex);
	return NULL;
}

static struct steps_lock *lock_new(struct steps_run *run)
{
	struct steps_lock *l = calloc(1, sizeof(*l));

	if (!l || !(l->nodes = calloc(run->n + 1, sizeof(struct steps_node *))))
		abort();
	l->run = run;
	pthread_mutex_init(&l->mutex, NULL);
	pthread_cond_init(&l->end, NULL);
	return l;
}

/* A node that was forgotten has left its place to the next. */
static void add_node(struct steps_lock *l, struct steps_node *n)
{
	size_t i = 0;

	while (i < l->n && l->nodes[i])
		i++;
	l->nodes[i] = n;
	l->n += i == l->n;
}

static void let_go(struct steps_lock *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->nodes[i])
			remote_unhold(l->nodes[i]->remote);
	l->n = 0;
}

void steps_unlock(struct steps_run *run)
{
	struct steps_lock *l = run->held;

	if (!l)
		return;
	pthread_mutex_lock(&l->mutex);
	l->ending = true;
	pthread_cond_signal(&l->end);
	pthread_mutex_unlock(&l->mutex);
	if (l->keeping)
		pthread_join(l->keeper, NULL);
	let_go(l);
	pthread_mutex_destroy(&l->mutex);
	pthread_cond_destroy(&l->end);
	free(l->nodes);
	free(l);
	run->held = NULL;
}

/* What keeps the lock forgets the node. */
static void drop(struct steps_node *n, bool unhold)
{
	struct steps_lock *l = n->run->held;

	if (!l)
		return;
	pthread_mutex_lock(&l->mutex);
	for (size_t i = 0; i < l->n; i++) {
		if (l->nodes[i] != n)
			continue;
		if (unhold)
			remote_unhold(n->remote);
		l->nodes[i] = NULL;
	}
	pthread_mutex_unlock(&l->mutex);
}

void steps_lock_leave(struct steps_node *n)
{
	drop(n, true);
}

void steps_lock_forget(struct steps_node *n)
{
	drop(n, false);
}

/* What stands behind "NONCE busy". */
static void add_holder(const struct buf *out, struct buf *who)
{
	const char *at = strstr(buf_str(out), " busy\n");

	at = at ? at + strlen(" busy\n") : "";
	buf_add(who, at, strcspn(at, "\n"));
	if (!who->len)
		buf_puts(who, "somebody who just began");
	for (size_t i = 0; i < who->len; i++)
		if ((unsigned char)who->data[i] < ' ')
			who->data[i] = '?';
}

/* 1: it is held from now on; 0: somebody else has it. */
static int hold_node(struct steps_node *n, struct remote *remote, struct buf *who, struct err *err)
{
	const struct remote_var vars[] = { { "who", n->run->opt.who }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = tmpl_text("lock.sh"), .vars = vars, .timeout_ms = LOCK_TIMEOUT_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	int rc = remote_hold(remote, &cmd, &res, err);

	if (rc == 0 && !strstr(buf_str(&res.out), " busy\n"))
		return err_set(err, ERR_REMOTE, "cannot take the lock /run/hactl.lock: %s",
			       res.err.len ? buf_str(&res.err) : "it ended without a word");
	if (rc == 0)
		add_holder(&res.out, who);
	return rc;
}

static int lock_node(struct steps_node *n, struct buf *who, struct err *err)
{
	int rc = hold_node(n, n->remote, who, err);

	if (rc == 1)
		add_node(n->run->held, n);
	return rc;
}

/* All or none; *node is the one that somebody else has. */
static int lock_all(struct steps_run *run, const char **node, struct buf *who, struct err *err)
{
	for (size_t i = 0; i < run->n; i++) {
		struct steps_node *n = &run->nodes[i];
		int rc = n->inv->control_plane && n->remote ? lock_node(n, who, err) : 1;

		if (rc == 1)
			continue;
		let_go(run->held);
		*node = n->inv->name;
		return rc < 0 ? err_wrap(err, "%s", n->inv->name) : 0;
	}
	return 1;
}

static int start_keeper(struct steps_lock *l, struct err *err)
{
	int rc = pthread_create(&l->keeper, NULL, keep, l);

	l->keeping = rc == 0;
	return rc ? err_set(err, ERR_FAILED, "a thread for the lock: %s", strerror(rc)) : 0;
}

static int take(struct steps_run *run, struct err *err)
{
	struct clock_poll poll = clock_poll_start(INT32_MAX, LOOK_AGAIN_MS);
	bool said = false;

	for (;;) {
		auto_buf struct buf who = BUF_INIT;
		const char *node = NULL;
		int rc = lock_all(run, &node, &who, err);

		if (rc)
			return rc < 0 ? -1 : start_keeper(run->held, err);
		if (!run->opt.wait)
			return err_set(err, ERR_LOCKED, "%s: somebody else is at work on this cluster: %s; --wait waits for the end of it",
				       node, buf_str(&who));
		if (!said)
			plan_note(&run->plan, node, "waiting for somebody else who is at work: %s", buf_str(&who));
		said = true;
		if (!steps_pause(run, &poll))
			return err_set(err, ERR_INTERRUPTED, "interrupted while waiting for the lock");
	}
}

void steps_lock_again(struct steps_node *n)
{
	struct steps_lock *l = n->run->held;
	auto_err struct err ignored = ERR_INIT;
	auto_buf struct buf who = BUF_INIT;
	bool locked = false;
	int rc;

	if (!l || !n->remote || !n->inv->control_plane)
		return;
	pthread_mutex_lock(&l->mutex);
	for (size_t i = 0; i < l->n; i++)
		locked |= l->nodes[i] == n;
	pthread_mutex_unlock(&l->mutex);
	if (locked)
		return;
	rc = hold_node(n, n->remote, &who, &ignored); /* the others are to be heard of meanwhile */
	pthread_mutex_lock(&l->mutex);
	if (rc == 1)
		add_node(l, n);
	else
		n->run->lock_lost = n->inv->name;
	pthread_mutex_unlock(&l->mutex);
}

int steps_lock_move(struct steps_node *n, struct remote *fresh, struct err *err)
{
	struct clock_poll poll = clock_poll_start(MOVE_MS, 500);

	if (!n->run->held || !n->inv->control_plane)
		return 0;
	for (;;) { /* somebody who waits for the lock tries one node after the other, for an instant */
		auto_buf struct buf who = BUF_INIT;
		int rc = hold_node(n, fresh, &who, err);

		if (rc)
			return rc < 0 ? -1 : 0;
		if (!steps_pause(n->run, &poll))
			return err_set(err, ERR_LOCKED, "somebody else is at work on this cluster since the connection was lost: %s; run the same command when that has ended",
				       buf_str(&who));
	}
}

/* As long as one node was held all the time nobody else was at work. */
static bool one_was_held(const struct steps_lock *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->nodes[i] && !l->nodes[i]->lock_broken)
			return true;
	return false;
}

void steps_lock_moved(struct steps_node *n)
{
	struct steps_lock *l = n->run->held;

	if (!l || !n->inv->control_plane)
		return;
	pthread_mutex_lock(&l->mutex);
	if (n->run->lock_lost == n->inv->name && one_was_held(l))
		n->run->lock_lost = NULL;
	add_node(l, n);
	pthread_mutex_unlock(&l->mutex);
}

static bool wants_lock(const struct plan_node *p)
{
	const struct steps_run *run = steps_node(p)->run;

	return run->opt.who && !run->plan.dry_run && !run->untrusted && !run->plan.nfailed;
}

static int look_lock(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	run->held = lock_new(run);
	if (take(run, err) == 0)
		return 0;
	steps_unlock(run);
	return -1;
}

int steps_lock_holder(struct steps_node *n, struct buf *who, struct err *err)
{
	const struct remote_cmd cmd = { .script = tmpl_text("lock-holder.sh"), .timeout_ms = LOCK_TIMEOUT_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	if (remote_check(n->remote, &cmd, &res, err) < 0)
		return -1;
	buf_add(who, buf_str(&res.out), strcspn(buf_str(&res.out), "\n"));
	return 0;
}

static const struct plan_step lock_steps[] = {
	{ .name = "lock", .title = "lock", .applies = wants_lock, .check = look_lock },
	{ .name = NULL },
};

const struct plan_phase steps_lock = { .name = "lock", .scope = PLAN_ONCE, .steps = lock_steps, .decisive = true };
