#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "ssh/session.h"

/* A peer that is silent for so long is asked whether it lives. */
#define ASK_AFTER_MS 3000
#define LEAVE_MS 200

void ssh_start(struct ssh_session *s, int timeout_ms)
{
	int64_t now = clock_ms();

	s->deadline_ms = timeout_ms ? now + timeout_ms : INT64_MAX;
	s->heard_ms = s->asked_ms = now;
	s->end = SSH_ALIVE;
}

/* Only into a socket that takes it whole: a keep-alive that is half sent would block the rest. */
static void ask(struct ssh_session *s, int64_t now)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	int unused;

	if (!s->ready || now - s->heard_ms < ASK_AFTER_MS || now - s->asked_ms < ASK_AFTER_MS ||
	    poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT) ||
	    libssh2_session_block_directions(s->lib) & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		return;
	s->asked_ms = now;
	(void)!libssh2_keepalive_send(s->lib, &unused);
}

static enum ssh_end look(const struct ssh_session *s, int64_t now)
{
	if (remote_interrupted())
		return SSH_INTERRUPTED;
	if (now >= s->deadline_ms)
		return SSH_TIMEOUT;
	if (s->ready && now - s->heard_ms >= SSH_SILENCE_MS)
		return SSH_SILENT;
	return SSH_ALIVE;
}

int ssh_wait_also(struct ssh_session *s, int fd, short events, short *revents)
{
	int directions = libssh2_session_block_directions(s->lib), slice = SSH_SLICE_MS;
	struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN }, { .fd = fd, .events = events } };
	int64_t now = clock_ms();

	s->end = look(s, now);
	if (s->end != SSH_ALIVE)
		return -1;
	ask(s, now);
	if (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		p[0].events |= POLLOUT;
	if (!directions) /* libssh2 1.11 may not know what it waits for */
		slice = 10;
	if (s->deadline_ms - now < slice)
		slice = (int)(s->deadline_ms - now);
	/* Not sticky: the kernel forgets it with each send.  Without it sshd's two small answers in
	 * a row cost a delayed ACK, 40 ms. */
	setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
	poll(p, 2, slice);
	if (p[0].revents & POLLIN)
		s->heard_ms = clock_ms();
	if (revents)
		*revents = p[1].revents;
	return 0;
}

int ssh_wait(struct ssh_session *s)
{
	return ssh_wait_also(s, -1, 0, NULL);
}

int ssh_fail(struct ssh_session *s, long rc, const char *doing, struct err *err)
{
	char *text = NULL;

	if (s->end == SSH_INTERRUPTED)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (s->end == SSH_TIMEOUT)
		return err_set(err, ERR_CONNECT, "%s: no answer in time (%s): the machine is slow or sshd hangs",
			       s->name, doing);
	if (s->end == SSH_SILENT) {
		s->broken = true;
		return err_set(err, ERR_CONNECT,
			       "%s: nothing heard for %d s (%s): the connection is lost; check the machine "
			       "and run the command again",
			       s->name, SSH_SILENCE_MS / 1000, doing);
	}
	libssh2_session_last_error(s->lib, &text, NULL, 0);
	if (rc == LIBSSH2_ERROR_SOCKET_SEND || rc == LIBSSH2_ERROR_SOCKET_DISCONNECT ||
	    rc == LIBSSH2_ERROR_SOCKET_RECV) {
		s->broken = true;
		return err_set(err, ERR_CONNECT,
			       "%s: the connection is lost (%s: %s); check the machine and run the command "
			       "again",
			       s->name, doing, text);
	}
	return err_set(err, ERR_CONNECT, "%s: %s: %s (libssh2 error %ld)", s->name, doing,
		       text && *text ? text : "failed", rc);
}

int ssh_usable(struct ssh_session *s, struct err *err)
{
	if (!s->broken)
		return 0;
	return err_set(err, ERR_CONNECT, "%s: the connection is lost; run the command again", s->name);
}

/* sshd answers the close of a command that still runs when that ends: such a channel is left to
 * itself.  A packet that is half sent, though, would be in the way of all others. */
void ssh_leave(struct ssh_session *s, LIBSSH2_CHANNEL *channel)
{
	enum ssh_end end = s->end;

	if (!channel || s->broken)
		return;
	ssh_start(s, LEAVE_MS);
	if (SSH_RETRY(s, libssh2_channel_free(channel)) &&
	    libssh2_session_block_directions(s->lib) & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		s->broken = true;
	s->end = end;
}
