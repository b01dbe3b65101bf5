/*
 * What a run looks like: a table that fills in on a terminal, plain lines without one, one JSON
 * object per event for scripts.  Nothing that a node said reaches the terminal with its control
 * characters.
 */
#ifndef TERM_TERM_H
#define TERM_TERM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/err.h"

enum term_format { TERM_AUTO, TERM_PLAIN, TERM_JSON };

struct term; /* one run's display */

/* nodes ends in NULL; they are the rows of the table.  TERM_AUTO is the table when stderr is a
 * terminal that can redraw, else plain.  Text goes to stderr, JSON to stdout. */
struct term *term_new(enum term_format format, const char *command, const char *const *nodes);
void term_free(struct term *t);

enum term_mark { TERM_RUNNING, TERM_SAME, TERM_CHANGED, TERM_WOULD, TERM_FAILED, TERM_LOOKED };

/* One thing that happened.  kind names it in JSON: phase, step, progress, problem, warning, note,
 * diff; texts may be NULL. */
struct term_event {
	const char *kind, *phase, *node, *step, *title, *text, *more, *state;
	enum term_mark mark;
	int64_t ms;
	int step_ms;
};
void term_event(struct term *t, const struct term_event *e);
void term_tick(struct term *t);
/* Takes away what would be redrawn, so that something else can be written; the next event or tick
 * brings it back. */
void term_hide(struct term *t);

/* The end of a run, err NULL for success.  JSON: {"event":"result", ...}. */
struct term_result {
	const struct err *err;
	bool changed, would_change, dry_run;
	int problems, exit_status;
	double seconds;
	const char *summary; /* for people */
	const char *log;     /* a file; JSON only; may be NULL */
};
void term_result(struct term *t, const struct term_result *r);

/* A JSON string; bytes that are no UTF-8 become U+FFFD, so that nothing is lost for them. */
json_t *term_json_text(const char *s, size_t len);

/* Writes text with control characters (but newline and tab) as '?'. */
void term_print_safe(FILE *out, const char *text);

#endif
