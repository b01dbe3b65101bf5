#include "ha/ha.h"

#include <stdio.h>
#include <string.h>

#include "ha/check.h"
#include "tmpl/tmpl.h"

/* Nothing that ends a quoted string of YAML. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || strchr("\"'\\", *s))
			return false;
	return true;
}

int ha_kube_vip_manifest(const struct ha_vip *v, size_t self, const struct ha_kube_vip *k, struct buf *out,
			 struct err *err)
{
	char port[16];

	if (!ha_is_host(v->address) || !ha_interface_valid(v->peers[self].interface) || !is_plain(k->image) ||
	    !is_plain(k->kubeconfig))
		return err_set(err, ERR_CONFIG, "the VIP '%s' on '%s' by image '%s' cannot be written into a manifest",
			       v->address, v->peers[self].interface, k->image);
	snprintf(port, sizeof(port), "%d", v->api_port);
	const struct tmpl_var vars[] = {
		{ "image", k->image },
		{ "port", port },
		{ "interface", v->peers[self].interface },
		{ "host_prefix", strchr(v->address, ':') ? "128" : "32" },
		{ "vip", v->address },
		{ "kubeconfig", k->kubeconfig },
		{ NULL, NULL },
	};

	return tmpl_render("kube-vip.yaml", vars, out, err);
}
