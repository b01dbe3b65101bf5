#include "ha/ha.h"

#include <assert.h>
#include <string.h>

/* RFC 3768 and RFC 5798: three adverts may be missed, then the higher priority is the first. */
enum { MISSED_ADVERTS = 3 };

static const struct {
	const char *name, *text;
	enum ha_state becomes; /* of the holder; HA_HEALTHY: stays what it is */
} events[HA_EVENTS] = {
	[HA_KEEPALIVED_STOPS] = { "keepalivedStops", "keepalived stops", HA_NODE_DOWN },
	[HA_API_STOPS] = { "apiStops", "the API server stops", HA_API_DOWN },
	[HA_API_HANGS] = { "apiHangs", "the API server hangs", HA_API_DOWN },
	[HA_POWER_CUT] = { "powerCut", "power cut", HA_NODE_DOWN },
	[HA_NETWORK_CUT] = { "networkCut", "network cut", HA_NODE_DOWN },
	[HA_NETWORK_MENDED] = { "networkMended", "network mended", HA_HEALTHY },
	[HA_NODE_RETURNS] = { "nodeReturns", "a node returns", HA_HEALTHY },
};

const char *ha_event_name(enum ha_event e)
{
	return events[e].name;
}

bool ha_takes_member(enum ha_event e)
{
	return e == HA_POWER_CUT || e == HA_NETWORK_CUT;
}

const char *ha_event_text(enum ha_event e)
{
	return events[e].text;
}

/* What a backup waits beyond the adverts; rounded up. */
static int skew_ms(const struct ha_timing *t, size_t npeers, int self, enum ha_state state)
{
	int priority = ha_priority(npeers, (size_t)self) + (state == HA_API_DOWN ? ha_weight(npeers) : 0);
	int whole = t->version == 3 ? t->advert_ms : 1000;

	return ((256 - priority) * whole + 255) / 256;
}

/* How long a failure of the API server stays unnoticed, at most: until the next look; or until the
 * next run asks, and its patience is over, and the look after that. */
static int notice_ms(const struct ha_timing *t, enum ha_event e)
{
	if (e == HA_API_STOPS)
		return t->check_ms;
	return e == HA_API_HANGS ? ha_run_ms(t) + t->fall * 1000 + t->check_ms : 0;
}

/* After a network cut two nodes carry the VIP, and the next advert makes one give it up: the one that was
 * cut off, which has lost its bonus (when it was cut off for longer than HA_ALONE_S; before, and with preempt,
 * it is that of lower priority).
 * A node that returns takes nothing, or takes it from a holder that is there until then. */
static int holder_meanwhile(const enum ha_state *states, size_t npeers, int cut_off)
{
	enum ha_state others[HA_PEERS_MAX];

	memcpy(others, states, npeers * sizeof(*others));
	others[cut_off] = HA_NODE_DOWN;
	return ha_holder(others, npeers, -1);
}

static struct ha_outage predict_return(const struct ha_timing *t, enum ha_event e,
				       const enum ha_state *states, size_t npeers, int holder)
{
	int current = t->preempt ? -1 : e == HA_NETWORK_MENDED ? holder_meanwhile(states, npeers, holder) : holder;

	return (struct ha_outage){ .holder = ha_holder(states, npeers, current),
				   .max_ms = e == HA_NETWORK_MENDED ? t->advert_ms + HA_SLACK_MS :
					     t->preempt ? HA_SLACK_MS : 0 };
}

struct ha_outage ha_predict(const struct ha_timing *t, enum ha_event e, const enum ha_state *states,
			    size_t npeers, int holder)
{
	enum ha_state after[HA_PEERS_MAX];
	struct ha_outage o = { 0 };
	int skew;

	assert(npeers <= ha_max_peers() && holder >= 0 && (size_t)holder < npeers);
	if (events[e].becomes == HA_HEALTHY)
		return predict_return(t, e, states, npeers, holder);
	memcpy(after, states, npeers * sizeof(*after));
	after[holder] = events[e].becomes;
	o.holder = ha_holder(after, npeers, t->preempt ? -1 : holder);
	if (o.holder < 0 || after[o.holder] != HA_HEALTHY) {
		o.min_ms = o.max_ms = HA_UNTIL_MENDED;
		return o;
	}
	skew = skew_ms(t, npeers, o.holder, after[o.holder]);
	o.max_ms = notice_ms(t, e) + skew + HA_SLACK_MS;
	if (e != HA_KEEPALIVED_STOPS) { /* which says so */
		o.min_ms = (MISSED_ADVERTS - 1) * t->advert_ms + skew;
		o.max_ms += MISSED_ADVERTS * t->advert_ms;
	}
	if (e == HA_API_HANGS)
		o.min_ms += t->fall * 1000;
	return o;
}

static bool any_healthy(const enum ha_state *states, size_t npeers)
{
	for (size_t i = 0; i < npeers; i++)
		if (states[i] == HA_HEALTHY)
			return true;
	return false;
}

/* Counts through the states as through the digits of a number. */
static bool next_states(enum ha_state *states, size_t npeers)
{
	for (size_t i = 0; i < npeers; i++) {
		if (states[i] != HA_NODE_DOWN) {
			states[i]++;
			return true;
		}
		states[i] = HA_HEALTHY;
	}
	return false;
}

long ha_prove(size_t npeers, bool preempt)
{
	enum ha_state states[HA_PROOF_MAX] = { HA_HEALTHY };
	long n = 0;

	assert(npeers && npeers <= HA_PROOF_MAX);
	do {
		n++;
		for (int before = -1; before < (int)npeers && any_healthy(states, npeers); before++) {
			int holder = ha_holder(states, npeers, preempt ? -1 : before);

			if (states[holder] != HA_HEALTHY)
				return 0;
			if (!preempt && before >= 0 && states[before] == HA_HEALTHY && holder != before)
				return 0;
		}
	} while (next_states(states, npeers));
	return n;
}
