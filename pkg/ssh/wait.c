#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "ssh/session.h"

#define LEAVE_MS 200
#define ABSENT_MS 1000 /* more than a wait ever takes */

void ssh_start(struct ssh_session *s, int timeout_ms)
{
	int64_t now = clock_ms();

	s->deadline_ms = timeout_ms ? now + timeout_ms : INT64_MAX;
	s->heard_ms = s->asked_ms = s->listened_ms = now;
	s->end = SSH_ALIVE;
}

/* Only into a socket that takes it whole: a keep-alive that is half sent would block the rest. */
void ssh_ask(struct ssh_session *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	int unused;

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT) ||
	    libssh2_session_block_directions(s->lib) & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		return;
	s->asked_ms = clock_ms();
	(void)!libssh2_keepalive_send(s->lib, &unused);
}

static void ask_if_silent(struct ssh_session *s, int64_t now)
{
	if (s->ready && now - s->heard_ms >= s->ask_ms && now - s->asked_ms >= s->ask_ms)
		ssh_ask(s);
}

/* The time that this program was stopped, or had no processor, is no silence of the peer's. */
static void forgive_absence(struct ssh_session *s, int64_t now)
{
	if (now - s->listened_ms > ABSENT_MS)
		s->heard_ms += now - s->listened_ms;
	s->listened_ms = now;
}

static enum ssh_end look(const struct ssh_session *s, int64_t now)
{
	if (remote_interrupted() && !s->carries)
		return SSH_INTERRUPTED;
	if (now >= s->deadline_ms)
		return SSH_TIMEOUT;
	if (s->ready && now - s->heard_ms >= s->silence_ms)
		return SSH_SILENT;
	return SSH_ALIVE;
}

int ssh_wait_many(struct ssh_session *s, struct pollfd *fds, size_t n, bool listen)
{
	int directions = libssh2_session_block_directions(s->lib), slice = SSH_SLICE_MS;
	int64_t now = clock_ms();

	if (!listen)
		s->heard_ms = now;
	forgive_absence(s, now);
	s->end = look(s, now);
	if (s->end != SSH_ALIVE)
		return -1;
	ask_if_silent(s, now);
	ssh_beat_if_due(s, now);
	directions |= libssh2_session_block_directions(s->lib);
	fds[0] = (struct pollfd){ .fd = s->fd, .events = listen ? POLLIN : 0 };
	if (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		fds[0].events |= POLLOUT;
	if (!directions && listen) /* libssh2 1.11 may not know what it waits for */
		slice = 10;
	if (s->deadline_ms - now < slice)
		slice = (int)(s->deadline_ms - now);
	/* Not sticky: the kernel forgets it with each send.  Without it sshd's two small answers in
	 * a row cost a delayed ACK, 40 ms. */
	setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
	poll(fds, n, slice);
	if (fds[0].revents & POLLIN)
		s->heard_ms = clock_ms();
	return 0;
}

int ssh_wait(struct ssh_session *s)
{
	struct pollfd own;

	return ssh_wait_many(s, &own, 1, true);
}

static bool is_lost(long rc)
{
	return rc == LIBSSH2_ERROR_SOCKET_SEND || rc == LIBSSH2_ERROR_SOCKET_DISCONNECT ||
	       rc == LIBSSH2_ERROR_SOCKET_RECV;
}

/* The node, or the bastion in front of it. */
static int lost(struct ssh_session *s, const char *doing, struct err *err)
{
	auto_buf struct buf why = BUF_INIT;
	char *text = NULL;

	s->broken = true;
	if (s->via)
		ssh_via_explain(s->via, &why);
	if (why.len)
		return err_set(err, ERR_CONNECT, "%s: %s", s->name, buf_str(&why));
	if (s->end == SSH_SILENT)
		return err_set(err, ERR_CONNECT,
			       "%s: nothing heard for %d s (%s): the connection is lost; check the machine "
			       "and run the command again",
			       s->name, s->silence_ms / 1000, doing);
	if (is_lost(libssh2_session_last_errno(s->lib)))
		libssh2_session_last_error(s->lib, &text, NULL, 0);
	return err_set(err, ERR_CONNECT,
		       "%s: the connection is lost (%s: %s); check the machine and run the command again",
		       s->name, doing, text && *text ? text : "the other side closed it");
}

bool ssh_read_again(struct ssh_session *s, long rc)
{
	char *text = NULL;

	if (rc != LIBSSH2_ERROR_SOCKET_SEND)
		return ssh_again(rc);
	libssh2_session_last_error(s->lib, &text, NULL, 0);
	return text && strstr(text, "deferring") &&
	       libssh2_session_block_directions(s->lib) & LIBSSH2_SESSION_BLOCK_OUTBOUND;
}

int ssh_fail(struct ssh_session *s, long rc, const char *doing, struct err *err)
{
	char *text = NULL;

	if (s->end == SSH_INTERRUPTED)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (s->end == SSH_TIMEOUT)
		return err_set(err, ERR_CONNECT, "%s: no answer in time (%s): the machine is slow or sshd hangs",
			       s->name, doing);
	if (s->end == SSH_SILENT || is_lost(rc))
		return lost(s, doing, err);
	libssh2_session_last_error(s->lib, &text, NULL, 0);
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
