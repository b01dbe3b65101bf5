#define _GNU_SOURCE
#include "steps/drill_watch.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tmpl/tmpl.h"

/* One command looks so often, a tenth of a second apart: no longer does it outlive this program. */
#define TURNS 30
#define TURN_TIMEOUT_MS 8000
#define CONNECT_MS 2000
#define HOLDINGS_MAX 100000

struct watcher {
	struct drill_watch *watch;
	struct steps_node *node;
	int number;
	int holds; /* as last told */
	pthread_t thread;
	bool started;
};

struct drill_watch {
	struct steps_run *run;
	struct watcher *watchers;
	size_t n;
	bool stop;
	pthread_mutex_t lock; /* of log */
	struct drill_holdings log;
};

static void tell(struct watcher *w, int holds)
{
	struct drill_holdings *l = &w->watch->log;

	if (w->holds == holds)
		return;
	w->holds = holds;
	pthread_mutex_lock(&w->watch->lock);
	if (l->n < HOLDINGS_MAX) {
		l->v = reallocarray(l->v, l->n + 1, sizeof(*l->v));
		if (!l->v)
			abort();
		l->v[l->n++] = (struct drill_holding){ clock_ms(), w->number, holds };
	}
	pthread_mutex_unlock(&w->watch->lock);
}

static void on_line(void *ctx, int fd, const char *line)
{
	if (fd == 1)
		tell(ctx, !strcmp(line, "yes"));
}

static bool stopped(const struct drill_watch *w)
{
	return __atomic_load_n(&w->stop, __ATOMIC_RELAXED) || remote_interrupted();
}

static struct remote *connect_again(struct watcher *w)
{
	struct steps_run *run = w->watch->run;
	struct inv_node inv = *w->node->inv;
	auto_err struct err err = ERR_INIT;
	bool untrusted = false;

	if (inv.ssh.connect_timeout_ms > CONNECT_MS)
		inv.ssh.connect_timeout_ms = CONNECT_MS;
	return run->opt.connect(run->opt.ctx, &inv, w->node->address, &untrusted, &err);
}

/* 0: the node could be asked, for some seconds. */
static int look(struct watcher *w, struct remote *r)
{
	auto_free char *turns = NULL;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_err struct err err = ERR_INIT;

	if (asprintf(&turns, "%d", TURNS) < 0)
		abort();
	const struct remote_var vars[] = {
		{ "vip", w->watch->run->inv->vip.address }, { "turns", turns }, { NULL, NULL },
	};
	const struct remote_cmd cmd = {
		.script = tmpl_text("drill-watch.sh"), .vars = vars, .timeout_ms = TURN_TIMEOUT_MS,
		.on_line = on_line, .ctx = w,
	};

	return remote_check(r, &cmd, &res, &err);
}

static void *watch(void *arg)
{
	struct watcher *w = arg;
	struct remote *r = NULL;

	while (!stopped(w->watch)) {
		struct clock_poll poll = clock_poll_start(INT32_MAX, 500);

		while (!r && !stopped(w->watch) && !(r = connect_again(w))) {
			tell(w, -1);
			clock_poll_pause(&poll);
		}
		if (r && look(w, r) < 0) {
			tell(w, -1);
			remote_close(r);
			r = NULL;
		}
	}
	remote_close(r);
	return NULL;
}

struct drill_watch *drill_watch_open(struct steps_run *run, struct steps_node **nodes, size_t n)
{
	struct drill_watch *w = calloc(1, sizeof(*w));

	if (!w || !(w->watchers = calloc(n, sizeof(*w->watchers))))
		abort();
	w->run = run;
	w->n = n;
	pthread_mutex_init(&w->lock, NULL);
	for (size_t i = 0; i < n; i++) {
		struct watcher *one = &w->watchers[i];

		*one = (struct watcher){ .watch = w, .node = nodes[i], .number = (int)i, .holds = -2 };
		one->started = pthread_create(&one->thread, NULL, watch, one) == 0;
	}
	return w;
}

void drill_watch_close(struct drill_watch *w)
{
	if (!w)
		return;
	__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < w->n; i++)
		if (w->watchers[i].started)
			pthread_join(w->watchers[i].thread, NULL);
	pthread_mutex_destroy(&w->lock);
	free(w->log.v);
	free(w->watchers);
	free(w);
}

struct drill_holdings drill_watch_read(struct drill_watch *w)
{
	struct drill_holdings copy = { NULL, 0 };

	pthread_mutex_lock(&w->lock);
	copy.n = w->log.n;
	copy.v = calloc(copy.n + 1, sizeof(*copy.v));
	if (!copy.v)
		abort();
	if (copy.n)
		memcpy(copy.v, w->log.v, copy.n * sizeof(*copy.v));
	pthread_mutex_unlock(&w->lock);
	return copy;
}
