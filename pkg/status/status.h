/*
 * Is the cluster healthy, and what would take it down?  One look asks every node, every API
 * server, the endpoint and every member of etcd at the same time, each with a time-out of its
 * own; what could not be asked is part of the answer.  A look never fails and changes nothing.
 */
#ifndef STATUS_STATUS_H
#define STATUS_STATUS_H

#include "steps/etcd.h"
#include "steps/steps.h"

/* A look takes no longer than this: nodes have most of it, the endpoint the rest. */
#define STATUS_NODES_MS 7500
#define STATUS_ENDPOINT_MS 2000

enum status_answer { STATUS_UNASKED, STATUS_OK, STATUS_BAD };

/* Something that was asked over the network: how it answered and how long that took. */
struct status_reply {
	enum status_answer answer;
	int ms;
	char *why; /* of STATUS_BAD; or why it was not asked; may be NULL */
};

struct status_cert {
	char *name;      /* "etcd/server.crt", "admin.conf" */
	int64_t expires; /* seconds since 1970 */
};

enum status_conf { STATUS_CONF_UNKNOWN, STATUS_CONF_SAME, STATUS_CONF_DIFFERS, STATUS_CONF_FOREIGN, STATUS_CONF_MISSING };

struct status_node {
	struct steps_node *step;     /* session and facts; kept from look to look */
	const struct inv_node *inv;
	struct status_reply ssh;
	bool kubelet_active;
	char *kubelet_server;        /* "https://10.0.0.9:6443"; NULL: it has no kubelet.conf */
	char *hosts[4];              /* what may tell the machine below it; NULL or "" when it does not */
	struct status_cert *certs;
	size_t ncerts;
	bool holds_vip, holds_second; /* the VIP, the one of the other family */
	enum status_conf keepalived_conf;
	struct status_reply api;     /* its own API server */
	struct status_reply etcd_reply;
	struct etcd_state etcd;      /* when etcd_reply is STATUS_OK */
	struct etcd_members members; /* as this member knows them */
	struct strs alarms;
	char *cause;                 /* likely one, with its remedy, of what is wrong here; NULL: none is known */
	const struct kube_node *listed; /* as the API lists it; NULL: it does not, or was not asked */
	struct buf admin_conf;       /* while it is looked at */
	struct steps_etcd_keys etcd_keys;
};

struct status {
	struct steps_run *run;
	const struct inventory *inv;
	struct status_node *nodes; /* run->n of them */
	size_t n;
	struct status_reply endpoint;
	bool has_cluster;            /* some node has one, or nobody knows */
	struct kube_nodes listed;
	bool listed_known;
	int holders;                 /* of the VIP; -1: no node was asked */
	const struct etcd_members *members; /* as a member with a leader knows them; NULL: unknown */
	const char *leader;          /* its name; NULL: none that is known */
	int voting, running;         /* members; running: of the voting ones, with a leader */
	struct strs problems;        /* why it is unhealthy: "m2: ..." */
	struct strs risks;           /* single points of failure, and what will be a problem */
	int64_t now;                 /* seconds since 1970 */
	int took_ms;
	int reached;                 /* nodes */
	bool password_known;
};

/* run was filled by steps_run_init and outlives st. */
void status_init(struct status *st, struct steps_run *run);
void status_release(struct status *st);
#define auto_status AUTO(status_release)

/* Replaces what the last look found.  Sessions stay open for the next one. */
void status_look(struct status *st);

/* Of the nodes' certificates but CAs', the one that ends first; NULL: none is known. */
const struct status_cert *status_first_cert(const struct status_node *n);
const struct status_cert *status_first_of_all(const struct status *st, const struct status_node **whose);
bool status_is_ca(const struct status_cert *c);

/* Do the nodes themselves carry a VIP, whoever moves it? */
bool status_has_vip(const struct status *st);

/* Failures that the cluster survives now: etcd's margin; -1: no quorum, or unknown. */
int status_survives(const struct status *st);

/* ---- for the files of this module ---- */

/* Everything about one node that can be asked of it alone; deadline as of clock_ms(). */
void status_ask_node(struct status_node *n, int64_t deadline_ms);
/* /livez through the endpoint, and the list of nodes, through it or else from one of the nodes. */
void status_ask_endpoint(struct status *st, int64_t deadline_ms);
/* Fills what is made of several nodes' answers: holders, etcd's members, keepalived's files. */
void status_put_together(struct status *st);
/* problems and risks, from all the rest. */
void status_judge(struct status *st);
void status_judge_risks(struct status *st);
void status_parse_extra(struct status_node *n, const char *text);
void status_reply_set(struct status_reply *r, enum status_answer answer, int ms, const char *why);
void status_wipe(struct status_node *n);   /* keys */
void status_forget(struct status_node *n); /* what the last look found */

#endif
