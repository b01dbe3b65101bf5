/*
 * Watches HTTPS servers: requests on fresh connections at a fixed rate, none of which waits for
 * an earlier one, each kept with its time, its duration and its result; and the arithmetic that
 * makes outages of them.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum probe_result {
	PROBE_OK,      /* answered: 200, or 401 and 403, with which a living server refuses anonymous callers */
	PROBE_SICK,    /* any other HTTP status */
	PROBE_REFUSED, /* no connection */
	PROBE_LOST,    /* the connection ended before the answer */
	PROBE_FOREIGN, /* somebody answers whose certificate is not this cluster's */
	PROBE_TIMEOUT,
};
const char *probe_result_name(enum probe_result r);

struct probe_sample {
	int64_t ms;    /* clock_ms() when it began */
	int took_ms;   /* until its answer, or its failure */
	uint8_t target;
	uint8_t result; /* enum probe_result */
};

struct probe_log {
	struct probe_sample *v;
	size_t n, cap;
};
void probe_log_add(struct probe_log *l, struct probe_sample s);
/* By the time they began, as the arithmetic wants them. */
void probe_log_sort(struct probe_log *l);
void probe_log_release(struct probe_log *l);
#define auto_probe_log AUTO(probe_log_release)

/* ---- arithmetic: logs are sorted ---- */

/* A time during which nobody who asked target 0 got an answer: from the begin of the first request
 * that failed to the first answer to one that began later. */
struct probe_gap {
	int64_t from_ms, to_ms;
	bool open; /* no answer came: to_ms is the end of the log's window */
};
struct probe_gaps {
	struct probe_gap *v;
	size_t n;
	int64_t longest_ms, sum_ms;
};
void probe_gaps_release(struct probe_gaps *g);
#define auto_probe_gaps AUTO(probe_gaps_release)

enum probe_judge {
	PROBE_GONE,   /* only failures while another target answered: a watcher that is too slow, or
		       * cut off itself, does not count */
	PROBE_SILENT, /* every failure */
};

/* Gaps that begin in [from_ms, to_ms).  What out held is replaced. */
void probe_outages(const struct probe_log *l, int64_t from_ms, int64_t to_ms, enum probe_judge judge,
		   struct probe_gaps *out);

/* Takes the gaps that begin at ms or later away into later. */
void probe_gaps_split(struct probe_gaps *g, int64_t ms, struct probe_gaps *later);

struct probe_counts {
	int requests, failed, slow; /* slow: answered, but after more than PROBE_SLOW_MS */
	int median_ms, max_ms;      /* of those answered; 0 when none was */
};
#define PROBE_SLOW_MS 250
struct probe_counts probe_count(const struct probe_log *l, unsigned target, int64_t from_ms, int64_t to_ms);

/* Has target answered since from_ms, every time and lastly not before fresh_ms? */
bool probe_steady(const struct probe_log *l, unsigned target, int64_t from_ms, int64_t fresh_ms);

/* ---- the watcher ---- */

#define PROBE_TARGETS_MAX 32

struct probe_target {
	const char *host; /* what is connected to: numeric, or a name */
	int port;
	const char *path; /* "/livez" */
	int every_ms;
};

struct probe_options {
	const struct probe_target *targets; /* the first is the one whose outages count */
	size_t n;
	const char *name;     /* that certificates must hold */
	const struct buf *ca; /* PEM: whom certificates must come from */
	int limit_ms;         /* for a request in all.  Below a second: a lost first packet is sent again after
			       * one, and such a request has not been answered in time */
};

struct probe;

/* Starts; options are copied.  kube_init() was called. */
struct probe *probe_open(const struct probe_options *o, struct err *err) MUST_CHECK;
/* Adds what began since from_ms and has ended to out, sorted. */
void probe_read(struct probe *p, int64_t from_ms, struct probe_log *out);
void probe_close(struct probe *p); /* NULL is fine */

#endif
