/*
 * etcd's members and health, over the JSON gateway that every etcd from 3.4 on serves on its
 * client port (etcd's "gRPC gateway" documentation).  The answers are those of the one member
 * that is asked, and need no quorum.
 */
#ifndef KUBE_ETCD_H
#define KUBE_ETCD_H

#include "kube/kube.h"

struct etcd_member {
	uint64_t id;
	char *name;       /* "" until it has started for the first time */
	char *peer_url, *client_url; /* the first of each; "" without */
	bool learner;
};

struct etcd_members {
	struct etcd_member *v;
	size_t n;
};
void etcd_members_release(struct etcd_members *l);
#define auto_etcd_members AUTO(etcd_members_release)

struct etcd_state {
	uint64_t id, leader; /* leader 0: it knows of none */
	uint64_t cluster;
	bool learner;
	char version[32];
	int64_t db_size, db_used; /* bytes; db_used 0: not told */
};

/* One member's client port, with PEM texts of etcd's CA and of a client certificate; host is also
 * the name that the member's certificate is checked for.  With a dial only that way is taken. */
struct kube *etcd_open(const char *host, int port, const struct buf *ca, const struct buf *cert,
		       const struct buf *key, const struct kube_dial *dial, struct err *err) MUST_CHECK;

int etcd_state(struct kube *k, int timeout_ms, struct etcd_state *out, struct err *err) MUST_CHECK;
int etcd_list_members(struct kube *k, int timeout_ms, struct etcd_members *out, struct err *err) MUST_CHECK;

/* Asks this member, which needs a leader, to take one out of the cluster; etcd itself refuses what would
 * cost it its quorum.  One that is not listed is fine. */
int etcd_remove_member(struct kube *k, int timeout_ms, uint64_t id, struct err *err) MUST_CHECK;

/* Adds "NOSPACE" or "CORRUPT" and the member's id in hex: "NOSPACE 8e9e05c52164694d". */
int etcd_list_alarms(struct kube *k, int timeout_ms, struct strs *out, struct err *err) MUST_CHECK;

#endif
