#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "ssh/session.h"
#include "ssh/stream.h"

#define OPEN_TIMEOUT_MS 15000

struct tunnel {
	struct ssh_session *s;
	struct ssh_stream stream;
};

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
	struct pollfd p[2] = { [1] = { .fd = t->stream.fd } };

	while (!must_stop(t) && !(p[1].revents & POLLHUP)) {
		int moved = ssh_stream_move(t->s, &t->stream);

		if (moved < 0 || ssh_stream_over(&t->stream))
			return;
		if (moved)
			continue;
		p[1].events = ssh_stream_events(&t->stream);
		if (ssh_wait_many(t->s, p, 2, ssh_stream_listens(&t->stream)) < 0)
			return;
	}
}

static void *run_pump(void *arg)
{
	struct tunnel *t = arg;
	struct ssh_session *s = t->s;

	pump(t);
	close(t->stream.fd);
	ssh_leave(s, t->stream.channel);
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
	} while (ssh_again(rc) && !ssh_wait(s));
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

static int open_tunnel(struct remote *r, const char *host, int port, int *fd, struct err *err)
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
	t->stream.channel = open_direct(s, host, port, err);
	if (!t->stream.channel) {
		free(t);
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		err_errno(err, "%s: a socket", s->name);
	} else {
		t->stream.fd = ends[0];
		if (!start_pump(t, err)) {
			*fd = ends[1];
			return 0;
		}
		close(ends[0]);
		close(ends[1]);
	}
	ssh_leave(s, t->stream.channel);
	free(t);
	return -1;
}

int ssh_tunnel(struct remote *r, const char *host, int port, int *fd, struct err *err)
{
	struct ssh_session *s = (struct ssh_session *)r;
	int rc;

	pthread_mutex_lock(&s->use);
	rc = open_tunnel(r, host, port, fd, err);
	pthread_mutex_unlock(&s->use);
	return rc;
}

void ssh_tunnel_end(struct ssh_session *s)
{
	pthread_mutex_lock(&s->lock);
	s->tunnel_stop = true;
	pthread_mutex_unlock(&s->lock);
	join_pump(s);
}
