#include "ha/ha.h"

#include <assert.h>

/*
 * Priorities fall by a step from the first node to the last.  Whoever holds the virtual IP has a
 * bonus of more than the whole spread: a node that comes back does not take it from a healthy
 * holder, as each move cuts the connections that are open.  A failed check takes more away than
 * spread and bonus together: a failed node lies below every healthy one, whoever holds the VIP.
 *
 * A backup waits three adverts and (256 - priority) / 256 of an advert more (of a second with
 * version 2): high priorities make that short, a wide step lets the first one be heard before the
 * next one's time is up.  Two that are up at the same moment hear each other with the first advert.
 */
enum { TOP = 254, LOWEST = 1, MARGIN = 5, WIDEST_STEP = 29 };

/* With S the spread: TOP - (S + MARGIN) - S - (2 S + 2 MARGIN) is the lowest priority there is. */
static int widest_spread(void)
{
	return (TOP - LOWEST - 3 * MARGIN) / 4;
}

static int step_for(size_t npeers)
{
	int step = npeers > 1 ? widest_spread() / ((int)npeers - 1) : WIDEST_STEP;

	return step < WIDEST_STEP ? step : WIDEST_STEP;
}

static int spread(size_t npeers)
{
	return ((int)npeers - 1) * step_for(npeers);
}

size_t ha_max_peers(void)
{
	return (size_t)widest_spread() + 1;
}

int ha_bonus(size_t npeers)
{
	assert(npeers && npeers <= ha_max_peers());
	return spread(npeers) + MARGIN;
}

int ha_priority(size_t npeers, size_t self)
{
	assert(self < npeers && npeers <= ha_max_peers());
	return TOP - ha_bonus(npeers) - (int)self * step_for(npeers);
}

int ha_weight(size_t npeers)
{
	return -(spread(npeers) + ha_bonus(npeers) + MARGIN);
}

int ha_holder(const enum ha_state *states, size_t npeers, int current)
{
	int holder = -1, highest = 0;

	for (size_t i = 0; i < npeers; i++) {
		int priority = ha_priority(npeers, i);

		if (states[i] == HA_API_DOWN)
			priority += ha_weight(npeers);
		if ((int)i == current)
			priority += ha_bonus(npeers);
		if (states[i] != HA_NODE_DOWN && priority > highest) {
			highest = priority;
			holder = (int)i;
		}
	}
	return holder;
}
