/* Which of the two ways to speak SSH a node is reached by. */
#ifndef CMD_TRANSPORT_H
#define CMD_TRANSPORT_H

#include "inventory/inventory.h"
#include "ssh/ssh.h"

/* Tells a person something about a node; called on any thread. */
struct transport_note {
	void (*say)(void *ctx, const char *node, const char *text);
	void *ctx;
	bool said; /* atomic; what holds for many nodes is said of the first */
};

/* libssh2, or OpenSSH where hactl.yaml says so, or (auto) where libssh2 cannot: for this node only.
 * o: as for ssh_connect. */
struct remote *transport_connect(const struct inv_node *n, const struct ssh_options *o,
				 struct transport_note *note, struct err *err);

#endif
