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

/* keepalived counts hundredths of a second in version 3, whole seconds in version 2. */
static int check_timing(const struct ha_vip *v, struct err *err)
{
	const struct ha_timing *t = &v->timing;
	int unit = t->version == 3 ? 10 : 1000;

	if (t->version != 2 && t->version != 3)
		return err_set(err, ERR_CONFIG, "VRRP has versions 2 and 3, not %d", t->version);
	if (t->version == 2 && family(v->address) == AF_INET6)
		return err_set(err, ERR_CONFIG, "the VIP '%s' needs VRRP version 3: version 2 has no IPv6",
			       v->address);
	if (t->advert_ms < HA_ADVERT_MIN_MS || t->advert_ms > HA_ADVERT_MAX_MS || t->advert_ms % unit)
		return err_set(err, ERR_CONFIG, "adverts every %d ms: VRRP version %d takes %d to %d ms in "
			       "steps of %d", t->advert_ms, t->version,
			       t->version == 3 ? HA_ADVERT_MIN_MS : 1000, HA_ADVERT_MAX_MS, unit);
	if (t->check_ms < HA_CHECK_MIN_MS || t->check_ms > HA_CHECK_MAX_MS || t->fall < 1 || t->fall > 10 ||
	    t->rise < 1 || t->rise > 60)
		return err_set(err, ERR_CONFIG, "a check every %d ms with fall %d and rise %d is out of range",
			       t->check_ms, t->fall, t->rise);
	return 0;
}

static int check_second(const struct ha_vip *v, struct err *err)
{
	int af = v->second ? family(v->second) : 0;

	if (v->second && (!af || af == family(v->address)))
		return err_set(err, ERR_CONFIG, "the VIPs '%s' and '%s' are not one of IPv4 and one of IPv6",
			       v->address, v->second);
	for (size_t i = 0; i < v->npeers && v->second; i++)
		if (v->peers[i].second_prefix < 1 || v->peers[i].second_prefix > (af == AF_INET ? 32 : 128))
			return err_set(err, ERR_CONFIG, "node %s: /%d is no prefix length for '%s'",
				       v->peers[i].name, v->peers[i].second_prefix, v->second);
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
	if (check_timing(v, err) < 0)
		return -1;
	if (v->timing.version == 2 && (!v->password || !ha_password_valid(v->password)))
		return err_set(err, ERR_CONFIG, "the VRRP password must be %s", ha_password_rule);
	for (size_t i = 0; i < v->npeers; i++)
		if (check_peer(v, &v->peers[i], err) < 0)
			return -1;
	return check_second(v, err);
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

static void add_authentication(const struct ha_vip *v, struct buf *out)
{
	if (v->timing.version == 2)
		buf_printf(out, "\tauthentication {\n\t\tauth_type PASS\n\t\tauth_pass %s\n\t}\n",
			   v->password);
}

/* Or the kernel may choose an IPv6 VIP as the source of what the node itself sends. */
static const char *lifetime(const char *address)
{
	return family(address) == AF_INET6 ? " preferred_lft 0" : "";
}

/* One VRRP instance has adverts of one family: an address of the other only moves along. */
static void add_second(const struct ha_vip *v, const struct ha_peer *p, struct buf *out)
{
	if (v->second)
		buf_printf(out, "\tvirtual_ipaddress_excluded {\n\t\t%s/%d dev %s%s\n\t}\n", v->second,
			   p->second_prefix, p->interface, lifetime(v->second));
}

static int add_global(const struct ha_vip *v, const struct ha_peer *p, struct buf *out, struct err *err)
{
	const struct tmpl_var vars[] = { { "name", p->name }, { NULL, NULL } };

	return v->included ? 0 : tmpl_render("keepalived-global.conf", vars, out, err);
}

/* A number's text, good until the end of the block it is written in. */
#define NUMBER(n) number((char[12]){ 0 }, n)

static const char *number(char text[12], int n)
{
	snprintf(text, 12, "%d", n);
	return text;
}

/* The question of the bonus takes up to 8 s, and then listens for adverts. */
static int bonus_timeout(const struct ha_timing *t)
{
	return 10 + (ha_hears_ms(t) + 999) / 1000;
}

static int add_bonus(const struct ha_vip *v, struct buf *out, struct err *err)
{
	const struct tmpl_var vars[] = {
		{ "script", HA_CHECK_SCRIPT }, { "bonus", NUMBER(ha_bonus(v->npeers)) },
		{ "timeout", NUMBER(bonus_timeout(&v->timing)) }, { NULL, NULL },
	};

	return v->timing.preempt ? 0 : tmpl_render("keepalived-bonus.conf", vars, out, err);
}

/* The longest that a run of the check script takes, in whole seconds, and what a busy machine adds:
 * keepalived takes a script that it had to end for one that failed. */
static int script_timeout(const struct ha_timing *t)
{
	return t->fall + 10;
}

int ha_keepalived_conf(const struct ha_vip *v, size_t self, struct buf *out, struct err *err)
{
	const struct ha_peer *p = &v->peers[self];
	const struct ha_timing *t = &v->timing;
	auto_wipe struct buf authentication = BUF_INIT;
	auto_buf struct buf unicast = BUF_INIT, bonus = BUF_INIT, global = BUF_INIT, second = BUF_INIT;
	char advert[16];

	if (prove(v->npeers, err) < 0 || check_vip(v, err) < 0 || add_bonus(v, &bonus, err) < 0 ||
	    add_global(v, p, &global, err) < 0)
		return -1;
	snprintf(advert, sizeof(advert), "%g", t->advert_ms / 1000.0);
	buf_reserve(&authentication, 128);
	add_authentication(v, &authentication);
	add_unicast(v, self, &unicast);
	add_second(v, p, &second);
	/* The text holds a password: one piece of memory, so that wiping out wipes it. */
	buf_reserve(out, out->len + strlen(tmpl_text("keepalived.conf")) + authentication.len +
			 unicast.len + bonus.len + global.len + second.len + 512);
	const struct tmpl_var vars[] = {
		{ "global", buf_str(&global) },
		{ "script", HA_CHECK_SCRIPT },
		{ "version", NUMBER(t->version) },
		{ "interface", p->interface },
		{ "virtual_router_id", NUMBER(v->virtual_router_id) },
		{ "priority", NUMBER(ha_priority(v->npeers, self)) },
		{ "weight", NUMBER(ha_weight(v->npeers)) },
		{ "prefix", NUMBER(p->prefix) },
		{ "period", NUMBER(ha_run_ms(t) / 1000) },
		{ "timeout", NUMBER(script_timeout(t)) },
		{ "rise", NUMBER(t->rise) },
		{ "advert", advert },
		{ "authentication", buf_str(&authentication) },
		{ "unicast", buf_str(&unicast) },
		{ "bonus", buf_str(&bonus) },
		{ "track_bonus", t->preempt ? "" : "\t\tholds_vip\n" },
		{ "vip", v->address },
		{ "lifetime", lifetime(v->address) },
		{ "second", buf_str(&second) },
		{ NULL, NULL },
	};

	return tmpl_render("keepalived.conf", vars, out, err);
}

bool ha_is_ours(const char *conf)
{
	return !strncmp(conf, marker, sizeof(marker) - 1);
}

/* What follows the next line's keyword, at or after at; NULL when there is none. */
static const char *value_of(const char *at, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = at; line; line = strchr(line, '\n')) {
		line += strspn(line, " \t\r\n");
		if (!strncmp(line, key, len) && (line[len] == ' ' || line[len] == '\t'))
			return line + len + strspn(line + len, " \t");
	}
	return NULL;
}

int ha_version_of(const char *conf)
{
	const char *value = value_of(conf, "version");

	return value ? atoi(value) : 0;
}

char *ha_password_of(const char *conf)
{
	for (const char *value = conf; (value = value_of(value, "auth_pass"));) {
		auto_free char *password = strndup(value, strcspn(value, " \t\r\n"));

		if (password && ha_password_valid(password))
			return TAKE(password);
	}
	return NULL;
}
