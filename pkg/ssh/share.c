#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

#include "ssh/ssh.h"

struct ssh_share {
	pthread_mutex_t lock;
};

struct ssh_share *ssh_share_new(void)
{
	struct ssh_share *share = calloc(1, sizeof(*share));

	if (!share)
		abort();
	pthread_mutex_init(&share->lock, NULL);
	return share;
}

void ssh_share_free(struct ssh_share *share)
{
	if (!share)
		return;
	pthread_mutex_destroy(&share->lock);
	free(share);
}
