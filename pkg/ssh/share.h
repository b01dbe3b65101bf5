/* Inside pkg/ssh: what the connections of one run have in common. */
#ifndef SSH_SHARE_H
#define SSH_SHARE_H

#include <pthread.h>

#include "ssh/known_hosts.h"
#include "ssh/ssh.h"

/* A list of known_hosts files, read once.  Read under the lock; a key that is accepted is added
 * under it too. */
struct ssh_known {
	struct ssh_known *next;
	char *key; /* the paths */
	struct known_hosts hosts;
	pthread_rwlock_t lock;
};

/* paths ends in NULL.  Belongs to the share. */
struct ssh_known *ssh_share_known(struct ssh_share *share, const char *const *paths, struct err *err);

#endif
