/* Breaking and mending, with what mends when this program cannot; private to the drill. */
#ifndef STEPS_DRILL_BREAK_H
#define STEPS_DRILL_BREAK_H

#include "steps/drill.h"

/* Something that is broken, or about to be. */
struct drill_damage {
	struct steps_node *node;
	enum drill_kind kind;
	bool sysrq;
	int seconds;        /* after which the node mends itself */
	int64_t armed_ms;
	char note[400];     /* what of the damage could not be done; empty: all was */
	struct drill_power *power; /* of DRILL_POWER by command */
};

/* On failure nothing is broken, as far as that can be known; mending does no harm. */
int drill_break(struct drill_damage *dm, struct err *err) MUST_CHECK;
/* Mends, over a new connection if need be; also what the timer has mended. */
int drill_mend(struct drill_damage *dm, struct err *err) MUST_CHECK;

/* Another session to the node in place of the one that is broken. */
int drill_reconnect(struct steps_node *n, struct err *err) MUST_CHECK;

/* A process that switches the node on again as soon as this one is gone. */
struct drill_power *drill_power_guard(const char *command, const char *node, struct err *err) MUST_CHECK;
void drill_power_release(struct drill_power *p); /* without switching; NULL is fine */
/* Runs the command; what: on, off. */
int drill_power_run(const char *command, const char *what, const char *node, struct err *err) MUST_CHECK;

#endif
