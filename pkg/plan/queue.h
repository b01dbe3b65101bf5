/* Events on their way from the threads of a phase to the one that draws. */
#ifndef PLAN_QUEUE_H
#define PLAN_QUEUE_H

#include "plan/plan.h"

struct plan_queue *plan_queue_new(void);
void plan_queue_free(struct plan_queue *q);

/* Copies e's strings; fills in the time and the phase of p. */
void plan_queue_push(struct plan *p, const struct plan_event *e);

/* Workers say when they begin and end, so that the drain knows when a phase is over. */
void plan_queue_enter(struct plan_queue *q, int workers);
void plan_queue_leave(struct plan_queue *q);

/* Hands events to the observer until every worker has left and the queue is empty. */
void plan_queue_drain(struct plan *p);

#endif
