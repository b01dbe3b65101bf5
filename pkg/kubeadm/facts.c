#include "kubeadm/config.h"

#include <string.h>

/* NULL: not given, or empty. */
static const char *text(const struct yaml_node *root, const char *path)
{
	const struct yaml_node *n = root ? yaml_find(root, path) : NULL;

	return yaml_is_null(n) || n->type != YAML_SCALAR || !*n->value ? NULL : n->value;
}

static const struct yaml_node *root_of(const struct kubeadm_config *c, enum kubeadm_kind kind)
{
	const struct kubeadm_doc *d = c ? kubeadm_doc(c, kind) : NULL;

	return d ? d->root : NULL;
}

void kubeadm_facts(const struct kubeadm_config *c, struct kubeadm_facts *out)
{
	const struct yaml_node *cluster = root_of(c, CLUSTER), *init = root_of(c, INIT);
	const struct yaml_node *port = init ? yaml_find(init, "localAPIEndpoint.bindPort") : NULL;
	const char *dir = text(cluster, "certificatesDir");
	long bind_port = 0;

	if (yaml_int(port, &bind_port) < 0 || bind_port == 0)
		bind_port = 6443;
	*out = (struct kubeadm_facts){
		.certificates_dir = dir ? dir : "/etc/kubernetes/pki",
		.control_plane_endpoint = text(cluster, "controlPlaneEndpoint"),
		.kubernetes_version = text(cluster, "kubernetesVersion"),
		.external_etcd = cluster && !yaml_is_null(yaml_find(cluster, "etcd.external")),
		.bind_port = (int)bind_port,
		.cri_socket = text(init, "nodeRegistration.criSocket"),
	};
	if (out->external_etcd) {
		out->etcd_ca_file = text(cluster, "etcd.external.caFile");
		out->etcd_cert_file = text(cluster, "etcd.external.certFile");
		out->etcd_key_file = text(cluster, "etcd.external.keyFile");
	}
}
