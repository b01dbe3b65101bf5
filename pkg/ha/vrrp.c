#include "ha/ha.h"

#include <assert.h>

/*
 * Priorities fall by a step from the first node to the last, and a failed check takes one step
 * more than the whole spread away: then a failed node lies below every healthy one, whatever
 * the combination.  A backup waits three adverts and (256 - priority) / 256 s: high priorities
 * make that short, a wide step lets the first one be heard before the next one's time is up (a
 * step of 10, 39 ms, was seen to be too little on a busy machine).
 */
enum { TOP = 250, LOWEST = 1, WIDEST_STEP = 20 };

/* The lowest priority there is: TOP - (npeers - 1) * step - npeers * step. */
static int step_for(size_t npeers)
{
	int step = (TOP - LOWEST) / (2 * (int)npeers - 1);

	return step < WIDEST_STEP ? step : WIDEST_STEP;
}

size_t ha_max_peers(void)
{
	return (TOP - LOWEST + 1) / 2;
}

int ha_priority(size_t npeers, size_t self)
{
	assert(self < npeers && npeers <= ha_max_peers());
	return TOP - (int)self * step_for(npeers);
}

int ha_weight(size_t npeers)
{
	assert(npeers && npeers <= ha_max_peers());
	return -(int)npeers * step_for(npeers);
}

int ha_holder(const enum ha_state *states, size_t npeers)
{
	int holder = -1, highest = 0;

	for (size_t i = 0; i < npeers; i++) {
		int priority = ha_priority(npeers, i);

		if (states[i] == HA_API_DOWN)
			priority += ha_weight(npeers);
		if (states[i] != HA_NODE_DOWN && priority > highest) {
			highest = priority;
			holder = (int)i;
		}
	}
	return holder;
}
