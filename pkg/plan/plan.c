#define _GNU_SOURCE
#include "plan/plan.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "plan/queue.h"

#define MAX_STEPS 16

/* One phase in progress: what its threads share. */
struct crew {
	struct plan *plan;
	const struct plan_phase *phase;
	sem_t places[MAX_STEPS]; /* per step with max_parallel */
	pthread_mutex_t lock;    /* of what follows, and of results in the plan */
	size_t next;             /* node that nobody works on yet */
};

const char *plan_state_name(enum plan_state s)
{
	static const char *const names[] = { "running", "unchanged", "changed", "would-change",
					     "failed", "looked" };

	return names[s];
}

bool plan_stopped(const struct plan *p)
{
	return p->stop && __atomic_load_n(p->stop, __ATOMIC_RELAXED);
}

static void step_event(const struct crew *crew, const struct plan_node *n, const struct plan_step *s,
		       enum plan_state state, const char *text, int64_t since)
{
	plan_queue_push(n->plan, &(struct plan_event){
		.type = PLAN_STEP, .state = state, .step = s->name,
		.node = crew->phase->scope == PLAN_ONCE ? NULL : n->name,
		.title = s->title, .text = text, .step_ms = since ? (int)(clock_ms() - since) : 0 });
}

static int check_again(struct plan_node *n, const struct plan_step *s, struct err *err)
{
	bool done = false;

	if (!s->check)
		return 0;
	if (s->check(n, &done, err) < 0)
		return -1;
	return done ? 0 : err_set(err, ERR_FAILED, "%s: was done, but does not hold", s->title);
}

static int apply(struct crew *crew, struct plan_node *n, const struct plan_step *s, struct err *err)
{
	sem_t *place = s->max_parallel ? &crew->places[s - crew->phase->steps] : NULL;
	int rc;

	while (place && sem_wait(place) < 0)
		;
	rc = plan_stopped(n->plan) && !crew->phase->always ?
		     err_set(err, ERR_INTERRUPTED, "interrupted before %s", s->title) : s->apply(n, err);
	if (rc == 0)
		rc = check_again(n, s, err);
	if (place)
		sem_post(place);
	return rc;
}

/* Runs one step to its end; *state is what became of it. */
static int run_step(struct crew *crew, struct plan_node *n, const struct plan_step *s,
		    enum plan_state *state, struct err *err)
{
	bool done = false;

	if (s->check && s->check(n, &done, err) < 0)
		return -1;
	if (!s->apply || done) {
		*state = s->apply ? PLAN_UNCHANGED : PLAN_LOOKED;
		return 0;
	}
	*state = n->plan->dry_run ? PLAN_WOULD_CHANGE : PLAN_CHANGED;
	return n->plan->dry_run ? 0 : apply(crew, n, s, err);
}

/* A lost connection that comes back costs a step nothing but time.  What the first try did is found done. */
static int run_or_mend(struct crew *crew, struct plan_node *n, const struct plan_step *s, enum plan_state *state,
		       struct err *err)
{
	struct plan *p = crew->plan;
	int rc = run_step(crew, n, s, state, err);
	bool changed = *state == PLAN_CHANGED;

	if (rc == 0 || err->kind != ERR_CONNECT || !s->repeatable || !p->mend)
		return rc;
	if (!p->mend(p, crew->phase->scope == PLAN_ONCE ? NULL : n, err))
		return rc;
	err_clear(err);
	rc = run_step(crew, n, s, state, err);
	if (rc == 0 && changed && *state == PLAN_UNCHANGED)
		*state = PLAN_CHANGED;
	return rc;
}

/* Takes err over; the first failure of a run is the one that counts. */
static void fail(struct crew *crew, struct plan_node *n, struct err *err)
{
	struct plan *p = crew->plan;

	if (crew->phase->scope == PLAN_EVERY_NODE)
		err_wrap(err, "%s", n->name);
	pthread_mutex_lock(&crew->lock);
	p->nfailed += crew->phase->scope == PLAN_ONCE || !n->failed;
	n->failed |= crew->phase->scope == PLAN_EVERY_NODE;
	if (!p->first.msg) {
		p->first = *err;
		*err = (struct err)ERR_INIT;
	}
	pthread_mutex_unlock(&crew->lock);
	err_clear(err);
}

static void note_result(struct crew *crew, struct plan_node *n, const struct plan_step *s, enum plan_state state)
{
	pthread_mutex_lock(&crew->lock);
	crew->plan->changed |= state == PLAN_CHANGED;
	crew->plan->would_change |= state == PLAN_WOULD_CHANGE;
	n->changed |= state == PLAN_CHANGED;
	if (state == PLAN_CHANGED && crew->phase->scope == PLAN_EVERY_NODE && !crew->phase->always)
		strs_add(&n->done, s->title);
	pthread_mutex_unlock(&crew->lock);
}

static void run_node(struct crew *crew, struct plan_node *n)
{
	for (const struct plan_step *s = crew->phase->steps; s->name; s++) {
		enum plan_state state = PLAN_FAILED;
		int64_t since = clock_ms();
		struct err err = ERR_INIT;

		if (plan_stopped(crew->plan) && !crew->phase->always)
			return;
		if (s->applies && !s->applies(n))
			continue;
		step_event(crew, n, s, PLAN_RUNNING, NULL, 0);
		if (run_or_mend(crew, n, s, &state, &err) < 0) {
			step_event(crew, n, s, PLAN_FAILED, err.msg, since);
			fail(crew, n, &err);
			return;
		}
		step_event(crew, n, s, state, NULL, since);
		note_result(crew, n, s, state);
	}
}

static struct plan_node *next_node(struct crew *crew)
{
	size_t n = crew->phase->scope == PLAN_ONCE ? 1 : crew->plan->n;
	struct plan_node *node;

	pthread_mutex_lock(&crew->lock);
	node = crew->next < n ? &crew->plan->nodes[crew->next++] : NULL;
	pthread_mutex_unlock(&crew->lock);
	return node;
}

static void *work(void *data)
{
	struct crew *crew = data;
	struct plan_node *n;

	while ((n = next_node(crew)))
		run_node(crew, n);
	plan_queue_leave(crew->plan->queue);
	return NULL;
}

static size_t crew_size(const struct plan *p, const struct plan_phase *phase)
{
	size_t limit = (size_t)(p->parallel > 0 ? p->parallel : plan_parallel());

	if (phase->scope == PLAN_ONCE)
		return 1;
	return phase->unbounded || p->n < limit ? p->n : limit;
}

/* Starts the threads; those that cannot be had are done without, as long as there is one. */
static void run_threads(struct crew *crew, size_t wanted)
{
	pthread_t *threads = calloc(wanted, sizeof(*threads));
	pthread_attr_t attr;
	size_t n = 0;

	if (!threads)
		abort();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	plan_queue_enter(crew->plan->queue, (int)wanted);
	while (n < wanted && pthread_create(&threads[n], &attr, work, crew) == 0)
		n++;
	for (size_t i = n; i + (n == 0) < wanted; i++)
		plan_queue_leave(crew->plan->queue);
	if (n == 0)
		work(crew);
	plan_queue_drain(crew->plan);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_destroy(&attr);
	free(threads);
}

static void run_phase(struct plan *p, const struct plan_phase *phase)
{
	struct crew crew = { .plan = p, .phase = phase };
	size_t nsteps = 0;

	pthread_mutex_init(&crew.lock, NULL);
	for (const struct plan_step *s = phase->steps; s->name; s++, nsteps++) {
		assert(nsteps < MAX_STEPS);
		sem_init(&crew.places[nsteps], 0, (unsigned)s->max_parallel);
	}
	p->phase = phase->name;
	plan_queue_push(p, &(struct plan_event){ .type = PLAN_PHASE, .text = phase->name });
	run_threads(&crew, crew_size(p, phase));
	while (nsteps--)
		sem_destroy(&crew.places[nsteps]);
	pthread_mutex_destroy(&crew.lock);
}

static bool goes_on(const struct plan *p, const struct plan_phase *phase)
{
	if (phase->always)
		return true;
	return !plan_stopped(p) && !p->decided && (!p->first.msg || phase->despite_failure);
}

static int result(struct plan *p, struct err *err)
{
	if (p->first.msg) {
		*err = p->first;
		p->first = (struct err)ERR_INIT;
		return p->nfailed > 1 ? err_wrap(err, "%zu failures, first", p->nfailed) : -1;
	}
	if (plan_stopped(p))
		return err_set(err, ERR_INTERRUPTED, p->changed ? "interrupted; the same command goes on from here" :
			       "interrupted before anything was changed");
	return 0;
}

static void tell_what_is_done(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct plan_node *n = &p->nodes[i];
		auto_free char *titles = n->done.n ? strs_join(&n->done, ", ") : NULL;

		if (plan_stopped(p) && titles)
			plan_note(p, n->name, "done before the interruption: %s", titles);
		strs_release(&n->done);
	}
	plan_queue_drain(p);
}

int plan_run(struct plan *p, const struct plan_phase *const *phases, struct err *err)
{
	p->queue = plan_queue_new();
	p->start_ms = clock_ms();
	for (size_t i = 0; i < p->n; i++)
		p->nodes[i].plan = p;
	for (; *phases && p->n; phases++) {
		bool failed = p->first.msg;

		if (goes_on(p, *phases))
			run_phase(p, *phases);
		p->decided |= (*phases)->decisive && !failed && p->first.msg;
	}
	tell_what_is_done(p);
	plan_queue_free(TAKE(p->queue));
	return result(p, err);
}

void plan_progress(struct plan_node *n, const char *step, const char *text)
{
	plan_queue_push(n->plan, &(struct plan_event){
		.type = PLAN_PROGRESS, .node = n->name, .step = step, .text = text });
}

static void push_text(struct plan *p, enum plan_event_type type, const char *node,
		      const char *more, const char *fmt, va_list ap)
{
	auto_free char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	plan_queue_push(p, &(struct plan_event){ .type = type, .node = node, .text = text, .more = more });
}

void plan_problem(struct plan *p, const char *node, const char *fix, const char *fmt, ...)
{
	va_list ap;

	__atomic_add_fetch(&p->nproblems, 1, __ATOMIC_RELAXED);
	va_start(ap, fmt);
	push_text(p, PLAN_PROBLEM, node, fix, fmt, ap);
	va_end(ap);
}

void plan_warn(struct plan *p, const char *node, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	push_text(p, PLAN_WARNING, node, NULL, fmt, ap);
	va_end(ap);
}

void plan_note(struct plan *p, const char *node, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	push_text(p, PLAN_NOTE, node, NULL, fmt, ap);
	va_end(ap);
}

void plan_diff(struct plan_node *n, const char *diff)
{
	plan_queue_push(n->plan, &(struct plan_event){ .type = PLAN_DIFF, .node = n->name, .text = diff });
}
