/*
 * A failover rehearsed: one thing of the node that holds the virtual IP is broken over SSH and
 * mended again, while the endpoint, every node's own API server and the holder are watched.
 *
 * Whatever is broken, something that mends it stands ready before: on the node a timer of
 * systemd's, on this machine (power) a process that outlives this one.
 */
#ifndef STEPS_DRILL_H
#define STEPS_DRILL_H

#include "probe/probe.h"
#include "steps/steps.h"

enum drill_kind { DRILL_STOP, DRILL_API, DRILL_NETWORK, DRILL_POWER };
#define DRILL_KINDS 4
#define DRILL_LIMIT_MS 900 /* an answer that takes longer is none */
const char *drill_kind_name(enum drill_kind kind);

/* Numbers that stand where the number of a node could. */
enum { DRILL_NOBODY = -1, DRILL_SEVERAL = -2, DRILL_UNKNOWN = -3 };

/* From ms on node has the virtual IP, has not, or (holds < 0) cannot be asked. */
struct drill_holding {
	int64_t ms;
	int node, holds;
};
struct drill_holdings {
	struct drill_holding *v; /* in the order of ms */
	size_t n;
};

/* One scenario.  Times are clock_ms(). */
struct drill_result {
	enum drill_kind kind;
	int node;              /* that was broken: an index of the drill's nodes */
	int leads_etcd;        /* it led etcd: 1, 0, or -1 for not known */
	int64_t begin_ms, break_ms;
	int64_t struck_ms;     /* when the broken part was seen not to answer */
	int64_t mend_ms, whole_ms; /* 0: not reached; all nodes answered again */
	int64_t end_ms;
	struct probe_gaps broken, mended; /* gone before and after mend_ms */
	int64_t silent_ms;     /* longest time without an answer, whether or not another node answered */
	struct probe_counts counts; /* of requests to the endpoint, break_ms to end_ms */
	int before, during, after;  /* who held it; during: last before mend_ms */
	int switches;          /* times that the holder was another than before */
};
void drill_result_release(struct drill_result *r);

struct drill_options {
	int every_ms;          /* between requests to the endpoint */
	int hold_ms;           /* how long something stays broken at most once it struck */
	int settle_ms;         /* how long is watched after all is whole again */
	bool sysrq;            /* power: reset the node by its kernel; else drill.powerCommand */
	/* What happens now, for people; node may be NULL.  On the calling thread. */
	void (*say)(void *ctx, const char *scenario, const char *node, const char *text);
	void *ctx;
};

struct drill;

/* Watches from now on.  The run has a cluster; only its control-plane nodes matter. */
struct drill *drill_open(struct steps_run *run, const struct drill_options *o, struct err *err) MUST_CHECK;
void drill_close(struct drill *d); /* NULL is fine */

/* Refuses what must not be tried now: ERR_QUORUM where it would cost the cluster its quorum,
 * ERR_UNHEALTHY where something is broken already, ERR_CONFIG and ERR_USAGE where it cannot be done. */
int drill_check(struct drill *d, enum drill_kind kind, struct err *err) MUST_CHECK;

/* The rule alone: may a node be taken away of members, of which healthy are well?  NULL: yes. */
const char *drill_refusal(enum drill_kind kind, int members, int healthy, enum err_kind *as);

/* Checks, breaks, mends.  r is good also when mending or the end went wrong (err tells it), as far
 * as break_ms is not 0.  Interrupted, it mends and returns ERR_INTERRUPTED. */
int drill_run(struct drill *d, enum drill_kind kind, struct drill_result *r, struct err *err) MUST_CHECK;

size_t drill_nodes(const struct drill *d);
const char *drill_node_name(const struct drill *d, int node);
const char *drill_node_address(const struct drill *d, int node);
/* What has been seen since from_ms; target 0 is the endpoint, i + 1 node i. */
void drill_read(struct drill *d, int64_t from_ms, struct probe_log *out);
/* All of it; caller frees v. */
struct drill_holdings drill_holdings(struct drill *d);

/* ---- pure, for tests ---- */

/* Who holds it at ms; what node except (DRILL_NOBODY: none) says of itself does not count. */
int drill_holder_at(const struct drill_holdings *h, size_t nnodes, int except, int64_t ms);
/* What a scenario that went well otherwise may not do; NULL: it did not. */
const char *drill_holder_problem(const struct drill_result *r);
/* How often the holder became another node in (from, to]. */
int drill_switches(const struct drill_holdings *h, size_t nnodes, int except, int64_t from_ms,
		   int64_t to_ms);

#endif
