/*
 * The concrete steps, one file per phase, and the run they share.
 *
 * A step knows only struct remote and what the nodes and the API say now: no state file.  Every
 * file of this module exports its phases as constants; cmd/ lines them up.
 */
#ifndef STEPS_STEPS_H
#define STEPS_STEPS_H

#include <pthread.h>

#include "base/clock.h"
#include "ha/ha.h"
#include "inventory/inventory.h"
#include "kube/kube.h"
#include "kubeadm/kubeadm.h"
#include "plan/plan.h"
#include "remote/remote.h"
#include "steps/facts.h"

#define STEPS_MAX_PKI 16

/* A lock on the control-plane nodes, held in their sessions. */
struct steps_lock;

struct steps_options {
	const char *who;       /* who works here and on what, in one line, for others; NULL: no lock is taken */
	bool wait;             /* for somebody else's lock */
	bool force;            /* replace files that are not ours */
	bool install;          /* install packages that are missing */
	bool pki_only;         /* hactl certs push: the PKI alone, to members too */
	bool probe_always;     /* the network and disks are tried even when nobody joins */
	bool reconnects;       /* a session that is lost is made again, and its step done again */
	bool only_seed;        /* hactl init: no other node becomes a member */
	int patience_ms;       /* for an API that does not answer; 0: 30 s */
	const char *release_url; /* where "stable" is looked up; NULL: the public place */
	const char *log_dir;     /* kubeadm's output goes to DIR/NODE.log */
	/* Connects to a node, whose numeric address is given; the session is the run's.  *untrusted
	 * is set when its host key was refused. */
	/* May a node that is part of a living cluster be taken apart, to be joined again?  Asked on
	 * any thread; NULL: never. */
	bool (*may_take_apart)(void *yes_ctx, const char *node, const char *why);
	void *yes_ctx;
	struct remote *(*connect)(void *ctx, const struct inv_node *node, const char *address,
				  bool *untrusted, struct err *err);
	void *ctx;
};

struct steps_probe;

struct steps_node {
	const struct inv_node *inv;
	struct steps_run *run;
	struct remote *remote;
	struct facts facts;
	bool stale;       /* facts must be gathered again before they are believed */
	char *address;    /* numeric */
	bool target;      /* shall become, or stay, part of the cluster in this run */
	bool listed;      /* the API knows the node */
	char *log_path;
	struct buf report;   /* what the node said of itself after a failure, secrets masked; or empty */
	struct steps_probe *probe; /* what was tried before anything was changed; NULL: nothing */
	bool may_reset;   /* what was begun may be taken away: steps_ask has asked where it had to */
	bool forgotten;   /* etcd lists no member of it: made sure of before a reset */
	bool lock_broken; /* its lock was not held all the time */
	bool again;       /* its step is to be done again */
	bool lost;        /* it could not be reached again, and nobody waits for it any more */
	bool has_image;   /* kube-vip's was found there, or pulled */
	bool vip_staged;  /* new files of keepalived lie beside the old ones, tested */
};

/* A file of the PKI as read from the seed: name below the PKI folder, or an absolute path. */
struct steps_pki_file {
	const char *name;
	struct buf data;
	bool found;
};

struct steps_run {
	const struct inventory *inv;
	struct steps_options opt;
	struct steps_node *nodes; /* parallel to inv->nodes that take part */
	size_t n;
	struct plan plan;
	struct plan_node *plan_nodes;

	struct kubeadm_config *documents; /* kubeadm.config, or NULL */
	struct kubeadm_facts kubeadm;
	struct strs pki_names; /* files that control-plane nodes share, below certificates_dir */

	struct steps_lock *held; /* NULL: none */
	const char *lock_lost;   /* a node whose lock ended before the run did; read after steps_unlock */
	struct steps_node *seed; /* the control-plane node with the cluster, or that will found it */
	bool untrusted;          /* a host key was refused: nothing is done anywhere */
	bool cluster_known;      /* whether there is a cluster, and who is in it */
	bool direct;             /* the API is spoken to on the seed, as the VIP does not answer */
	int vrrp_version;        /* 3, or 2 where that has to be; 0: not chosen yet */
	char *vrrp_password;     /* of version 2: given, read back, or made */
	struct ha_peer *peers;   /* what every keepalived.conf says of all; fixed once it is known */
	size_t npeers;
	struct steps_pki_file pki[STEPS_MAX_PKI];
	struct buf admin_conf;
	struct kube *api;        /* through the endpoint; NULL until there is a cluster */
	struct kube_nodes members; /* as the API listed them last */
	int64_t members_ms;      /* when; 0: never */
	pthread_mutex_t lock;    /* of api, members, and the seed's session, while nodes work at once */
	char token[24];          /* of this run; empty when none was made */
	bool token_used;         /* a kubeadm goes on that still needs it */
	struct buf ca_hash;
};

/* A node's part in a run: none; to be asked and kept in step, but not needed; to become or stay a
 * member, so that the run fails without it. */
enum steps_part { STEPS_ABSENT, STEPS_HELPER, STEPS_TARGET };

/* Takes the nodes of inv by their part; reads kubeadm.config. */
int steps_run_init(struct steps_run *run, const struct inventory *inv,
		   const struct steps_options *opt,
		   enum steps_part (*part)(const void *ctx, const struct inv_node *n), const void *ctx,
		   struct err *err) MUST_CHECK;
void steps_run_release(struct steps_run *run);

/* Lets the lock go, if there is one. */
void steps_unlock(struct steps_run *run);
/* Before a session is closed or cut in the middle of a run: what keeps the lock forgets it.
 * The lock lies on the other nodes still. */
void steps_lock_leave(struct steps_node *n);
/* When there is a session again. */
void steps_lock_again(struct steps_node *n);
/* For a session that was lost: what keeps the lock forgets it; a fresh one takes its place, before it is the
 * node's, and is kept then.  ERR_LOCKED: somebody else has the lock meanwhile. */
void steps_lock_forget(struct steps_node *n);
int steps_lock_move(struct steps_node *n, struct remote *fresh, struct err *err) MUST_CHECK;
void steps_lock_moved(struct steps_node *n);
/* Who holds the lock of a node: empty when nobody does. */
int steps_lock_holder(struct steps_node *n, struct buf *who, struct err *err) MUST_CHECK;

static inline struct steps_node *steps_node(const struct plan_node *n) { return n->data; }

/* Connected, and its facts are known. */
static inline bool steps_seen(const struct steps_node *n) { return n->remote && !n->stale; }

extern const struct plan_phase steps_connect;    /* a session to every node, all host keys checked */
extern const struct plan_phase steps_lock;       /* nobody else works on the cluster */
extern const struct plan_phase steps_look;       /* facts of every node */
extern const struct plan_phase steps_install;    /* with opt.install: packages */
extern const struct plan_phase steps_cluster;    /* is there one?  who is in it? */
extern const struct plan_phase steps_revive;     /* an etcd without quorum since a join broke off */
extern const struct plan_phase steps_need_cluster; /* an error when there is none */
extern const struct plan_phase steps_preflight;  /* every problem of every node, listed */
extern const struct plan_phase steps_wait;       /* for a kubeadm of an earlier run that still works */
extern const struct plan_phase steps_ask;        /* whether what it began may be taken away */
extern const struct plan_phase steps_guard;      /* etcd forgets whom steps_clean takes away, and keeps its quorum */
extern const struct plan_phase steps_clean;      /* what a run before did not finish */
extern const struct plan_phase steps_stale;      /* members of etcd that a broken join left are taken out */
extern const struct plan_phase steps_quorum;     /* etcd keeps its quorum while nodes join */
extern const struct plan_phase steps_password;   /* of VRRP, and its version */
extern const struct plan_phase steps_keepalived; /* configuration staged and tested on every node */
extern const struct plan_phase steps_switch;     /* and taken by all at the same time; the service */
extern const struct plan_phase steps_haproxy;    /* in front of all API servers, where asked for */
extern const struct plan_phase steps_kube_vip_image; /* on every control-plane node, before anything waits for it */
extern const struct plan_phase steps_kube_vip_first; /* on the node that founds the cluster */
extern const struct plan_phase steps_kube_vip;   /* on every control-plane node that takes part and is a member */
extern const struct plan_phase steps_vip;        /* held by exactly one node */
extern const struct plan_phase steps_init;       /* kubeadm init on the seed */
extern const struct plan_phase steps_read_pki;   /* from the seed, checked */
extern const struct plan_phase steps_ca_hash;    /* the discovery hash alone */
extern const struct plan_phase steps_pki;        /* to the other control-plane nodes */
extern const struct plan_phase steps_token;
extern const struct plan_phase steps_join;       /* all at once */
extern const struct plan_phase steps_join_etcd;  /* control-plane nodes, one by one */
extern const struct plan_phase steps_token_end;  /* the token is deleted, whatever happened, unless a kubeadm goes on that needs it */
extern const struct plan_phase steps_report;     /* every node's report, for hactl bundle */
extern const struct plan_phase steps_ready;      /* Ready through the VIP; labels and taints */

/* All that makes a cluster what hactl.yaml says, in order; ends in NULL. */
extern const struct plan_phase *const steps_apply[];

/* Writes the nodes' reports, what more there is (name, text; ends in a NULL name; may be NULL) and
 * kubeadm's output as one tar, 0600.  *written: was there anything? */
struct steps_bundle_file {
	const char *name;
	const char *text;
};
int steps_write_bundle(const struct steps_run *run, const char *path, const struct steps_bundle_file *more,
		       bool *written, struct err *err) MUST_CHECK;

/* ---- for the files of this module ---- */

/* Facts as they are now: gathered again when something was done since. */
int steps_facts(struct steps_node *n, struct err *err) MUST_CHECK;
bool steps_is_control_plane(const struct plan_node *n);
bool steps_is_target(const struct plan_node *n);
bool steps_would_reset(const struct steps_node *n); /* what was begun there is taken away by steps_clean */
bool steps_in_cluster(const struct steps_node *n); /* kubelet.conf, and the API lists it */
bool steps_uses_keepalived(const struct steps_run *run);
bool steps_uses_haproxy(const struct steps_run *run);
bool steps_uses_kube_vip(const struct steps_run *run);
const char *steps_carrier(const struct steps_run *run); /* of the virtual IP: "keepalived", "kube-vip"; NULL: somebody else */

/* Reads the list of nodes through the endpoint, unless it was read just now; the caller holds
 * the lock where nodes work at once. */
int steps_read_members(struct steps_run *run, struct err *err) MUST_CHECK;
/* Opens the API once the seed holds a cluster that was not there when this run began. */
int steps_adopt(struct steps_run *run, struct err *err) MUST_CHECK;
/* Back from the seed's own address to the endpoint. */
void steps_end_direct(struct steps_run *run);
const struct kube_node *steps_member(const struct steps_run *run, const char *name);
int steps_open_api(struct steps_run *run, struct err *err) MUST_CHECK;

/* Interface and prefix come from hactl.yaml, else from facts, which must not change meanwhile. */
void steps_fill_peers(struct steps_run *run);
void steps_release_peers(struct steps_run *run);

/* What hactl.yaml says of timing; version 2 counts whole seconds, rounded up. */
struct ha_timing steps_vrrp_timing(const struct inventory *inv, int version);
/* How long a node waits for the holder before it takes over, at most. */
int steps_vrrp_silence_ms(const struct steps_run *run);

/* The files that a node's keepalived shall have, once peers and password are known. */
int steps_render_keepalived(const struct steps_run *run, const struct steps_node *n, struct buf *conf,
			    struct buf *check, struct err *err) MUST_CHECK;
int steps_render_haproxy(const struct steps_run *run, struct buf *out, struct err *err) MUST_CHECK;
int steps_render_kube_vip(const struct steps_run *run, const struct steps_node *n, const char *kubeconfig,
			  struct buf *out, struct err *err) MUST_CHECK;
int steps_render_init(const struct steps_run *run, const struct steps_node *n, struct buf *out,
		      struct err *err) MUST_CHECK;
/* token NULL: one that anybody sees is none. */
int steps_render_join(const struct steps_node *n, const char *token, struct buf *out,
		      struct err *err) MUST_CHECK;

/* Where a file of the PKI lies on a node; caller frees. */
char *steps_pki_path(const struct steps_run *run, const char *name);

/* The kubeadm join command as text, its token made on the spot for ttl_s. */
int steps_join_command(struct steps_run *run, bool control_plane, int ttl_s, struct buf *out,
		       struct err *err) MUST_CHECK;

/* Asks a node why it failed (templates/diagnose.sh), into its report, and finds the likely cause.
 * Takes some seconds, timeout_ms at most.  -1: it does not answer, or nothing known is wrong with it. */
struct cause;
#define STEPS_CAUSE_MS 45000
int steps_find_cause(struct steps_node *n, int timeout_ms, struct cause *c) MUST_CHECK;
/* The same, and puts "; likely cause: ..." and its remedy behind a set err.  Returns -1. */
int steps_explain(struct steps_node *n, struct err *err);

/* kubeadm with a configuration file, its output in the node's log, phases as progress.  part:
 * "all", or of a join "prepare" and "etcd". */
int steps_run_kubeadm(struct plan_node *p, const char *step, const char *verb, const char *part,
		      const struct buf *config, struct err *err) MUST_CHECK;
/* A script that outlives its connection (templates/kubeadm-run.sh), and what finds it again. */
struct steps_lasting {
	const struct remote_cmd *cmd;
	const char *id;      /* of this run of it, which it was told */
	const char *limit;   /* seconds, "0": none */
	const size_t *heard; /* bytes of its output that on_line has had */
};
/* As remote_run; when only the connection is lost it connects again and follows the script over the new
 * session, which is the node's from then on.  what: "kubeadm join", for the warning. */
int steps_run_lasting(struct plan_node *p, const char *what, const struct steps_lasting *job, struct remote_result *res,
		      struct err *err) MUST_CHECK;

/* For plan.mend: connects again to the nodes whose sessions are lost, for half a minute each. */
bool steps_mend(struct plan *p, struct plan_node *n, struct err *err);

#define STEPS_NO_INTERFACE "FOUND-ON-NODE" /* where only the node could tell */
#define STEPS_INIT_CONFIG "/var/lib/hactl/kubeadm-init.yaml"
#define STEPS_JOIN_CONFIG "/var/lib/hactl/kubeadm-join.yaml"
#define STEPS_LOCKED 75 /* how the scripts say that kubeadm is still at work */

/* Pauses a wait; false when its time is over or the run is to end. */
bool steps_pause(const struct steps_run *run, struct clock_poll *poll);
/* Reads the members as often as it takes, for some seconds: etcd elects while nodes join.  Takes
 * the lock itself. */
int steps_read_members_patiently(struct steps_run *run, struct err *err) MUST_CHECK;
/* Under the lock: does the API list the node? */
bool steps_is_listed(struct steps_node *n);
int steps_resolve(struct steps_node *n, struct err *err) MUST_CHECK;

/* The address that the VIP joins on its interface, or NULL. */
const struct facts_addr *steps_vip_neighbour(const struct steps_node *n);
/* The one in whose subnet the second VIP is, or NULL.  There must be a second VIP. */
const struct facts_addr *steps_second_vip_neighbour(const struct steps_node *n, const char *interface);
/* What of hactl's carries a virtual IP there though vip.provider is another now, and the command that ends it; NULL: nothing. */
const char *steps_left_carrier(const struct steps_node *n, const char **remedy);
char *steps_foreign_files(const struct steps_node *n);
bool steps_foreign_haproxy(const struct steps_node *n);

/* What installs a package on such a system, as a command line; caller frees. */
char *steps_install_command(const struct facts *f, const char *package);

/* Adds the control-plane taint of both names to a node, or takes it away. */
int steps_set_taints(struct steps_run *run, const char *node, bool present, bool *changed,
		     struct err *err) MUST_CHECK;

extern const char *const steps_control_plane_taints[]; /* both names; ends in NULL */
bool steps_has_control_plane_taint(const struct kube_node *k);

/* A unified diff of two texts, made by diff(1); secrets in both are masked first. */
void steps_diff(struct plan_node *n, const char *path, const struct buf *old_text,
		const struct buf *new_text);

#endif
