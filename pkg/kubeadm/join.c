/* The file for `kubeadm join`, with a token: every text it passes through is wiped. */
#define _GNU_SOURCE
#include "kubeadm/complete.h"

#include <stdio.h>

static int check(const struct kubeadm_config *user, const struct kubeadm_join *in,
		 const struct completion_node *n, struct err *err)
{
	const struct kubeadm_doc *d = user ? kubeadm_doc(user, JOIN) : NULL;
	const struct yaml_node *file = d ? yaml_find(d->root, "discovery.file") : NULL;

	if (!yaml_is_null(file))
		return yaml_error(user->stream, file->key, err, "discovery.file cannot be used: hactl makes a "
				  "token for each join; remove it");
	if (completion_check(user, JOIN, "discovery.bootstrapToken.apiServerEndpoint", in->endpoint,
			     "the endpoint of hactl.yaml", same_endpoint, err) < 0)
		return -1;
	return completion_check_node(user, n, err);
}

/* The user's own credentials are of another time: hactl makes the token, pins the CA, and has
 * put the control plane's keys in place. */
static int remove_credentials(struct completion *c, bool control_plane)
{
	static const char *const paths[] = {
		"discovery.bootstrapToken.caCertHashes",
		"discovery.bootstrapToken.unsafeSkipCAVerification",
		"discovery.tlsBootstrapToken",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (completion_unset(c, JOIN, paths[i]) < 0)
			return -1;
	return completion_unset(c, JOIN, control_plane ? "controlPlane.certificateKey" : "controlPlane");
}

static int set_discovery(struct completion *c, const struct kubeadm_join *in)
{
	const char *const hashes[] = { in->ca_hash, NULL };

	if (completion_default(c, JOIN, "discovery.bootstrapToken.apiServerEndpoint", in->endpoint) < 0 ||
	    completion_add(c, JOIN, "discovery.bootstrapToken.caCertHashes", hashes) < 0)
		return -1;
	return completion_set(c, JOIN, "discovery.bootstrapToken.token", in->token);
}

static int set_bind_port(struct completion *c, const struct kubeadm_join *in)
{
	static const char path[] = "controlPlane.localAPIEndpoint.bindPort";
	const struct kubeadm_doc *d = kubeadm_doc(c->config, JOIN);
	char port[16];
	const struct yaml_new new = { .raw = port };

	if (!in->control_plane || !in->bind_port || in->bind_port == 6443 ||
	    (d && !yaml_is_null(yaml_find(d->root, path))))
		return 0;
	snprintf(port, sizeof(port), "%d", in->bind_port);
	return kubeadm_set(&c->config, c->api, JOIN, path, &new, c->err);
}

static int complete(struct completion *c, const struct kubeadm_join *in,
		    const struct completion_node *n)
{
	if (!kubeadm_doc(c->config, JOIN)) {
		kubeadm_free(c->config);
		if (completion_start(c, NULL, c->kubeadm, c->err) < 0)
			return -1;
	}
	if (completion_keep(c, 1u << JOIN, false) < 0 ||
	    remove_credentials(c, in->control_plane) < 0 || completion_node(c, n) < 0)
		return -1;
	return set_bind_port(c, in) < 0 ? -1 : set_discovery(c, in);
}

int kubeadm_render_join(const struct kubeadm_config *user, const struct kubeadm_join *in,
			struct buf *out, struct err *err)
{
	const struct completion_node n = {
		.kind = JOIN,
		.endpoint_path = in->control_plane ? "controlPlane.localAPIEndpoint" : NULL,
		.name = in->node_name,
		.address = in->advertise_address,
		.cri_socket = in->cri_socket,
		.ignore_preflight_errors = in->ignore_preflight_errors,
		.untainted = in->control_plane && in->schedulable,
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
