#define _GNU_SOURCE
#include "ha/ha.h"

#include <stdio.h>
#include <string.h>

#include "ha/check.h"
#include "tmpl/tmpl.h"

enum { INET6_HOST_MAX = 256 + 16, MAX_OTHERS = 4 };

bool ha_is_host(const char *s)
{
	return *s && *s != '-' && strlen(s) < 256 &&
	       !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_")];
}

struct ha_timing ha_timing_default(int version)
{
	return (struct ha_timing){ .version = version,
				   .advert_ms = version == 3 ? HA_ADVERT_MS : HA_ADVERT_V2_MS,
				   .check_ms = HA_CHECK_MS, .fall = HA_FALL, .rise = HA_RISE };
}

int ha_run_ms(const struct ha_timing *t)
{
	return t->check_ms <= 1000 ? 1000 : (t->check_ms + 999) / 1000 * 1000;
}

int ha_hears_ms(const struct ha_timing *t)
{
	return 4 * t->advert_ms;
}

/* Hundredths of a second after which a run leaves the next look to the next run: 0.05 s before
 * that begins, which is what keepalived takes to start it. */
static int last_look(const struct ha_timing *t)
{
	return t->check_ms < 950 ? 95 - t->check_ms / 10 : 0;
}

static bool is_port(int n)
{
	return n >= 1 && n <= 65535;
}

static const char notes_of_api_server[] =
	"# - Its own address, not a balancer's: that would say how the cluster is, not this node.\n"
	"# - Without its etcd: an election, one or two seconds, must not make every node sick at once.\n"
	"# - 401 and 403 are a living server that does not talk to anonymous callers.\n"
	"# - The certificate is not checked: whoever can answer here owns the node already.\n";
static const char notes_of_haproxy[] =
	"# - HAProxy's own word, not an API server's: it sends clients to any that lives, on whatever node.\n"
	"# - It says no when it reaches none of them.\n";

/* "ADDRESS:PORT ADDRESS:PORT": API servers of other nodes, as many as a run has the time to ask. */
static void list_others(const struct ha_vip *v, size_t self, struct buf *out)
{
	for (size_t i = 1, n = 0; i < v->npeers && n < MAX_OTHERS; i++, n++) {
		const char *address = v->peers[(self + i) % v->npeers].address;

		buf_printf(out, strchr(address, ':') ? "%s[%s]:%d" : "%s%s:%d", n ? " " : "", address, v->api_port);
	}
}

int ha_check_script(const struct ha_vip *v, size_t self, struct buf *out, struct err *err)
{
	const char *host = v->check_host ? v->check_host : v->peers[self].address;
	const struct ha_timing *t = &v->timing;
	bool balanced = v->balancer_port;
	int listening = balanced ? v->balancer_port : v->api_port;
	char port[16], hex[16], period[16], interval[16], fall[16], until[16], hears[16], url[INET6_HOST_MAX];
	auto_buf struct buf others = BUF_INIT;

	for (size_t i = 0; i < v->npeers; i++)
		if (!ha_is_host(v->peers[i].address))
			return err_set(err, ERR_CONFIG, "'%s' is no host that an API server can be checked on", v->peers[i].address);
	if (!ha_is_host(host))
		return err_set(err, ERR_CONFIG, "'%s' is no host that an API server can be checked on", host);
	if (!is_port(listening) || !is_port(v->api_port))
		return err_set(err, ERR_CONFIG, "%d is no port that an API server can be checked on",
			       is_port(listening) ? v->api_port : listening);
	snprintf(port, sizeof(port), "%d", listening);
	snprintf(hex, sizeof(hex), "%04X", (unsigned)listening);
	snprintf(period, sizeof(period), "%d", ha_run_ms(t) / 1000);
	snprintf(interval, sizeof(interval), "%g", (t->check_ms < 950 ? t->check_ms : HA_CHECK_MS) / 1000.0);
	snprintf(fall, sizeof(fall), "%d", t->fall);
	snprintf(until, sizeof(until), "%d", last_look(t));
	snprintf(hears, sizeof(hears), "%g", ha_hears_ms(t) / 1000.0);
	snprintf(url, sizeof(url), strchr(host, ':') ? "https://[%s]:%d" : "https://%s:%d", host, listening);
	list_others(v, self, &others);
	const struct tmpl_var vars[] = {
		{ "what", balanced ? "the HAProxy" : "the API server" },
		{ "notes", balanced ? notes_of_haproxy : notes_of_api_server },
		{ "vip", v->address },
		{ "others", buf_str(&others) },
		{ "url", balanced ? "http://localhost" : url },
		{ "socket", balanced ? "--unix-socket " HA_HAPROXY_SOCKET " " : "" },
		{ "path", balanced ? "/alive" : "/livez?exclude=etcd" },
		{ "port", port },
		{ "hex_port", hex },
		{ "period", period },
		{ "interval", interval },
		{ "fall", fall },
		{ "until", until },
		{ "hears", hears },
		{ NULL, NULL },
	};

	return tmpl_render("check_apiserver.sh", vars, out, err);
}
