/* Who carries the virtual IP at this moment, asked on the nodes themselves: cheap enough to be
 * asked several times a second over sessions that are open. */
#ifndef STEPS_HOLDER_H
#define STEPS_HOLDER_H

#include <stdbool.h>

#include "base/err.h"
#include "remote/remote.h"

struct steps_run;

/* Is the address on an interface of the machine?  One round trip; at most timeout_ms (0: 3 s). */
int steps_holds(struct remote *r, const char *vip, int timeout_ms, bool *holds, struct err *err) MUST_CHECK;

/* The connected control-plane nodes, all asked at the same time.  Each entry of holds and asked
 * (run->n of them) is a node's of the run: asked tells that the node answered.  Returns how many
 * hold it. */
int steps_find_holders(struct steps_run *run, int timeout_ms, bool *holds, bool *asked);

#endif
