/* Who holds the virtual IP, watched over an own SSH session per node; private to the drill. */
#ifndef STEPS_DRILL_WATCH_H
#define STEPS_DRILL_WATCH_H

#include "steps/drill.h"

struct drill_watch;

struct drill_watch *drill_watch_open(struct steps_run *run, struct steps_node **nodes, size_t n);
/* Ends within some seconds. */
void drill_watch_close(struct drill_watch *w);
struct drill_holdings drill_watch_read(struct drill_watch *w);

#endif
