/* One request to the API and its answer. */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include <jansson.h>

#include "base/clock.h"
#include "kube/kube.h"

static inline void free_json_(json_t **j) { json_decref(*j); }
#define auto_json AUTO(free_json_)

struct kube_config;

/* kube_open from what is read already; takes config over. */
struct kube *kube_open_config(struct kube_config *config, const struct kube_dial *dial);

/* From now on the direct way is not tried, where there is a dial. */
void kube_tunnel_only(struct kube *k);

struct kube_request {
	const char *method, *path; /* path: begins with a slash, may have a query */
	const char *type;          /* of body; NULL: JSON */
	const char *body;          /* NULL: none */
	size_t len;
	bool metadata_only;        /* the answer without the object's content: for secrets */
	int timeout_ms;            /* 0: 15 s */
};

struct kube_answer {
	int status;  /* of HTTP */
	struct buf body;
};
void kube_answer_release(struct kube_answer *a); /* wipes */
#define auto_answer AUTO(kube_answer_release)

/* 0: the server answered, whatever it said. */
int kube_request(struct kube *k, const struct kube_request *q, struct kube_answer *a,
		 struct err *err) MUST_CHECK;

/* Sets err from an answer that is no success; returns -1. */
int kube_refused(struct kube *k, const struct kube_request *q, const struct kube_answer *a,
		 struct err *err);

/* The answer's JSON object; NULL on failure.  Caller frees. */
json_t *kube_parse(struct kube *k, const struct kube_request *q, const struct kube_answer *a,
		   struct err *err) MUST_CHECK;

/* May the same request succeed a moment later?  A conflict with another writer, etcd choosing a
 * leader, a server that is busy or just starting. */
bool kube_passing(int status);

/* The same after a request that got no answer: has this server answered before, and was only the
 * connection lost?  Then the VIP moved, or the API server is started again. */
bool kube_may_return(const struct kube *k);

/* How long such a server is waited for, and one pause of it; false: no longer, or the run ends. */
struct clock_poll kube_patience(void);
bool kube_pause(const struct kube *k, struct clock_poll *poll);

/* "/api/v1/nodes/" "m1" -> "/api/v1/nodes/m1", name percent-encoded.  Caller frees. */
char *kube_path(const char *prefix, const char *name);

/* Sends q until the server is able to answer it; q may have been carried out by a try that failed. */
int kube_send_patiently(struct kube *k, const struct kube_request *q, struct kube_answer *a, int *tries,
			struct err *err) MUST_CHECK;

#endif
