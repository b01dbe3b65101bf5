#define _GNU_SOURCE
#include "plan/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

struct entry {
	struct plan_event event;
	struct entry *next;
};

struct plan_queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct entry *first, **last;
	int workers;
};

struct plan_queue *plan_queue_new(void)
{
	struct plan_queue *q = calloc(1, sizeof(*q));

	if (!q)
		abort();
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->changed, NULL);
	q->last = &q->first;
	return q;
}

void plan_queue_free(struct plan_queue *q)
{
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->changed);
	free(q);
}

static const char *copy(const char *s)
{
	char *c = s ? strdup(s) : NULL;

	if (s && !c)
		abort();
	return c;
}

static void free_entry(struct entry *e)
{
	free((char *)e->event.text);
	free((char *)e->event.more);
	free((char *)e->event.node);
	free(e);
}

void plan_queue_push(struct plan *p, const struct plan_event *event)
{
	struct plan_queue *q = p->queue;
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	e->event = *event;
	e->event.text = copy(event->text);
	e->event.more = copy(event->more);
	e->event.node = copy(event->node);
	e->event.phase = p->phase;
	e->event.ms = clock_ms() - p->start_ms;
	pthread_mutex_lock(&q->lock);
	*q->last = e;
	q->last = &e->next;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

void plan_queue_enter(struct plan_queue *q, int workers)
{
	pthread_mutex_lock(&q->lock);
	q->workers += workers;
	pthread_mutex_unlock(&q->lock);
}

void plan_queue_leave(struct plan_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->workers--;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

/* Waits a tenth of a second at most; NULL with *over false is a tick. */
static struct entry *pop(struct plan_queue *q, bool *over)
{
	struct timespec until;
	struct entry *e;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&q->lock);
	while (!q->first && q->workers)
		if (pthread_cond_timedwait(&q->changed, &q->lock, &until) == ETIMEDOUT)
			break;
	e = q->first;
	*over = !e && !q->workers;
	if (e) {
		q->first = e->next;
		if (!q->first)
			q->last = &q->first;
	}
	pthread_mutex_unlock(&q->lock);
	return e;
}

void plan_queue_drain(struct plan *p)
{
	bool over;

	do {
		struct entry *e = pop(p->queue, &over);

		if (e && p->observer.event)
			p->observer.event(p->observer.ctx, &e->event);
		else if (!e && !over && p->observer.tick)
			p->observer.tick(p->observer.ctx);
		if (e)
			free_entry(e);
	} while (!over);
}
