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

int ha_kube_vip_manifest(const struct ha_kube_vip *k, struct buf *out, struct err *err)
{
	auto_buf struct buf addresses = BUF_INIT;
	char port[16];

	if (!ha_is_host(k->address) || (k->second && !ha_is_host(k->second)) || !ha_interface_valid(k->interface) ||
	    !is_plain(k->image) || !is_plain(k->kubeconfig))
		return err_set(err, ERR_CONFIG, "the VIP '%s' on '%s' by image '%s' cannot be written into a manifest",
			       k->address, k->interface, k->image);
	snprintf(port, sizeof(port), "%d", k->api_port);
	buf_printf(&addresses, "%s%s%s", k->address, k->second ? "," : "", k->second ? k->second : "");
	const struct tmpl_var vars[] = {
		{ "image", k->image },
		{ "port", port },
		{ "interface", k->interface },
		{ "vip", buf_str(&addresses) },
		{ "kubeconfig", k->kubeconfig },
		{ NULL, NULL },
	};

	return tmpl_render("kube-vip.yaml", vars, out, err);
}
