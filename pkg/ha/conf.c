#define _GNU_SOURCE
#include "ha/ha.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "tmpl/tmpl.h"

static const char marker[] = "# Written by hactl";

const char ha_password_rule[] =
	"1 to 8 printable ASCII characters without space, quotes and any of # ! $ @ ~ \\ { }";

/* Printable, and nothing that keepalived's configuration reader gives a meaning. */
static bool plain_word(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || strchr("\"'#!$@~\\{}", *s))
			return false;
	return true;
}

bool ha_password_valid(const char *password)
{
	size_t len = strlen(password);

	return len >= 1 && len <= 8 && plain_word(password);
}

bool ha_interface_valid(const char *interface)
{
	size_t len = strlen(interface);

	return len >= 1 && len < IFNAMSIZ && plain_word(interface) && interface[0] != '-' &&
	       !strpbrk(interface, "/:") && strcmp(interface, ".") && strcmp(interface, "..");
}

/* AF_INET, AF_INET6, or 0 when it is no numeric address. */
static int family(const char *address)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, address, bytes) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, address, bytes) == 1 ? AF_INET6 : 0;
}

static int check_peer(const struct ha_vip *v, const struct ha_peer *p, struct err *err)
{
	int af = family(v->address);

	if (!*p->name || !plain_word(p->name))
		return err_set(err, ERR_CONFIG, "'%s' cannot be the name of a node in keepalived.conf", p->name);
	if (family(p->address) != af)
		return err_set(err, ERR_CONFIG, "node %s: its address '%s' is no %s address, as the VIP '%s' is: "
			       "keepalived carries a VIP between addresses of its own family", p->name,
			       p->address, af == AF_INET ? "IPv4" : "IPv6", v->address);
	if (!strcmp(p->address, v->address))
		return err_set(err, ERR_CONFIG, "node %s: '%s' is the VIP, so it cannot be the address of a "
			       "node", p->name, p->address);
	if (!ha_interface_valid(p->interface))
		return err_set(err, ERR_CONFIG, "node %s: '%s' is no name of a network interface", p->name,
			       p->interface);
	if (p->prefix < 1 || p->prefix > (af == AF_INET ? 32 : 128))
		return err_set(err, ERR_CONFIG, "node %s: /%d is no prefix length for '%s'", p->name,
			       p->prefix, v->address);
	return 0;
}

static int check_vip(const struct ha_vip *v, struct err *err)
{
	int af = family(v->address);

	if (!af)
		return err_set(err, ERR_CONFIG, "the VIP '%s' is no IPv4 or IPv6 address", v->address);
	if (v->virtual_router_id < 1 || v->virtual_router_id > 255)
		return err_set(err, ERR_CONFIG, "virtualRouterID %d is not between 1 and 255",
			       v->virtual_router_id);
	if (af == AF_INET && (!v->password || !ha_password_valid(v->password)))
		return err_set(err, ERR_CONFIG, "the VRRP password must be %s", ha_password_rule);
	for (size_t i = 0; i < v->npeers; i++)
		if (check_peer(v, &v->peers[i], err) < 0)
			return -1;
	return 0;
}

/* The comparisons that every combination of failures comes down to: a node whose check fails, the
 * holder too, against each healthy one; a healthy holder against each other; none alike. */
static int prove(size_t n, struct err *err)
{
	if (n < 1 || n > ha_max_peers())
		return err_set(err, ERR_CONFIG, "%zu control-plane nodes: VRRP has priorities for 1 to %zu",
			       n, ha_max_peers());
	for (size_t healthy = 0; healthy < n; healthy++)
		for (size_t other = 0; other < n; other++)
			if (healthy != other &&
			    (ha_priority(n, healthy) <= ha_priority(n, other) + ha_bonus(n) + ha_weight(n) ||
			     ha_priority(n, healthy) + ha_bonus(n) <= ha_priority(n, other) ||
			     ha_priority(n, healthy) == ha_priority(n, other) ||
			     ha_priority(n, other) + ha_weight(n) < 1))
				return err_set(err, ERR_FAILED, "%zu control-plane nodes: with a failed check "
					       "node %zu would win over healthy node %zu", n, other + 1,
					       healthy + 1);
	return 0;
}

static void add_unicast(const struct ha_vip *v, size_t self, struct buf *out)
{
	/* Before 2.2.4 an empty list of peers meant multicast, where alone is alone too. */
	if (!v->unicast || v->npeers < 2)
		return;
	buf_printf(out, "\tunicast_src_ip %s\n\tunicast_peer {\n", v->peers[self].address);
	for (size_t i = 0; i < v->npeers; i++)
		if (i != self)
			buf_printf(out, "\t\t%s\n", v->peers[i].address);
	buf_puts(out, "\t}\n");
}

/* VRRP version 3 has no authentication, version 2 no IPv6. */
static void add_authentication(const struct ha_vip *v, struct buf *out)
{
	if (family(v->address) == AF_INET)
		buf_printf(out, "\tauthentication {\n\t\tauth_type PASS\n\t\tauth_pass %s\n\t}\n",
			   v->password);
}

int ha_keepalived_conf(const struct ha_vip *v, size_t self, struct buf *out, struct err *err)
{
	const struct ha_peer *p = &v->peers[self];
	auto_wipe struct buf authentication = BUF_INIT;
	auto_buf struct buf unicast = BUF_INIT;
	char priority[16], weight[16], bonus[16], id[16], prefix[16];

	if (prove(v->npeers, err) < 0 || check_vip(v, err) < 0)
		return -1;
	snprintf(priority, sizeof(priority), "%d", ha_priority(v->npeers, self));
	snprintf(weight, sizeof(weight), "%d", ha_weight(v->npeers));
	snprintf(bonus, sizeof(bonus), "%d", ha_bonus(v->npeers));
	snprintf(id, sizeof(id), "%d", v->virtual_router_id);
	snprintf(prefix, sizeof(prefix), "%d", p->prefix);
	buf_reserve(&authentication, 128);
	add_authentication(v, &authentication);
	add_unicast(v, self, &unicast);
	/* The text holds a password: one piece of memory, so that wiping out wipes it. */
	buf_reserve(out, out->len + strlen(tmpl_text("keepalived.conf")) + authentication.len +
			 unicast.len + 512);
	const struct tmpl_var vars[] = {
		{ "name", p->name },
		{ "script", HA_CHECK_SCRIPT },
		{ "weight", weight },
		{ "bonus", bonus },
		{ "version", family(v->address) == AF_INET ? "2" : "3" },
		{ "interface", p->interface },
		{ "virtual_router_id", id },
		{ "priority", priority },
		{ "authentication", buf_str(&authentication) },
		{ "unicast", buf_str(&unicast) },
		{ "vip", v->address },
		{ "prefix", prefix },
		/* Or the kernel may choose the VIP as the source of what the node itself sends. */
		{ "lifetime", family(v->address) == AF_INET ? "" : " preferred_lft 0" },
		{ NULL, NULL },
	};

	return tmpl_render("keepalived.conf", vars, out, err);
}

int ha_check_script(const struct ha_vip *v, size_t self, struct buf *out, struct err *err)
{
	const char *host = v->check_host ? v->check_host : v->peers[self].address;
	char port[16];

	if (!*host || *host == '-' || !plain_word(host) || strpbrk(host, "`&;|<>()*?[]/%"))
		return err_set(err, ERR_CONFIG, "'%s' is no host that an API server can be checked on", host);
	if (v->api_port < 1 || v->api_port > 65535)
		return err_set(err, ERR_CONFIG, "%d is no port that an API server can be checked on",
			       v->api_port);
	snprintf(port, sizeof(port), "%d", v->api_port);
	const struct tmpl_var vars[] = {
		{ "vip", v->address },
		{ "host", host },
		{ "bracketed", family(host) == AF_INET6 ? "[$host]" : "$host" },
		{ "port", port },
		{ NULL, NULL },
	};

	return tmpl_render("check_apiserver.sh", vars, out, err);
}

bool ha_is_ours(const char *conf)
{
	return !strncmp(conf, marker, sizeof(marker) - 1);
}

char *ha_password_of(const char *conf)
{
	static const char key[] = "auth_pass";

	for (const char *line = conf; line; line = strchr(line, '\n')) {
		line += strspn(line, " \t\r\n");
		if (strncmp(line, key, sizeof(key) - 1))
			continue;
		const char *word = line + sizeof(key) - 1;
		const char *value = word + strspn(word, " \t");
		size_t len = strcspn(value, " \t\r\n");
		auto_free char *password = value > word ? strndup(value, len) : NULL;

		if (password && ha_password_valid(password))
			return TAKE(password);
	}
	return NULL;
}
