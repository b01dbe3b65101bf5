/* Inside pkg/ssh: bytes that go both ways between a channel and a socket. */
#ifndef SSH_STREAM_H
#define SSH_STREAM_H

#include "ssh/session.h"

/* One direction: what was read on one side and waits for the other. */
struct ssh_pipe {
	char data[16384];
	size_t from, to;
};

struct ssh_stream {
	LIBSSH2_CHANNEL *channel;
	int fd;
	bool local_ended, told, remote_ended; /* told: the peer knows that local ended */
	struct ssh_pipe up, down;
};

/* 1 when something moved, 0 when both sides have to be waited for, -1 when one of them is gone. */
int ssh_stream_move(struct ssh_session *s, struct ssh_stream *t);

/* All that came from the peer has been passed on. */
bool ssh_stream_over(const struct ssh_stream *t);

/* What to wait for at fd; bytes of the channel are waited for at the session unless it is full. */
short ssh_stream_events(const struct ssh_stream *t);
bool ssh_stream_listens(const struct ssh_stream *t);

#endif
