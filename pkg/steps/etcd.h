/* The members of etcd as the nodes' own ones tell, and what may be done to them. */
#ifndef STEPS_ETCD_H
#define STEPS_ETCD_H

#include "kube/etcd.h"
#include "steps/steps.h"

#define STEPS_ETCD_PORT 2379

/* PEM texts that a client of etcd needs, wiped at the end. */
struct steps_etcd_keys {
	struct buf ca, cert, key;
};
void steps_etcd_keys_release(struct steps_etcd_keys *k);
#define auto_etcd_keys AUTO(steps_etcd_keys_release)

/* Reads kubeadm's health check client from a control-plane node. */
int steps_read_etcd_keys(struct steps_node *n, struct steps_etcd_keys *out, struct err *err) MUST_CHECK;

/* The node's own member: through the session when through is set and the session can, else directly. */
struct kube *steps_open_etcd(struct steps_node *n, const struct steps_etcd_keys *keys, bool through, struct err *err) MUST_CHECK;

/* Voting members, and how many of them answer and know a leader.  Who belongs to another etcd than the seed's
 * does not count. */
struct steps_etcd {
	struct etcd_members members;
	uint64_t cluster;
	int voting, running;
	int answering;     /* voting members that could be asked, those included that know no leader */
	uint64_t *up;      /* ids of those that run */
	uint64_t *answers; /* and of those that answer */
};
/* At most some seconds, whoever is down.  ERR_CONNECT: no member could be asked. */
int steps_look_at_etcd(struct steps_run *run, struct steps_etcd *out, struct err *err) MUST_CHECK;
void steps_etcd_release(struct steps_etcd *e);
#define auto_steps_etcd AUTO(steps_etcd_release)

bool steps_etcd_runs(const struct steps_etcd *e, uint64_t id); /* and has a leader */
bool steps_etcd_answers(const struct steps_etcd *e, uint64_t id);
/* The node's member, by the address that it was announced with, or its name; NULL: it has none. */
const struct etcd_member *steps_etcd_member(const struct steps_etcd *e, const struct steps_node *n);
/* By the address alone: a name may be another machine's. */
const struct etcd_member *steps_etcd_member_at(const struct steps_etcd *e, const struct steps_node *n);

/* Has a member that has a leader take another one out.  The arithmetic is the caller's. */
int steps_remove_member(struct steps_run *run, uint64_t id, struct err *err) MUST_CHECK;

/* When etcd has lost its quorum: sets err (ERR_QUORUM) with who is missing, and returns -1. */
int steps_need_quorum(struct steps_run *run, struct err *err) MUST_CHECK;

/* Has the seed's member a leader, within some seconds, and can etcd take in one more: has all that was announced
 * before started?  ERR_QUORUM.  Takes run's lock and uses the seed's session alone, so that nodes may work at
 * once.  An etcd that cannot be asked forbids nothing. */
int steps_need_leader(struct steps_run *run, struct err *err) MUST_CHECK;

#endif
