/*
 * Inside pkg/ssh: one connection.  libssh2 runs non-blocking; every call of it is repeated by
 * SSH_RETRY until it has an answer, the deadline has passed, the peer has gone silent, or the
 * program is interrupted.  libssh2's blocking mode is of no use: any signal ends its waits.
 */
#ifndef SSH_SESSION_H
#define SSH_SESSION_H

#include <libssh2.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>

#include "remote/remote.h"
#include "ssh/share.h"

/* Longest wait before flags are looked at. */
#define SSH_SLICE_MS 100
/* A peer that is silent for so long is asked whether it lives, and is gone when it does not answer:
 * within 10 s, with the last slice. */
#define SSH_ASK_MS 3000
#define SSH_SILENCE_MS 9000
_Static_assert(SSH_SILENCE_MS + 2 * SSH_SLICE_MS <= 10000, "a dead peer is noticed in 10 s");
_Static_assert(2 * SSH_ASK_MS < SSH_SILENCE_MS, "it is asked twice before that");

enum ssh_end { SSH_ALIVE, SSH_TIMEOUT, SSH_INTERRUPTED, SSH_SILENT };

struct ssh_session {
	struct remote remote; /* first: a remote is cast to it */
	LIBSSH2_SESSION *lib;
	int fd;
	char *name, *user, *host; /* name: user@host:port, for messages */
	int port;
	bool ready;               /* logged in */
	bool broken;              /* nothing more can be asked of it */
	bool carries;             /* other connections, which decide about interrupts themselves */
	int ask_ms, silence_ms;
	struct ssh_via *via;      /* the bastion's connection that it goes through; NULL: none */
	bool *unsupported;        /* the options', while connecting; may be NULL */
	int64_t deadline_ms;      /* of the operation at hand; INT64_MAX: none */
	unsigned long received;   /* bytes, to tell whether there were any */
	int64_t heard_ms, asked_ms; /* when the peer was last heard, and last asked whether it lives */
	int64_t listened_ms;      /* when this program last listened */
	enum ssh_end end;         /* why the last wait was given up */
	void *login;              /* login.c's, while it lasts */
	struct buf greeting;      /* first bytes from the peer, for explaining a failed key exchange */

	/* Who has the session: the thread of exec, or that of hold.c. */
	pthread_mutex_t use;
	struct ssh_held {
		LIBSSH2_CHANNEL *channel; /* NULL: nothing is held */
		int64_t due_ms;           /* when the next line is to be sent */
		int64_t heard_ms;         /* when it was last known that something had come since the beat before */
		unsigned long seen;       /* what had come by then */
		bool gone;
	} held;

	/* While a tunnel is open its thread has the session. */
	pthread_mutex_t lock;
	pthread_cond_t idle;
	pthread_t pump;
	bool pump_started, tunnel_open, tunnel_stop;
};

/* libssh2 1.10 says BAD_USE to a call made while a packet of another is half sent. */
static inline bool ssh_again(long rc)
{
	return rc == LIBSSH2_ERROR_EAGAIN || rc == LIBSSH2_ERROR_BAD_USE;
}

#define SSH_RETRY(s, call) ({ \
	long rc_; \
	while (rc_ = (call), ssh_again(rc_) && !ssh_wait(s)) \
		; \
	rc_; \
})

/* For what reading from a channel gives.  The read of 1.10 also widens the window, and calls that a
 * dead socket when it comes upon a packet that is half sent; it does it again with the next read. */
bool ssh_read_again(struct ssh_session *s, long rc);

/* Starts the clock of an operation; 0: no limit. */
void ssh_start(struct ssh_session *s, int timeout_ms);

/* Waits until the connection can go on; -1 when the wait is over, see end. */
int ssh_wait(struct ssh_session *s);

/* Asks the peer whether it lives, if that can be sent whole. */
void ssh_ask(struct ssh_session *s);

/* The same with others to wait for: fds[0] is filled in here, for the session.  listen: it is read
 * from after that; a peer that is not listened to is not taken for silent. */
int ssh_wait_many(struct ssh_session *s, struct pollfd *fds, size_t n, bool listen);

/* Sets err from end or from libssh2's own error; doing: "key exchange", "opening a channel". */
int ssh_fail(struct ssh_session *s, long rc, const char *doing, struct err *err);

/* Closes and frees a channel, NULL is fine; end stays as it is. */
void ssh_leave(struct ssh_session *s, LIBSSH2_CHANNEL *channel);

/* -1 with err set when the session cannot be used any more. */
int ssh_usable(struct ssh_session *s, struct err *err);

/* tcp.c: connects within deadline_ms, addresses tried with a head start of 250 ms each. */
int ssh_tcp_connect(const char *host, int port, int64_t deadline_ms, int silence_ms, struct err *err);

/* jump.c: a stream to o->host through the bastion o->via, whose connection is made when there is none
 * yet.  *via stays good until it is released, after fd is closed. */
struct ssh_via;
int ssh_via_connect(const struct ssh_options *o, int timeout_ms, struct ssh_via **via, struct err *err);
void ssh_via_release(struct ssh_via *via); /* NULL is fine */
/* Says that the bastion is lost and why, if it is. */
void ssh_via_explain(struct ssh_via *via, struct buf *out);

/* algorithms.c: what to ask for, host keys of these types first. */
int ssh_prefer(struct ssh_session *s, const struct strs *host_key_types, struct err *err);
/* Says which algorithm is missing, from the peer's greeting; "" when that is unclear. */
void ssh_explain_algorithms(struct ssh_session *s, struct buf *out);

/* A new connection instead of the present one, to the same host, its key checked again. */
int ssh_reconnect(struct ssh_session *s, const struct ssh_options *o, struct err *err);
/* For connecting and logging in, without the time that a person takes to answer. */
int ssh_login_timeout(const struct ssh_options *o);

/* hostkey.c */
struct ssh_trust;
int ssh_check_host_key(struct ssh_session *s, const struct ssh_options *o, struct ssh_trust *t,
		       struct err *err);

/* login.c */
int ssh_login(struct ssh_session *s, const struct ssh_options *o, struct err *err);

/* hold.c: sends the held command its line when that is due; called by every wait. */
void ssh_beat_if_due(struct ssh_session *s, int64_t now);
int ssh_beat(struct remote *r);
void ssh_unhold(struct remote *r);

/* exec.c, tunnel.c */
int ssh_hold(struct remote *r, const struct remote_exec *e, struct remote_result *res,
	     struct err *err);
int ssh_exec(struct remote *r, const struct remote_exec *e, struct remote_result *res,
	     struct err *err);
int ssh_tunnel(struct remote *r, const char *host, int port, int *fd, struct err *err);
void ssh_tunnel_end(struct ssh_session *s);
/* Waits for an open tunnel to end, then for s to be this thread's. */
int ssh_acquire(struct ssh_session *s, int timeout_ms, struct err *err);

#endif
