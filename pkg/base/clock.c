#define _GNU_SOURCE
#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

struct clock_poll clock_poll_start(int timeout_ms, int max_ms)
{
	return (struct clock_poll){ clock_ms() + timeout_ms, 20, max_ms };
}

bool clock_poll_pause(struct clock_poll *p)
{
	int64_t left = p->deadline_ms - clock_ms();
	int64_t pause = p->pause_ms < left ? p->pause_ms : left;

	if (left <= 0)
		return false;
	nanosleep(&(struct timespec){ pause / 1000, pause % 1000 * 1000000 }, NULL);
	p->pause_ms = p->pause_ms * 3 / 2 < p->max_ms ? p->pause_ms * 3 / 2 : p->max_ms;
	return true;
}
