/*
 * The Kubernetes API as far as hactl speaks it, over libcurl with the client certificate of a
 * kubeconfig.  Keys stay in memory.  One struct kube is used by one thread at a time.
 */
#ifndef KUBE_KUBE_H
#define KUBE_KUBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/strs.h"

struct kube;

/* How a connection is made where the endpoint cannot be reached from here: returns a connected
 * socket in *fd.  Tried when the direct way fails to connect. */
struct kube_dial {
	int (*dial)(void *ctx, const char *host, int port, int *fd, struct err *err);
	void *ctx;
};

/* Call once, before any thread.  The process ignores SIGPIPE from then on. */
int kube_init(struct err *err) MUST_CHECK;

/* text is a kubeconfig with inline data (admin.conf); name is for messages; dial may be NULL. */
struct kube *kube_open(const char *name, const char *text, size_t len, const struct kube_dial *dial,
		       struct err *err) MUST_CHECK;
void kube_close(struct kube *k); /* wipes keys */
static inline void auto_kube_(struct kube **k) { kube_close(*k); }
#define auto_kube AUTO(auto_kube_)

/* Where the kubeconfig's server is. */
void kube_server(const struct kube *k, const char **host, int *port);

/* The certificates that the server's is checked with, as PEM; k's own. */
const struct buf *kube_ca(const struct kube *k);

/* Speaks to host:port instead of the kubeconfig's server, checking the certificate for the
 * server's name all the same; NULL, 0 undoes it. */
void kube_connect_to(struct kube *k, const char *host, int port);

/* What changes something waits half a minute for a server that has answered before: while the VIP
 * moves, etcd chooses a leader, or the API server is started again; or until *stop is set. */
void kube_stop_when(struct kube *k, const int *stop);

/* GET /livez (or /healthz on servers without): 0 when it answers ok within timeout_ms. */
int kube_healthy(struct kube *k, int timeout_ms, struct err *err) MUST_CHECK;

struct kube_taint {
	char *key, *value, *effect;
};

struct kube_node {
	char *name, *version, *internal_ip;
	bool ready;
	char *not_ready_reason; /* "KubeletNotReady: message" of the Ready condition; "" when ready
				 * or when the node has said nothing yet */
	bool control_plane; /* has a node-role label of either name */
	struct strs labels; /* "key=value" */
	struct kube_taint *taints;
	size_t ntaints;
};

struct kube_nodes {
	struct kube_node *v;
	size_t n;
};
void kube_nodes_release(struct kube_nodes *l);
#define auto_kube_nodes AUTO(kube_nodes_release)
int kube_list_nodes(struct kube *k, struct kube_nodes *out, struct err *err) MUST_CHECK;

/* Makes or takes away a taint of a node by key and effect; *changed tells whether it had to.
 * A conflict with another writer is tried again. */
int kube_set_taint(struct kube *k, const char *node, const char *key, const char *effect,
		   bool present, bool *changed, struct err *err) MUST_CHECK;

/* The same for a taint with a value; NULL: whatever it is. */
int kube_set_taint_value(struct kube *k, const char *node, const char *key, const char *value,
			 const char *effect, bool present, bool *changed, struct err *err) MUST_CHECK;

/* Sets labels ("key", "value" pairs, ends in NULL); only what differs is sent. */
int kube_set_labels(struct kube *k, const char *node, const char *const *pairs, bool *changed,
		    struct err *err) MUST_CHECK;

/* Deletes the Node object; one that is not there is fine. */
int kube_delete_node(struct kube *k, const char *name, struct err *err) MUST_CHECK;

/* A bootstrap token (Secret bootstrap-token-ID in kube-system) for joining, that expires. */
int kube_create_token(struct kube *k, const char *token, int ttl_s, struct err *err) MUST_CHECK;
int kube_delete_token(struct kube *k, const char *token_id, struct err *err) MUST_CHECK;

/* "stable", "stable-1.31", "latest-1": the version text behind it, looked up under base_url
 * (NULL: https://dl.k8s.io/release).  A literal version comes back as it is. */
int kube_resolve_version(const char *version, const char *base_url, char **out, struct err *err) MUST_CHECK;

/* Puts the cluster, the user and the context that new_text's current context names into
 * old_text (may be empty) and makes that context the current one.  Entries of the same name are
 * replaced, everything else stays byte for byte, comments included; an old file for which that
 * cannot be done is an error.  context: the name that all three get, NULL: as in new_text
 * (kubeadm's are the same for every cluster).  out's content is replaced; it holds keys. */
int kube_merge_config(const char *old_name, const char *old_text, size_t old_len,
		      const char *new_text, size_t new_len, const char *context,
		      struct buf *out, struct err *err) MUST_CHECK;

#endif
