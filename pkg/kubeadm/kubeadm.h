/*
 * kubeadm's configuration documents: read strictly by table, completed, moved to a newer API
 * version by editing their text, so that comments and foreign documents stay.
 */
#ifndef KUBEADM_KUBEADM_H
#define KUBEADM_KUBEADM_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/strs.h"

/* Ordered.  v1alpha3 is known by name only. */
enum kubeadm_api {
	KUBEADM_NONE, KUBEADM_V1ALPHA3, KUBEADM_V1BETA1, KUBEADM_V1BETA2, KUBEADM_V1BETA3,
	KUBEADM_V1BETA4, KUBEADM_V1
};
const char *kubeadm_api_name(enum kubeadm_api api); /* "v1beta3" */

struct kubeadm_version {
	int major, minor, patch;
};
/* "v1.20.2", "1.31.0-rc.1+x". */
int kubeadm_parse_version(const char *text, struct kubeadm_version *v, struct err *err) MUST_CHECK;

/* The newest API version that this kubeadm reads without a flag: 1.20 v1beta2, 1.31 v1beta4. */
int kubeadm_api_for(const struct kubeadm_version *v, enum kubeadm_api *api, struct err *err) MUST_CHECK;

struct kubeadm_config; /* the user's documents, or fresh ones */

/* Reads the user's file strictly: every document in its own API version (from v1beta1 on), known
 * fields and kinds only, values of the right type, no kind twice.  Component documents alone
 * are fine.  At most 4 MiB and 64 levels.  Whoever only wants to validate, loads. */
struct kubeadm_config *kubeadm_load(const char *name, const char *text, size_t len,
				    struct err *err) MUST_CHECK;
void kubeadm_free(struct kubeadm_config *c);
static inline void auto_kubeadm_(struct kubeadm_config **c) { kubeadm_free(*c); }
#define auto_kubeadm AUTO(auto_kubeadm_)

/* Facts that other parts of hactl follow; defaults of kubeadm where the file is silent. */
struct kubeadm_facts {
	const char *certificates_dir;      /* "/etc/kubernetes/pki" */
	const char *control_plane_endpoint; /* NULL: not given */
	const char *kubernetes_version;    /* NULL: not given */
	bool external_etcd;
	const char *etcd_ca_file, *etcd_cert_file, *etcd_key_file; /* external etcd; else NULL */
	int bind_port;                     /* 6443 */
	const char *cri_socket;            /* NULL: not given */
};
/* config NULL: the defaults.  Strings live as long as config. */
void kubeadm_facts(const struct kubeadm_config *c, struct kubeadm_facts *out);

struct kubeadm_init {
	struct kubeadm_version kubeadm;  /* of the first node's kubeadm: chooses the API version */
	const char *kubernetes_version;  /* "v1.20.2" */
	const char *cluster_name;        /* may be NULL */
	const char *endpoint;            /* host:port */
	const char *const *cert_sans;    /* ends in NULL; those already there are not repeated */
	const char *node_name, *advertise_address, *cri_socket; /* of the first node */
	bool schedulable;                /* no control-plane taint: taints: [] */
	const char *const *ignore_preflight_errors; /* ends in NULL; may be NULL */
};

/*
 * The file for `kubeadm init --config`: the user's documents (c may be NULL: those of templates/)
 * in the newest API version that this kubeadm reads, with their comments and those of other
 * groups (KubeletConfiguration, KubeProxyConfiguration) as they are.  Other documents of
 * kubeadm's (JoinConfiguration, ...) are left out.  It holds no secret but the user's own.
 *
 * An empty value or null counts as not given.  Completed where not given:
 *   ClusterConfiguration: clusterName, kubernetesVersion, controlPlaneEndpoint;
 *   InitConfiguration: localAPIEndpoint.advertiseAddress and, of nodeRegistration, name,
 *   criSocket (as a URL from kubeadm 1.24 on, before that as a path), kubeletExtraArgs' node-ip
 *   (the advertised address), taints (an empty list when schedulable).
 * Added to where missing: apiServer.certSANs and nodeRegistration.ignorePreflightErrors (not in
 * v1beta1, which has no such field: kubeadm 1.13 and 1.14 want the flag).
 * Replaced: a label for kubernetesVersion (stable-1) by the version it was resolved to.
 *
 * ERR_CONFIG naming both: another controlPlaneEndpoint, kubernetesVersion, advertiseAddress,
 * name or criSocket than given here; documents newer than this kubeadm.
 */
int kubeadm_render_init(const struct kubeadm_config *c, const struct kubeadm_init *in,
			struct buf *out, struct err *err) MUST_CHECK;

struct kubeadm_join {
	struct kubeadm_version kubeadm;
	const char *endpoint, *token, *ca_hash; /* "sha256:..." */
	const char *node_name, *advertise_address, *cri_socket;
	bool control_plane;
	bool schedulable; /* a control-plane node without its taint: taints: [] */
	int bind_port; /* 6443 */
	const char *const *ignore_preflight_errors;
};
/*
 * The JoinConfiguration for one node: the user's own document of this kind, or that of
 * templates/, completed like the InitConfiguration (the address goes to controlPlane).  With a
 * secret: out is the caller's to wipe, and is never grown with the token in it.
 *
 * The token, the hash of the CA and the endpoint are always these; the user's caCertHashes,
 * unsafeSkipCAVerification, tlsBootstrapToken and certificateKey go, as hactl makes the token and
 * carries the keys itself.  A worker's file has no controlPlane.  ERR_CONFIG: the same
 * contradictions, and discovery.file.
 */
int kubeadm_render_join(const struct kubeadm_config *c, const struct kubeadm_join *in,
			struct buf *out, struct err *err) MUST_CHECK;

/* Moves all kubeadm documents to an API version; the text of everything else stays, and a file
 * that is there already comes back byte for byte.  Notices ("file:line:column: ...") about what
 * is lost or will fail later are added to notices (may be NULL).  ERR_CONFIG: no document of
 * kubeadm's, one that is newer, a value that moves to where another one stands. */
int kubeadm_migrate(const struct kubeadm_config *c, enum kubeadm_api to, struct buf *out,
		    struct strs *notices, struct err *err) MUST_CHECK;

#endif
