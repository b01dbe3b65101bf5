#define _GNU_SOURCE
#include "ssh/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

static bool holds(const struct ssh_pipe *p)
{
	return p->from < p->to;
}

static void fill(struct ssh_pipe *p, ssize_t n)
{
	p->from = 0;
	p->to = n > 0 ? (size_t)n : 0;
}

/* What libssh2 took a part of must be given to it again as it was: the same bytes, as many. */
static int move_up(struct ssh_stream *t)
{
	struct ssh_pipe *p = &t->up;
	ssize_t n;

	if (!holds(p) && !t->local_ended) {
		n = recv(t->fd, p->data, sizeof(p->data), MSG_DONTWAIT);
		t->local_ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
		fill(p, n);
	}
	if (holds(p)) {
		n = libssh2_channel_write(t->channel, p->data + p->from, p->to - p->from);
		if (n < 0 && !ssh_again(n))
			return -1;
		p->from += n > 0 ? (size_t)n : 0;
		return n > 0;
	}
	if (t->local_ended && !t->told) {
		t->told = !ssh_again(libssh2_channel_send_eof(t->channel));
		return t->told;
	}
	return 0;
}

static int move_down(struct ssh_session *s, struct ssh_stream *t)
{
	struct ssh_pipe *p = &t->down;
	ssize_t n;
	int moved = 0;

	if (!holds(p) && !t->remote_ended) {
		n = libssh2_channel_read(t->channel, p->data, sizeof(p->data));
		if (n < 0 && !ssh_read_again(s, n))
			return -1;
		t->remote_ended = n <= 0 && libssh2_channel_eof(t->channel);
		fill(p, n);
		moved = n > 0 || t->remote_ended;
	}
	if (holds(p)) {
		n = send(t->fd, p->data + p->from, p->to - p->from, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		p->from += n > 0 ? (size_t)n : 0;
		moved |= n > 0;
	}
	return moved;
}

int ssh_stream_move(struct ssh_session *s, struct ssh_stream *t)
{
	int up = move_up(t), down = up < 0 ? -1 : move_down(s, t);

	return down < 0 ? -1 : up || down;
}

bool ssh_stream_over(const struct ssh_stream *t)
{
	return t->remote_ended && !holds(&t->down);
}

short ssh_stream_events(const struct ssh_stream *t)
{
	short events = 0;

	if (!holds(&t->up) && !t->local_ended)
		events |= POLLIN;
	if (holds(&t->down))
		events |= POLLOUT;
	return events;
}

bool ssh_stream_listens(const struct ssh_stream *t)
{
	return holds(&t->up) || (!holds(&t->down) && !t->remote_ended);
}
