/*
 * keepalived.conf, its check script, and the arithmetic of VRRP and quorum: struct in, text or
 * verdict out.  Nothing that comes from a file or a node goes into the text unchecked.
 * Facts: keepalived(8), keepalived.conf(5) and the source of 2.2.7; RFC 3768 and RFC 5798.
 */
#ifndef HA_HA_H
#define HA_HA_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/strs.h"

struct ha_peer {
	const char *name;    /* becomes router_id */
	const char *address; /* numeric, of the VIP's family */
	const char *interface;
	int prefix;          /* of the VIP on that interface */
	int second_prefix;   /* of the second VIP, where there is one */
};

/*
 * How fast a failure is seen and answered.  A check looks every check_ms whether the API server is
 * there, and asks it once a run (the larger of a second and check_ms) for an answer.
 */
struct ha_timing {
	int version;   /* of VRRP: 3, or 2, which has whole seconds and a password, and no IPv6 */
	int advert_ms;
	int check_ms;
	int fall;      /* seconds that the API server has for an answer */
	int rise;      /* runs in a row that must succeed before a node is healthy again */
	bool preempt;  /* the first healthy node takes the VIP back; else whoever holds it keeps it */
};
enum {
	HA_ADVERT_MS = 200, HA_ADVERT_V2_MS = 1000, HA_ADVERT_MIN_MS = 50, HA_ADVERT_MAX_MS = 40000,
	HA_CHECK_MS = 200, HA_CHECK_MIN_MS = 100, HA_CHECK_MAX_MS = 60000,
	HA_FALL = 2, HA_RISE = 2,
	HA_ALONE_S = 5, /* after which a holder that no other one answers has lost its bonus */
};
struct ha_timing ha_timing_default(int version);
/* A run of the check: whole seconds, as keepalived counts them. */
int ha_run_ms(const struct ha_timing *t);
/* A holder that lives has been heard within this time. */
int ha_hears_ms(const struct ha_timing *t);

struct ha_vip {
	const char *address; /* numeric */
	const char *second;  /* of the other family, moves along with it; or NULL */
	int virtual_router_id;
	const char *password; /* of VRRP version 2 */
	bool unicast;
	struct ha_timing timing;
	const char *check_host; /* the API server's host; NULL: the node's own address */
	int api_port;
	int balancer_port;   /* HAProxy's on each node, which is checked instead; 0: there is none */
	bool included;       /* the file is one that somebody else's keepalived.conf includes */
	const struct ha_peer *peers; /* every control-plane node, in the file's order */
	size_t npeers;
};

/* keepalived.conf of peers[self]; refused when the arithmetic does not hold.  It holds the
 * password: a file of it is 0600. */
int ha_keepalived_conf(const struct ha_vip *v, size_t self, struct buf *out, struct err *err) MUST_CHECK;

/* The script that it runs, to be HA_CHECK_SCRIPT on the node, 0755 and root's. */
int ha_check_script(const struct ha_vip *v, size_t self, struct buf *out, struct err *err) MUST_CHECK;
#define HA_CHECK_SCRIPT "/etc/keepalived/check_apiserver.sh"

/* HAProxy's configuration: all API servers active behind v->balancer_port of every node. */
int ha_haproxy_cfg(const struct ha_vip *v, struct buf *out, struct err *err) MUST_CHECK;
#define HA_HAPROXY_SOCKET "/run/hactl-haproxy.sock" /* where it says whether it reaches an API server */

/* kube-vip as a static pod of one node, which finds the API with this kubeconfig. */
struct ha_kube_vip {
	const char *address, *second; /* as in struct ha_vip */
	const char *interface, *image, *kubeconfig;
	int api_port;
};
int ha_kube_vip_manifest(const struct ha_kube_vip *k, struct buf *out, struct err *err) MUST_CHECK;

/* Was this file (keepalived.conf, a manifest) written by hactl?  Its VRRP version (0: it says none), and its password,
 * when it has one (caller frees). */
bool ha_is_ours(const char *conf);
int ha_version_of(const char *conf);
char *ha_password_of(const char *conf);

/* 1 to 8 printable ASCII characters, none of which keepalived.conf gives a meaning:
 * space " ' # ! $ @ ~ \ { } */
bool ha_password_valid(const char *password);
/* The same in words: "1 to 8 ...". */
extern const char ha_password_rule[];

/* "eth0", "bond0.12": 1 to 15 characters, as Linux and keepalived.conf take them. */
bool ha_interface_valid(const char *interface);

/* VRRP: every node has its priority, and this much more or (negative) less while its check
 * fails.  The first node has the highest priority. */
int ha_priority(size_t npeers, size_t self);
int ha_weight(size_t npeers);
/* What the node that holds the VIP has more, as long as the API server of another node can be reached. */
int ha_bonus(size_t npeers);

enum ha_state { HA_HEALTHY, HA_API_DOWN, HA_NODE_DOWN };
/* Who will hold the VIP when the nodes are in these states and current holds it (-1: nobody);
 * -1 when all of them are down. */
int ha_holder(const enum ha_state *states, size_t npeers, int current);

/* Looks at every combination of states of up to HA_PROOF_MAX nodes, with every holder and none: as
 * long as a node is healthy, a healthy one gets the VIP; whoever holds it keeps it while healthy,
 * unless preempt.  The number of combinations; 0 when it does not hold. */
long ha_prove(size_t npeers, bool preempt);
enum { HA_PROOF_MAX = 10 };

/* What can happen to the node that holds the VIP, or (mended, returns) to one that held it. */
enum ha_event {
	HA_KEEPALIVED_STOPS, HA_API_STOPS, HA_API_HANGS, HA_POWER_CUT, HA_NETWORK_CUT, HA_NETWORK_MENDED,
	HA_NODE_RETURNS, HA_EVENTS
};
const char *ha_event_text(enum ha_event e); /* "the API server stops" */
const char *ha_event_name(enum ha_event e); /* "apiStops": stable, for scripts */

struct ha_outage {
	int holder;         /* afterwards; -1: nobody */
	int min_ms, max_ms; /* for which the VIP leads to no living API server, or HA_UNTIL_MENDED */
};
enum { HA_UNTIL_MENDED = -1 }; /* no healthy node is left */
/*
 * What an event at the holder costs: to notice it, and to elect another (three missed adverts less
 * what had passed of the last one, and the skew of the node that takes over).  states are those
 * before the event, the holder among them.  max_ms has HA_SLACK_MS in it for processes that have to
 * be started and for neighbours that have to be told.
 */
enum { HA_SLACK_MS = 100 };
/* etcd without its leader: members call an election after a time drawn from once to twice its time-out,
 * which is 1 s unless kubeadm's document says otherwise.  Until then no API server is of use. */
enum { HA_ELECTION_MIN_MS = 1000, HA_ELECTION_MAX_MS = 2000 };
/* Does it take etcd's member away, too? */
bool ha_takes_member(enum ha_event e);

struct ha_outage ha_predict(const struct ha_timing *t, enum ha_event e, const enum ha_state *states,
			    size_t npeers, int holder);

/* Most nodes for which every combination of states leaves the VIP with a healthy node, as long
 * as there is one. */
size_t ha_max_peers(void);
enum { HA_PEERS_MAX = 128 }; /* more than that */

int ha_majority(int members);
int ha_survives(int members); /* failures */
/* One sentence for a number of control-plane nodes that is no good idea; NULL when it is. */
const char *ha_advice(int members);

/* More failures that the members survive when only some of them run; -1: they have no quorum. */
int ha_survives_now(int members, int running);
/* May a member be added, or taken away (runs: that member does)?  members and running are of now,
 * voting members of etcd alone.  ERR_QUORUM, with what to do first. */
int ha_may_add(int members, int running, struct err *err) MUST_CHECK;
int ha_may_remove(int members, int running, bool runs, struct err *err) MUST_CHECK;

#endif
