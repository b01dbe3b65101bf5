/*
 * Why a node failed, from what it says of itself: the report of templates/diagnose.sh in, one
 * cause with its remedy out.  Rules stand in one table, the most telling first: the first that
 * matches a line of the report is the likely cause.  Pure text: no node is touched.
 */
#ifndef CAUSE_CAUSE_H
#define CAUSE_CAUSE_H

#include <stdbool.h>

#include "base/buf.h"

/* A report is made of sections, each begun by a line "== NAME". */
struct cause {
	const char *id;     /* a stable name for scripts: "swap-on" */
	char *text;         /* what is wrong, in one line */
	const char *remedy; /* what to do, in one line */
	char *section;      /* of the report, where it was seen */
	char *evidence;     /* the line, without control characters, cut at 300 */
};
#define CAUSE_INIT { NULL, NULL, NULL, NULL, NULL }
#define auto_cause AUTO(cause_release)

/* false: nothing known matches. */
bool cause_find(const char *report, size_t len, struct cause *c);
void cause_release(struct cause *c);

/* All rules, for the manual.  Text and remedy: "{1}" stands for what differs. */
struct cause_entry {
	const char *id, *text, *remedy;
	const char *section; /* of the report, where it is looked for; NULL: anywhere */
	bool seen;           /* on a node that was broken on purpose: tests/lab/scenario-causes.sh */
};
/* The ith; false: there is none.  Appends to symptom (may be NULL) the words that are looked for;
 * "..." where anything may stand. */
bool cause_rule(size_t i, struct cause_entry *e, struct buf *symptom);

#endif
