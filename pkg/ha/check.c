#define _GNU_SOURCE
#include "ha/ha.h"

#include <stdio.h>
#include <string.h>

#include "tmpl/tmpl.h"

/* No more than a name, a DNS name or an address is made of. */
static bool is_host(const char *s)
{
	return *s && *s != '-' &&
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

/* Hundredths of a second after which a run leaves the next look to the next run: 0.05 s before
 * that begins, which is what keepalived takes to start it. */
static int last_look(const struct ha_timing *t)
{
	return t->check_ms < 950 ? 95 - t->check_ms / 10 : 0;
}

int ha_check_script(const struct ha_vip *v, size_t self, struct buf *out, struct err *err)
{
	const char *host = v->check_host ? v->check_host : v->peers[self].address;
	const struct ha_timing *t = &v->timing;
	char port[16], hex[16], period[16], interval[16], fall[16], until[16];

	if (!is_host(host))
		return err_set(err, ERR_CONFIG, "'%s' is no host that an API server can be checked on", host);
	if (v->api_port < 1 || v->api_port > 65535)
		return err_set(err, ERR_CONFIG, "%d is no port that an API server can be checked on",
			       v->api_port);
	snprintf(port, sizeof(port), "%d", v->api_port);
	snprintf(hex, sizeof(hex), "%04X", (unsigned)v->api_port);
	snprintf(period, sizeof(period), "%d", ha_run_ms(t) / 1000);
	snprintf(interval, sizeof(interval), "%g", (t->check_ms < 950 ? t->check_ms : HA_CHECK_MS) / 1000.0);
	snprintf(fall, sizeof(fall), "%d", t->fall);
	snprintf(until, sizeof(until), "%d", last_look(t));
	const struct tmpl_var vars[] = {
		{ "vip", v->address },
		{ "host", host },
		{ "bracketed", strchr(host, ':') ? "[$host]" : "$host" },
		{ "port", port },
		{ "hex_port", hex },
		{ "period", period },
		{ "interval", interval },
		{ "fall", fall },
		{ "until", until },
		{ NULL, NULL },
	};

	return tmpl_render("check_apiserver.sh", vars, out, err);
}
