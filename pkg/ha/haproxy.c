#include "ha/ha.h"

#include <string.h>

#include "ha/check.h"
#include "tmpl/tmpl.h"

static bool is_port(int port)
{
	return port >= 1 && port <= 65535;
}

static int check_ports(const struct ha_vip *v, struct err *err)
{
	if (!is_port(v->balancer_port) || !is_port(v->api_port))
		return err_set(err, ERR_CONFIG, "%d is no port", is_port(v->api_port) ? v->balancer_port : v->api_port);
	if (v->balancer_port == v->api_port)
		return err_set(err, ERR_CONFIG, "HAProxy and the API server cannot both listen on port %d of a node",
			       v->api_port);
	return 0;
}

/* One server a node, in the file's order. */
static int add_servers(const struct ha_vip *v, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < v->npeers; i++) {
		const struct ha_peer *p = &v->peers[i];

		if (!ha_is_host(p->name) || !ha_is_host(p->address))
			return err_set(err, ERR_CONFIG, "'%s' at '%s' cannot be a server in haproxy.cfg", p->name,
				       p->address);
		buf_printf(out, "\tserver %s %s:%d\n", p->name, p->address, v->api_port);
	}
	return 0;
}

int ha_haproxy_cfg(const struct ha_vip *v, struct buf *out, struct err *err)
{
	bool ipv6 = strchr(v->address, ':') || (v->second && strchr(v->second, ':'));
	bool ipv4 = !strchr(v->address, ':') || (v->second && !strchr(v->second, ':'));
	auto_buf struct buf binds = BUF_INIT, servers = BUF_INIT;

	if (check_ports(v, err) < 0 || add_servers(v, &servers, err) < 0)
		return -1;
	/* Where IPv6 is switched off, binding to it fails. */
	if (ipv4)
		buf_printf(&binds, "\tbind *:%d\n", v->balancer_port);
	if (ipv6)
		buf_printf(&binds, "\tbind [::]:%d v6only\n", v->balancer_port);
	const struct tmpl_var vars[] = {
		{ "binds", buf_str(&binds) },
		{ "servers", buf_str(&servers) },
		{ "socket", HA_HAPROXY_SOCKET },
		{ NULL, NULL },
	};

	return tmpl_render("haproxy.cfg", vars, out, err);
}
