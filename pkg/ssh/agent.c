#define _GNU_SOURCE
#include "ssh/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "remote/remote.h"
#include "ssh/key.h"
#include "ssh/wire.h"

#define REQUEST_IDENTITIES 11
#define IDENTITIES_ANSWER 12
#define SIGN_REQUEST 13
#define SIGN_RESPONSE 14
#define RSA_SHA2_256 2
#define RSA_SHA2_512 4

#define MAX_ANSWER (256 << 10)
#define MAX_KEYS 100
#define SLICE_MS 100

static int open_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		fd = -1;
	}
	return fd;
}

static int wait_for(int fd, short events, int64_t deadline_ms, struct err *err)
{
	struct pollfd p = { .fd = fd, .events = events };

	while (poll(&p, 1, SLICE_MS) <= 0) {
		if (remote_interrupted())
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (clock_ms() >= deadline_ms)
			return err_set(err, ERR_CONNECT,
				       "ssh-agent does not answer in time: is it waiting for a confirmation?");
	}
	return 0;
}

static int send_all(int fd, const struct buf *b, int64_t deadline_ms, struct err *err)
{
	for (size_t sent = 0; sent < b->len;) {
		ssize_t n;

		if (wait_for(fd, POLLOUT, deadline_ms, err) < 0)
			return -1;
		n = send(fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_errno(err, "ssh-agent");
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int receive_exactly(int fd, size_t len, struct buf *b, int64_t deadline_ms, struct err *err)
{
	char chunk[4096];

	while (len) {
		ssize_t n;

		if (wait_for(fd, POLLIN, deadline_ms, err) < 0)
			return -1;
		n = recv(fd, chunk, len < sizeof(chunk) ? len : sizeof(chunk), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return err_set(err, ERR_CONNECT, "ssh-agent has hung up");
		buf_add(b, chunk, (size_t)n);
		len -= (size_t)n;
	}
	return 0;
}

static int ask(struct ssh_agent *a, const struct buf *request, struct buf *answer,
	       int64_t deadline_ms, struct err *err)
{
	auto_buf struct buf framed = BUF_INIT, head = BUF_INIT;
	struct wire w;
	uint32_t len;

	wire_add_string(&framed, buf_str(request), request->len);
	if (send_all(a->fd, &framed, deadline_ms, err) < 0 ||
	    receive_exactly(a->fd, 4, &head, deadline_ms, err) < 0)
		return -1;
	w = wire_from(head.data, head.len);
	len = wire_u32(&w);
	if (len > MAX_ANSWER)
		return err_set(err, ERR_CONNECT, "ssh-agent gives an answer of %u bytes", len);
	return receive_exactly(a->fd, len, answer, deadline_ms, err);
}

static void add_key(struct ssh_agent *a, struct wire_string blob, struct wire_string comment)
{
	struct ssh_agent_key key = { BUF_INIT, strndup(comment.data, comment.len), false };

	buf_add(&key.blob, blob.data, blob.len);
	a->keys = reallocarray(a->keys, a->n + 1, sizeof(*a->keys));
	if (!a->keys || !key.comment)
		abort();
	a->keys[a->n++] = key;
}

/* ssh_config(5), IdentityAgent. */
static const char *socket_of(const char *path)
{
	if (!path || !strcmp(path, "SSH_AUTH_SOCK"))
		return getenv("SSH_AUTH_SOCK");
	return *path == '$' ? getenv(path + 1) : !strcmp(path, "none") ? NULL : path;
}

int ssh_agent_open(struct ssh_agent *a, const char *given, int64_t deadline_ms, struct err *err)
{
	const char *path = socket_of(given);
	auto_buf struct buf request = BUF_INIT, answer = BUF_INIT;
	struct wire w;
	uint32_t n;

	a->fd = path && *path ? open_socket(path) : -1;
	if (a->fd < 0 && path && path == given)
		return err_errno(err, "the ssh-agent at '%s' cannot be reached", path);
	if (a->fd < 0)
		return 0;
	buf_add(&request, (char[]){ REQUEST_IDENTITIES }, 1);
	if (ask(a, &request, &answer, deadline_ms, err) < 0)
		return -1;
	w = wire_from(buf_str(&answer), answer.len);
	if (wire_byte(&w) != IDENTITIES_ANSWER)
		return err_set(err, ERR_CONNECT, "ssh-agent does not tell its keys: is it locked?");
	n = wire_u32(&w);
	for (uint32_t i = 0; i < n && i < MAX_KEYS; i++) {
		struct wire_string blob = wire_string(&w), comment = wire_string(&w);

		if (w.bad)
			break;
		add_key(a, blob, comment);
	}
	return 0;
}

void ssh_agent_close(struct ssh_agent *a)
{
	for (size_t i = 0; i < a->n; i++) {
		buf_release(&a->keys[i].blob);
		free(a->keys[i].comment);
	}
	free(a->keys);
	if (a->fd >= 0)
		close(a->fd);
	*a = (struct ssh_agent)SSH_AGENT_INIT;
}

/* A certificate of one, too. */
static bool is_rsa(const struct buf *blob)
{
	struct wire w = wire_from(buf_str(blob), blob->len);
	struct wire_string type = wire_string(&w);

	return type.len >= 7 && !memcmp(type.data, "ssh-rsa", 7);
}

int ssh_agent_sign(struct ssh_agent *a, const struct buf *blob, int rsa_bits, const void *data, size_t len,
		   int64_t deadline_ms, struct buf *sig, struct err *err)
{
	auto_buf struct buf request = BUF_INIT, answer = BUF_INIT;
	struct wire_string signature;
	struct wire w;
	buf_add(&request, (char[]){ SIGN_REQUEST }, 1);
	wire_add_string(&request, buf_str(blob), blob->len);
	wire_add_string(&request, data, len);
	wire_add_u32(&request, !is_rsa(blob) ? 0 : rsa_bits == 256 ? RSA_SHA2_256 : RSA_SHA2_512);
	if (ask(a, &request, &answer, deadline_ms, err) < 0)
		return -1;
	w = wire_from(buf_str(&answer), answer.len);
	if (wire_byte(&w) != SIGN_RESPONSE)
		return err_set(err, ERR_CONNECT, "ssh-agent refuses to sign");
	signature = wire_string(&w);
	w = wire_from(signature.data, signature.len);
	wire_string(&w); /* type */
	signature = wire_string(&w);
	if (w.bad)
		return err_set(err, ERR_CONNECT, "ssh-agent gives a damaged signature");
	buf_add(sig, signature.data, signature.len);
	return 0;
}
