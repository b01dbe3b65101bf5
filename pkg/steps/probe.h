/*
 * What only trying tells: do the nodes' packets get through to each other, who else speaks VRRP
 * there, how fast is etcd's disk.  All nodes try at the same time, each in one round trip: they
 * listen on ports that nobody listens on yet, and connect to those of the others.
 */
#ifndef STEPS_PROBE_H
#define STEPS_PROBE_H

#include "steps/steps.h"

enum probe_result {
	PROBE_NOT_MADE,
	PROBE_OPEN,
	PROBE_REFUSED, /* rejected on the way: somebody listened there */
	PROBE_SILENT,  /* dropped on the way */
	PROBE_ERROR,   /* no route and the like */
};

/* What one node tried. */
struct steps_probe {
	char *why_not;         /* the network was not tried; NULL: it was */
	bool speaks_vrrp;      /* protocol 112 could be tried */
	struct strs listening; /* ports that it could not listen on, "6443 Address already in use" */
	struct strs opened;    /* "10.0.0.12 6443 ok" */
	struct strs heard;     /* addresses whose protocol 112 came through */
	struct strs vrrp;      /* adverts that were heard: "10.0.0.77 51 2": from, router ID, version */
	int writes;            /* to the disk; 0: not tried */
	double write_ms, write_p99_ms; /* median, 99th percentile */
};

#define PROBE_PORTS 5

/* Tries all nodes that were seen; pairs that fail are tried once more. */
void steps_try_network(struct steps_run *run);
void steps_probe_free(struct steps_probe *p); /* NULL is fine */

/* What the script prints; for tests. */
struct steps_probe *steps_probe_parse(const char *text);

/* The ports that `to` must offer to `from`, PROBE_PORTS at most; returns how many. */
size_t steps_probe_ports(const struct steps_node *from, const struct steps_node *to, int ports[PROBE_PORTS]);
enum probe_result steps_probe_port(const struct steps_node *from, const struct steps_node *to, int port);
/* Protocol 112 between two control-plane nodes. */
enum probe_result steps_probe_vrrp(const struct steps_node *from, const struct steps_node *to);
/* The endpoint, from a node, when there is a cluster behind it. */
enum probe_result steps_probe_endpoint(const struct steps_node *from);

/* Problems and warnings of all that was tried, told through the plan. */
void steps_judge_probes(struct steps_run *run);

#endif
