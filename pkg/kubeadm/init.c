/* The file for `kubeadm init`. */
#define _GNU_SOURCE
#include "kubeadm/complete.h"

static int check(const struct kubeadm_config *user, const struct kubeadm_init *in,
		 const struct completion_node *n, struct err *err)
{
	if (completion_check(user, CLUSTER, "controlPlaneEndpoint", in->endpoint,
			     "the endpoint of hactl.yaml", same_endpoint, err) < 0 ||
	    completion_check(user, CLUSTER, "kubernetesVersion", in->kubernetes_version,
			     "the version to install", same_version, err) < 0)
		return -1;
	return completion_check_node(user, n, err);
}

/* A label such as stable-1 gives way to the version it was resolved to. */
static int set_version(struct completion *c, const char *version)
{
	const struct kubeadm_doc *d = kubeadm_doc(c->config, CLUSTER);
	const struct yaml_node *n = d ? yaml_get(d->root, "kubernetesVersion") : NULL;

	if (n && n->value && version && same_version(n->value, "label"))
		return completion_set(c, CLUSTER, "kubernetesVersion", version);
	return completion_default(c, CLUSTER, "kubernetesVersion", version);
}

/* A member of etcd that was cut off comes back with a higher term, which costs the others an election,
 * unless it asks before it stands for one: etcd 3.5, of Kubernetes 1.22, does; 3.4 can, all before cannot. */
#define PRE_VOTE_POSSIBLE 18
#define PRE_VOTE_DEFAULT 22

static int set_pre_vote(struct completion *c)
{
	const struct kubeadm_doc *d = kubeadm_doc(c->config, CLUSTER);
	const struct yaml_node *root = d ? d->root : NULL;

	if (c->kubeadm->minor < PRE_VOTE_POSSIBLE || c->kubeadm->minor >= PRE_VOTE_DEFAULT ||
	    (root && (yaml_find(root, "etcd.external") || yaml_find(root, "etcd.local.imageTag"))))
		return 0;
	return completion_argument(c, CLUSTER, "etcd.local.extraArgs", "pre-vote", "true");
}

static int complete(struct completion *c, const struct kubeadm_init *in,
		    const struct completion_node *n)
{
	if (completion_node(c, n) < 0 ||
	    completion_default(c, CLUSTER, "clusterName", in->cluster_name) < 0 ||
	    set_version(c, in->kubernetes_version) < 0 ||
	    completion_default(c, CLUSTER, "controlPlaneEndpoint", in->endpoint) < 0)
		return -1;
	if (completion_add(c, CLUSTER, "apiServer.certSANs", in->cert_sans) < 0)
		return -1;
	if (set_pre_vote(c) < 0)
		return -1;
	return completion_keep(c, 1u << INIT | 1u << CLUSTER, true);
}

int kubeadm_render_init(const struct kubeadm_config *user, const struct kubeadm_init *in,
			struct buf *out, struct err *err)
{
	const struct completion_node n = {
		.kind = INIT,
		.endpoint_path = "localAPIEndpoint",
		.name = in->node_name,
		.address = in->advertise_address,
		.cri_socket = in->cri_socket,
		.ignore_preflight_errors = in->ignore_preflight_errors,
		.untainted = in->schedulable,
	};
	struct completion c;
	int rc;

	if (check(user, in, &n, err) < 0 || completion_start(&c, user, &in->kubeadm, err) < 0)
		return -1;
	rc = complete(&c, in, &n);
	if (rc == 0)
		rc = completion_finish(&c, out);
	kubeadm_free(c.config);
	return rc;
}
