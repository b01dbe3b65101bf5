/* How the nodes' users become root: ssh.sudo, and where sudo's password comes from. */
#ifndef CMD_SUDO_H
#define CMD_SUDO_H

#include "inventory/inventory.h"
#include "remote/remote.h"
#include "ssh/secrets.h"

/* What r needs for ssh.sudo and ssh.sudoPasswordFile of its node; user: who has logged in.  The sources, which r borrows,
 * are added to *list (NULL at first) and freed with sudo_free, after the remotes; secrets: asks. */
struct sudo_source;
void sudo_prepare(struct remote *r, const struct inv_node *n, const char *user,
		  struct ssh_secrets *secrets, struct sudo_source **list);
void sudo_free(struct sudo_source **list);

#endif
