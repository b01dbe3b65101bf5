#define _GNU_SOURCE
#include "openssh/mux.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "openssh/master.h"
#include "remote/remote.h"
#include "ssh/wire.h"

#define VERSION 4
#define NO_ESCAPE 0xffffffff
#define MAX_MESSAGE 65536

static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	while (poll(&p, 1, OPENSSH_SLICE_MS) <= 0)
		if (remote_interrupted() || clock_ms() >= deadline_ms)
			return -1;
	return 0;
}

static int send_all(int fd, const struct buf *b, int64_t deadline_ms)
{
	for (size_t sent = 0; sent < b->len;) {
		ssize_t n;

		if (wait_for(fd, POLLOUT, deadline_ms) < 0)
			return -1;
		n = send(fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* ssh takes one descriptor at a time, each with one byte. */
static int send_descriptor(int fd, int sent, int64_t deadline_ms)
{
	union { struct cmsghdr head; char space[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct msghdr m = {
		.msg_iov = &(struct iovec){ (char[1]){ 0 }, 1 },
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};

	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), &sent, sizeof(int));
	for (;;) {
		if (wait_for(fd, POLLOUT, deadline_ms) < 0)
			return -1;
		if (sendmsg(fd, &m, MSG_NOSIGNAL) == 1)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return -1;
	}
}

static int receive(int fd, size_t len, int64_t deadline_ms, struct buf *b)
{
	char chunk[1024];

	while (len) {
		ssize_t n;

		if (wait_for(fd, POLLIN, deadline_ms) < 0)
			return -1;
		n = recv(fd, chunk, len < sizeof(chunk) ? len : sizeof(chunk), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -1;
		buf_add(b, chunk, (size_t)n);
		len -= (size_t)n;
	}
	return 0;
}

static int receive_message(int fd, int64_t deadline_ms, struct buf *message)
{
	auto_buf struct buf head = BUF_INIT;
	struct wire w;
	uint32_t len;

	if (receive(fd, 4, deadline_ms, &head) < 0)
		return -1;
	w = wire_from(head.data, head.len);
	len = wire_u32(&w);
	return len > MAX_MESSAGE ? -1 : receive(fd, len, deadline_ms, message);
}

static int send_message(int fd, const struct buf *message, int64_t deadline_ms)
{
	auto_buf struct buf framed = BUF_INIT;

	wire_add_string(&framed, buf_str(message), message->len);
	return send_all(fd, &framed, deadline_ms);
}

static int greet(int fd, int64_t deadline_ms)
{
	auto_buf struct buf hello = BUF_INIT, answer = BUF_INIT;
	struct wire w;

	wire_add_u32(&hello, MUX_HELLO);
	wire_add_u32(&hello, VERSION);
	if (send_message(fd, &hello, deadline_ms) < 0 || receive_message(fd, deadline_ms, &answer) < 0)
		return -1;
	w = wire_from(buf_str(&answer), answer.len);
	return wire_u32(&w) == MUX_HELLO && wire_u32(&w) == VERSION ? 0 : -1;
}

int mux_connect(const char *path, int64_t deadline_ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || greet(fd, deadline_ms) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int mux_ask(int fd, const struct buf *request, const int *fds, int nfds, int64_t deadline_ms,
	    struct buf *why)
{
	auto_buf struct buf answer = BUF_INIT;
	struct wire_string reason;
	struct wire w;
	uint32_t type;

	if (send_message(fd, request, deadline_ms) < 0)
		return -1;
	for (int i = 0; i < nfds; i++)
		if (send_descriptor(fd, fds[i], deadline_ms) < 0)
			return -1;
	if (receive_message(fd, deadline_ms, &answer) < 0)
		return -1;
	w = wire_from(buf_str(&answer), answer.len);
	type = wire_u32(&w);
	wire_u32(&w); /* request id */
	if (type == (uint32_t)MUX_SESSION_OPENED || type == (uint32_t)MUX_ALIVE)
		return 0;
	reason = wire_string(&w);
	buf_add(why, reason.data, reason.len);
	return 1;
}

void mux_session(const char *command, struct buf *request)
{
	wire_add_u32(request, MUX_NEW_SESSION);
	wire_add_u32(request, 0); /* request id */
	wire_add_text(request, "");
	for (int i = 0; i < 4; i++) /* no terminal, X11, agent, subsystem */
		wire_add_u32(request, 0);
	wire_add_u32(request, NO_ESCAPE);
	wire_add_text(request, ""); /* terminal type */
	wire_add_text(request, command);
}

void mux_forward(const char *host, int port, struct buf *request)
{
	wire_add_u32(request, MUX_NEW_STDIO_FWD);
	wire_add_u32(request, 0);
	wire_add_text(request, "");
	wire_add_text(request, host);
	wire_add_u32(request, (uint32_t)port);
}

void mux_alive(struct buf *request)
{
	wire_add_u32(request, MUX_ALIVE_CHECK);
	wire_add_u32(request, 0);
}

int mux_exit_status(int fd, int64_t deadline_ms, int *status)
{
	auto_buf struct buf message = BUF_INIT;
	struct wire w;

	if (receive_message(fd, deadline_ms, &message) < 0)
		return -1;
	w = wire_from(buf_str(&message), message.len);
	if (wire_u32(&w) != (uint32_t)MUX_EXIT_MESSAGE)
		return 0;
	wire_u32(&w); /* session */
	*status = (int)wire_u32(&w);
	return w.bad ? 0 : 1;
}
