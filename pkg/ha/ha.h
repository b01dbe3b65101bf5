/* keepalived.conf, its check script, and the arithmetic of VRRP and quorum: struct in, text or
 * verdict out.  Facts: keepalived(8), keepalived.conf(5) 2.2.7, RFC 5798. */
#ifndef HA_HA_H
#define HA_HA_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/strs.h"

struct ha_peer {
	const char *name;    /* becomes router_id */
	const char *address; /* numeric */
	const char *interface;
	int prefix;          /* of the VIP on that interface */
};

struct ha_vip {
	const char *address; /* numeric */
	int virtual_router_id;
	const char *password; /* 1 to 8 characters */
	bool unicast;
	const char *check_host; /* the API server's port on the node itself */
	int api_port;
	const struct ha_peer *peers; /* every control-plane node, in the file's order */
	size_t npeers;
};

/* keepalived.conf of peers[self]; refused when the arithmetic does not hold. */
int ha_keepalived_conf(const struct ha_vip *v, size_t self, struct buf *out, struct err *err) MUST_CHECK;
int ha_check_script(const struct ha_vip *v, size_t self, struct buf *out, struct err *err) MUST_CHECK;

/* Was this keepalived.conf written by hactl?  Its password, when it has one (caller frees). */
bool ha_is_ours(const char *conf);
char *ha_password_of(const char *conf);

int ha_majority(int members);
int ha_survives(int members); /* failures */
/* One sentence for a number of control-plane nodes that is no good idea; NULL when it is. */
const char *ha_advice(int members);

#endif
