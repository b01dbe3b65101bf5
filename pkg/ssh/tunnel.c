#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "ssh/session.h"

#define OPEN_TIMEOUT_MS 15000

/* One direction: what was read on one side and waits for the other. */
struct pipe {
	char data[32768];
	size_t from, to;
};

struct tunnel {
	struct ssh_session *s;
	LIBSSH2_CHANNEL *channel;
	int fd;
	bool local_ended, told, remote_ended; /* told: the peer knows that local ended */
	struct pipe up, down;
};

/* -1 when the channel is gone, 1 when something moved. */
static int move_up(struct tunnel *t)
{
	struct pipe *p = &t->up;
	ssize_t n;
	int moved = 0;

	if (p->from == p->to && !t->local_ended) {
		n = recv(t->fd, p->data, sizeof(p->data), MSG_DONTWAIT);
		t->local_ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
		p->from = 0;
		p->to = n > 0 ? (size_t)n : 0;
	}
	if (p->from < p->to) {
		n = libssh2_channel_write(t->channel, p->data + p->from, p->to - p->from);
		if (n < 0 && !SSH_AGAIN(n))
			return -1;
		p->from += n > 0 ? (size_t)n : 0;
		moved = n > 0;
	} else if (t->local_ended && !t->told) {
		t->told = !SSH_AGAIN(libssh2_channel_send_eof(t->channel));
		moved = t->told;
	}
	return moved;
}

static int move_down(struct tunnel *t)
{
	struct pipe *p = &t->down;
	ssize_t n;
	int moved = 0;

	if (p->from == p->to && !t->remote_ended) {
		n = libssh2_channel_read(t->channel, p->data, sizeof(p->data));
		if (n < 0 && !SSH_AGAIN(n))
			return -1;
		t->remote_ended = n <= 0 && libssh2_channel_eof(t->channel);
		p->from = 0;
		p->to = n > 0 ? (size_t)n : 0;
		moved = n > 0;
	}
	if (p->from < p->to) {
		n = send(t->fd, p->data + p->from, p->to - p->from, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		p->from += n > 0 ? (size_t)n : 0;
		moved |= n > 0;
	}
	return moved;
}

static bool must_stop(struct tunnel *t)
{
	bool stop;

	pthread_mutex_lock(&t->s->lock);
	stop = t->s->tunnel_stop;
	pthread_mutex_unlock(&t->s->lock);
	return stop;
}

/* Ends when either side has closed; a caller that closes its end hangs up at once. */
static void pump(struct tunnel *t)
{
	short seen = 0;

	while (!must_stop(t) && !(seen & POLLHUP)) {
		int up = move_up(t), down = move_down(t);
		short events = 0;

		if (up < 0 || down < 0 || (t->remote_ended && t->down.from == t->down.to))
			return;
		if (up || down)
			continue;
		if (t->up.from == t->up.to && !t->local_ended)
			events |= POLLIN;
		if (t->down.from < t->down.to)
			events |= POLLOUT;
		if (ssh_wait_also(t->s, t->fd, events, &seen) < 0)
			return;
	}
}

static void *run_pump(void *arg)
{
	struct tunnel *t = arg;
	struct ssh_session *s = t->s;

	pump(t);
	close(t->fd);
	ssh_leave(s, t->channel);
	explicit_bzero(t, sizeof(*t));
	free(t);
	pthread_mutex_lock(&s->lock);
	s->tunnel_open = false;
	pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void join_pump(struct ssh_session *s)
{
	if (s->pump_started)
		pthread_join(s->pump, NULL);
	s->pump_started = false;
}

int ssh_acquire(struct ssh_session *s, int timeout_ms, struct err *err)
{
	int64_t deadline = timeout_ms ? clock_ms() + timeout_ms : INT64_MAX;
	bool open;

	pthread_mutex_lock(&s->lock);
	while ((open = s->tunnel_open) && clock_ms() < deadline && !remote_interrupted()) {
		int64_t wake = clock_wall_ms() + SSH_SLICE_MS;

		pthread_cond_timedwait(&s->idle, &s->lock,
				       &(struct timespec){ wake / 1000, wake % 1000 * 1000000 });
	}
	pthread_mutex_unlock(&s->lock);
	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (open)
		return err_set(err, ERR_CONNECT, "%s: a tunnel keeps the connection busy", s->name);
	join_pump(s);
	if (ssh_usable(s, err) < 0)
		return -1;
	ssh_start(s, timeout_ms);
	return 0;
}

static LIBSSH2_CHANNEL *open_direct(struct ssh_session *s, const char *host, int port,
				    struct err *err)
{
	LIBSSH2_CHANNEL *channel;
	int rc;

	do {
		channel = libssh2_channel_direct_tcpip_ex(s->lib, host, port, "127.0.0.1", 0);
		rc = channel ? 0 : libssh2_session_last_errno(s->lib);
	} while (SSH_AGAIN(rc) && !ssh_wait(s));
	if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE && s->end == SSH_ALIVE)
		err_set(err, ERR_CONNECT,
			"%s: no tunnel to '%s' port %d: nothing listens there, or sshd forbids it "
			"(AllowTcpForwarding)",
			s->name, host, port);
	else if (rc)
		ssh_fail(s, rc, "opening a tunnel", err);
	return channel;
}

static int start_pump(struct tunnel *t, struct err *err)
{
	struct ssh_session *s = t->s;
	int rc;

	ssh_start(s, 0);
	s->tunnel_open = true;
	s->tunnel_stop = false;
	rc = pthread_create(&s->pump, NULL, run_pump, t);
	s->pump_started = !rc;
	if (rc)
		s->tunnel_open = false;
	errno = rc;
	return rc ? err_errno(err, "%s: a thread", s->name) : 0;
}

int ssh_tunnel(struct remote *r, const char *host, int port, int *fd, struct err *err)
{
	struct ssh_session *s = (struct ssh_session *)r;
	struct tunnel *t;
	int ends[2];

	if (ssh_acquire(s, OPEN_TIMEOUT_MS, err) < 0)
		return -1;
	t = calloc(1, sizeof(*t));
	if (!t)
		abort();
	t->s = s;
	t->channel = open_direct(s, host, port, err);
	if (!t->channel) {
		free(t);
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		err_errno(err, "%s: a socket", s->name);
	} else {
		t->fd = ends[0];
		if (!start_pump(t, err)) {
			*fd = ends[1];
			return 0;
		}
		close(ends[0]);
		close(ends[1]);
	}
	ssh_leave(s, t->channel);
	free(t);
	return -1;
}

void ssh_tunnel_end(struct ssh_session *s)
{
	pthread_mutex_lock(&s->lock);
	s->tunnel_stop = true;
	pthread_mutex_unlock(&s->lock);
	join_pump(s);
}
