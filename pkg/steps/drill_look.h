/* The state of a drill and of what it drills; private to the drill. */
#ifndef STEPS_DRILL_LOOK_H
#define STEPS_DRILL_LOOK_H

#include "steps/drill.h"

struct drill {
	struct steps_run *run;
	struct drill_options opt;
	struct steps_node *nodes[PROBE_TARGETS_MAX];
	size_t n;
	struct probe *probe;
	struct drill_watch *watch;
	int64_t open_ms;
	int holder; /* as drill_check saw it */
	int leads;  /* whether that one leads etcd; -1: not known */
	bool booted; /* the node whose power was cut can be reached again */
};

/* What a node says of itself. */
struct drill_look {
	bool carrier; /* what carries the virtual IP runs */
	bool holds, drill; /* drill: the remains of one */
	int leads; /* etcd; -1: not known */
};
int drill_look(struct steps_node *n, struct drill_look *look, struct err *err) MUST_CHECK;

/* /livez of the node's own API server, its etcd included. */
bool drill_api_is_well(struct drill *d, int node, struct err *err);

#endif
