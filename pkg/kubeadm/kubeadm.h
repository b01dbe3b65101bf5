/*
 * kubeadm's configuration documents: read strictly by table, completed, moved to a newer API
 * version by editing their text, so that comments and foreign documents stay.
 */
#ifndef KUBEADM_KUBEADM_H
#define KUBEADM_KUBEADM_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/strs.h"

/* v1beta1 .. v1beta4, v1; ordered. */
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

/* Reads the user's file (any API version from v1beta1 on); component documents alone are fine. */
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

/* The file for `kubeadm init --config`: the user's documents (c may be NULL: those of
 * templates/) migrated to what this kubeadm reads and completed.  Conflicts with what hactl.yaml
 * says (controlPlaneEndpoint, kubernetesVersion) and documents too new are ERR_CONFIG and name both. */
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
/* The JoinConfiguration for one node; a user's own JoinConfiguration document is completed. */
int kubeadm_render_join(const struct kubeadm_config *c, const struct kubeadm_join *in,
			struct buf *out, struct err *err) MUST_CHECK;

/* Moves all kubeadm documents to an API version; the text of everything else stays.  Notices
 * ("file:line:column: ...") about what is lost or will fail later are added to notices. */
int kubeadm_migrate(const struct kubeadm_config *c, enum kubeadm_api to, struct buf *out,
		    struct strs *notices, struct err *err) MUST_CHECK;

#endif
