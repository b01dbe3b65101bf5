/*
 * Inside pkg/ssh: a bastion, and the connections to it that carry those to the nodes behind.
 *
 * One connection carries them all.  libssh2 opens one channel at a time per connection, though, and
 * one to a dead node takes as long as the bastion's kernel tries: when that holds up the others,
 * another connection is made for them.  Each has a thread that owns its session (pump.c).
 */
#ifndef SSH_JUMP_H
#define SSH_JUMP_H

#include "ssh/stream.h"

/* Who waits for a link; everything under the bastion's lock. */
struct ssh_waiter {
	enum { SSH_LINK_QUEUED, SSH_LINK_OPENING, SSH_LINK_OPEN, SSH_LINK_REFUSED } state;
	int fd;         /* of SSH_LINK_OPEN: the node's end */
	struct err err; /* of SSH_LINK_REFUSED */
	pthread_cond_t changed;
};

/* A stream to a node.  While it is queued it can be taken back, after that it is the pump's. */
struct ssh_link {
	struct ssh_link *next;
	struct ssh_stream stream;
	char *host;
	int port;
	int end;        /* the socket at the other side of stream.fd */
	struct ssh_waiter *waiter; /* NULL: given up, or told */
	bool closing;
};

struct ssh_via {
	struct ssh_bastion *bastion;
	struct ssh_session *s;
	pthread_t thread;
	int wake; /* an eventfd: something below has changed */

	/* Under the bastion's lock. */
	struct ssh_link *queue;
	struct ssh_link *opening;
	int64_t since_ms; /* opening */
	int64_t heard_ms; /* from the bastion */
	bool stop;
	char *lost; /* why; NULL: it is not */

	/* The pump's. */
	struct ssh_link *links;
	size_t nlinks;
	struct pollfd *fds;
};

struct ssh_bastion {
	struct ssh_bastion *next;
	char *key;  /* the way to it: user@host:port for each hop */
	int refs;   /* the share's, and one for each connection through it */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct ssh_via **vias;
	size_t n;
	int connecting;
	bool full;  /* it takes no further connection */
	bool failed, untrusted, unsupported;
	int64_t failed_ms; /* when */
	struct err why; /* it cannot be reached: for the whole run, when it never was; else for those who waited then */
};

/* share.c: the one of that key, made when there is none; with a reference for the caller. */
struct ssh_bastion *ssh_share_bastion(struct ssh_share *share, const char *key);
void ssh_bastion_unref(struct ssh_bastion *b);

/* Starts the thread of a connection that has logged in. */
int ssh_pump_start(struct ssh_via *v, struct err *err);
void ssh_pump_wake(struct ssh_via *v);
void ssh_link_free(struct ssh_link *l);

#endif
