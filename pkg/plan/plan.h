/*
 * The engine: phases of steps over nodes, on a bounded pool of threads.
 *
 * A step is check, apply, check: what is done already is left alone, so the same run again
 * changes nothing and a broken run goes on, and most steps may be done again when their connection was lost.  A phase ends before the next begins; when a node
 * failed in it, no later phase starts (but those marked always).  Nothing here prints: events go
 * to an observer, which is only ever called on the thread that called plan_run().
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strs.h"

struct plan;

/* What a step works on.  The caller fills name and data. */
struct plan_node {
	const char *name;
	void *data;
	struct plan *plan;
	bool failed, changed;
	struct strs done; /* titles of the steps that changed it: what an interrupted run tells */
};

struct plan_step {
	const char *name;  /* "keepalived-config": a stable name for scripts; NULL ends a list */
	const char *title; /* "keepalived configuration" */
	bool (*applies)(const struct plan_node *n); /* NULL: always */
	/* *done: nothing to do.  It never changes the node. */
	int (*check)(struct plan_node *n, bool *done, struct err *err);
	/* NULL: a step that only looks.  Not called in a dry run. */
	int (*apply)(struct plan_node *n, struct err *err);
	bool repeatable;  /* may be done once more when its connection was lost: it remembers nothing of the first try */
	int max_parallel; /* nodes that may be in apply at a time; 0: as many as the pool has */
};

enum plan_scope {
	PLAN_EVERY_NODE, /* steps one after the other per node, nodes at the same time */
	PLAN_ONCE,       /* on the first node only; the step may use all nodes meanwhile */
};

struct plan_phase {
	const char *name;
	enum plan_scope scope;
	const struct plan_step *steps;
	bool unbounded; /* a thread for each node: for connecting, which mostly waits */
	bool despite_failure; /* also after a failure: for what only looks */
	bool decisive;  /* when it fails, only what is marked always goes on */
	bool always;    /* also after a failure or an interrupt: for what must be undone */
};

enum plan_event_type {
	PLAN_PHASE,   /* a phase begins */
	PLAN_STEP,    /* a step's state changed */
	PLAN_PROGRESS,/* text: where in a long step a node is ("certs") */
	PLAN_PROBLEM, /* text: what is wrong; more: what to do about it */
	PLAN_WARNING,
	PLAN_NOTE,    /* something a person wants to know */
	PLAN_DIFF,    /* text: a unified diff of what would be or was written */
};

enum plan_state { PLAN_RUNNING, PLAN_UNCHANGED, PLAN_CHANGED, PLAN_WOULD_CHANGE, PLAN_FAILED, PLAN_LOOKED };
const char *plan_state_name(enum plan_state s);

struct plan_event {
	enum plan_event_type type;
	enum plan_state state;   /* of PLAN_STEP */
	const char *phase, *node, *step, *title; /* may be NULL */
	const char *text, *more; /* may be NULL; on PLAN_FAILED text is the error */
	int64_t ms;              /* since the run began */
	int step_ms;             /* how long the step took; on its last state */
};

struct plan_observer {
	void (*event)(void *ctx, const struct plan_event *e);
	void (*tick)(void *ctx); /* ten times a second while a phase runs; may be NULL */
	void *ctx;
};

struct plan {
	struct plan_node *nodes;
	size_t n;
	struct plan_observer observer;
	int parallel;            /* 0: plan_parallel() */
	bool dry_run;
	const int *stop;         /* set by a signal: no further step begins; may be NULL */
	/* A repeatable step failed with ERR_CONNECT, on n or, in a phase for all, n NULL: true when that is mended,
	 * and the step shall be tried once more; else it may say more in err.  Called on the step's thread; may be NULL. */
	bool (*mend)(struct plan *p, struct plan_node *n, struct err *err);

	bool changed, would_change; /* results */
	int nproblems;
	struct plan_queue *queue; /* the engine's own */
	const char *phase;
	int64_t start_ms;
	bool decided;     /* a decisive phase failed */
	struct err first; /* the failure that counts */
	size_t nfailed;   /* nodes, and steps that concern all */
};

/* How many nodes are worked on at a time when nobody says: by cores and by files that may be open. */
int plan_parallel(void);

/* Lets this process have as many files open as so many connections take, if the system allows it;
 * -1: it cannot work on so many nodes. */
int plan_raise_limits(size_t nodes, struct err *err) MUST_CHECK;

/* Is the run to end?  For steps that wait. */
bool plan_stopped(const struct plan *p);

/* Runs the phases (ends in NULL) over the plan's nodes.  The error is that of the node that
 * failed first, with its name in front. */
int plan_run(struct plan *p, const struct plan_phase *const *phases, struct err *err) MUST_CHECK;

/* From inside a step, on any thread; node may be NULL for what concerns all. */
void plan_progress(struct plan_node *n, const char *step, const char *text);
void plan_problem(struct plan *p, const char *node, const char *fix, const char *fmt, ...) PRINTF(4, 5);
void plan_warn(struct plan *p, const char *node, const char *fmt, ...) PRINTF(3, 4);
void plan_note(struct plan *p, const char *node, const char *fmt, ...) PRINTF(3, 4);
void plan_diff(struct plan_node *n, const char *diff);

#endif
