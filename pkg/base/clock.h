/* Time for waiting: a clock that never jumps, and polling that backs off instead of sleeping. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since an arbitrary moment. */
int64_t clock_ms(void);

/* Milliseconds of wall time since 1970. */
int64_t clock_wall_ms(void);

/* Polls with pauses that grow from 20 ms to max_ms; false when the deadline has passed.
 *	struct clock_poll p = clock_poll_start(30000, 250);
 *	do { if (ready()) return 0; } while (clock_poll_pause(&p)); */
struct clock_poll {
	int64_t deadline_ms;
	int pause_ms, max_ms;
};

struct clock_poll clock_poll_start(int timeout_ms, int max_ms);
bool clock_poll_pause(struct clock_poll *p);

#endif
