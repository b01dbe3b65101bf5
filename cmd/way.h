/*
 * The way to a node: hactl.yaml over the operator's ssh_config over the defaults, and the bastions
 * in between, each by its own ssh_config.
 */
#ifndef CMD_WAY_H
#define CMD_WAY_H

#include "inventory/inventory.h"
#include "ssh/ssh.h"
#include "sshconf/sshconf.h"

struct way {
	struct ssh_options options; /* its strings are of the inventory, of ssh_config, or here */
	struct strs names;          /* read from a list of hops */
	const char **lists[2];      /* of keys, of known hosts */
	struct way *via;
};

/* ask: NULL when there is no ssh_config to ask.  Of base what a node's way does not decide is
 * taken: share, secrets and the like, and known_hosts, which hold when nothing else is said.
 * Release it also when it fails. */
int way_init(struct way *w, const struct inv_node *n, struct sshconf_run *ask,
	     const struct ssh_options *base, struct err *err) MUST_CHECK;
void way_release(struct way *w);
#define auto_way AUTO(way_release)

#endif
