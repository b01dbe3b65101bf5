#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "openssh/master.h"
#include "openssh/mux.h"

#define OPEN_TIMEOUT_MS 15000
#define CHUNK 65536

/*
 * Between the caller's socket and the two pipes that ssh works on.  ssh could be given the socket
 * itself, but would not tell its end: it closes only one of its two descriptors of it.
 */
struct openssh_tunnel {
	struct openssh_tunnel *next;
	pthread_t pump;
	int local;    /* this end of the caller's socket */
	int to, from; /* ssh's stdin and stdout */
	int control;  /* closing it ends the tunnel */
	int stop[2];  /* a pipe; closing its end [1] stops the pump */
	bool done;    /* atomic: the pump is about to end */
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

struct way {
	int from, to; /* -1: ended */
	bool full;    /* to takes no more for now */
};

static struct pollfd waits_for(const struct way *w)
{
	return w->full ? (struct pollfd){ .fd = w->to, .events = POLLOUT } :
			 (struct pollfd){ .fd = w->from, .events = POLLIN };
}

/* Moves what there is without looking at it; false at its end. */
static bool move(struct way *w, short revents)
{
	ssize_t n;

	if (!revents)
		return true;
	n = splice(w->from, NULL, w->to, NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	w->full = n < 0 && !w->full; /* what was readable could not be written */
	return true;
}

/* Ends when either side has closed; a caller that closes its end hangs up at once. */
static void *pump(void *arg)
{
	struct openssh_tunnel *t = arg;
	struct way up = { t->local, t->to, false }, down = { t->from, t->local, false };

	for (;;) {
		struct pollfd p[] = { waits_for(&up), waits_for(&down), { .fd = t->local },
				      { .fd = t->stop[0] } };

		poll(p, 4, -1);
		if (p[2].revents & POLLHUP || p[3].revents || !move(&down, p[1].revents))
			break;
		if (!move(&up, p[0].revents)) {
			shut(&t->to);
			up = (struct way){ -1, -1, false };
		}
	}
	shut(&t->local);
	shut(&t->to);
	shut(&t->from);
	shut(&t->control);
	__atomic_store_n(&t->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void release(struct openssh_tunnel *t)
{
	shut(&t->local);
	shut(&t->to);
	shut(&t->from);
	shut(&t->control);
	shut(&t->stop[0]);
	shut(&t->stop[1]);
	free(t);
}

/* Tunnels that are over, or (all) every one. */
static void end_tunnels(struct openssh_master *m, bool all)
{
	for (struct openssh_tunnel **at = &m->tunnels, *t; (t = *at);) {
		if (!all && !__atomic_load_n(&t->done, __ATOMIC_ACQUIRE)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		shut(&t->stop[1]);
		pthread_join(t->pump, NULL);
		release(t);
	}
}

void openssh_tunnels_end(struct openssh_master *m)
{
	end_tunnels(m, true);
}

/* theirs: what ssh gets.  On failure the caller closes all there is. */
static int make_ends(struct openssh_tunnel *t, int theirs[2], int *caller, const char *name,
		     struct err *err)
{
	int local[2], to[2], from[2];

	if (pipe2(t->stop, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, local) < 0)
		return err_errno(err, "%s: a socket", name);
	t->local = local[0];
	*caller = local[1];
	if (pipe2(to, O_CLOEXEC) < 0)
		return err_errno(err, "%s: a pipe", name);
	theirs[0] = to[0];
	t->to = to[1];
	if (pipe2(from, O_CLOEXEC) < 0)
		return err_errno(err, "%s: a pipe", name);
	t->from = from[0];
	theirs[1] = from[1];
	for (int i = 0; i < 3; i++)
		fcntl((const int[]){ t->local, t->to, t->from }[i], F_SETFL, O_NONBLOCK);
	return 0;
}

static int ask(struct openssh_master *m, struct openssh_tunnel *t, const int theirs[2],
	       const char *host, int port, struct err *err)
{
	auto_buf struct buf request = BUF_INIT, why = BUF_INIT;
	int64_t deadline_ms = clock_ms() + OPEN_TIMEOUT_MS;
	int rc;

	mux_forward(host, port, &request);
	t->control = mux_connect(m->path, deadline_ms);
	rc = t->control < 0 ? -1 : mux_ask(t->control, &request, theirs, 2, deadline_ms, &why);
	if (rc < 0)
		return openssh_fail(m, deadline_ms, "opening a tunnel", err);
	if (rc)
		return err_set(err, ERR_CONNECT,
			       "%s: no tunnel to '%s' port %d: nothing listens there, or sshd forbids it "
			       "(AllowTcpForwarding)", m->name, host, port);
	return 0;
}

static int start_pump(struct openssh_master *m, struct openssh_tunnel *t, struct err *err)
{
	int rc = pthread_create(&t->pump, NULL, pump, t);

	errno = rc;
	return rc ? err_errno(err, "%s: a thread", m->name) : 0;
}

int openssh_tunnel(struct remote *r, const char *host, int port, int *fd, struct err *err)
{
	struct openssh_master *m = (struct openssh_master *)r;
	struct openssh_tunnel *t = malloc(sizeof(*t));
	int theirs[2] = { -1, -1 }, caller = -1, rc;

	if (!t)
		abort();
	end_tunnels(m, false);
	*t = (struct openssh_tunnel){ .next = m->tunnels, .local = -1, .to = -1, .from = -1,
				      .control = -1, .stop = { -1, -1 } };
	rc = make_ends(t, theirs, &caller, m->name, err);
	if (!rc)
		rc = ask(m, t, theirs, host, port, err);
	shut(&theirs[0]);
	shut(&theirs[1]);
	if (rc < 0 || start_pump(m, t, err) < 0) {
		shut(&caller);
		release(t);
		return -1;
	}
	m->tunnels = t;
	*fd = caller;
	return 0;
}
