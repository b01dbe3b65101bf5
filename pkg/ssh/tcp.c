#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/resolve.h"
#include "ssh/session.h"

/* RFC 8305: the next address is tried when the last has not answered for so long. */
#define HEAD_START_MS 250
#define MAX_ADDRESSES 8

struct race {
	struct addrinfo *addresses[MAX_ADDRESSES];
	struct pollfd fds[MAX_ADDRESSES]; /* fd -1: given up */
	int n, started;
	int64_t deadline_ms, next_ms;
	struct buf failures; /* "ADDRESS: reason, ..." */
};

static int find_addresses(const char *host, int port, int64_t deadline_ms, struct addrinfo **list,
			  struct err *err)
{
	char service[16];
	int rc;

	snprintf(service, sizeof(service), "%d", port);
	rc = resolve(host, service, deadline_ms, remote_interrupted, list);
	if (!rc)
		return 0;
	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (rc == EAI_AGAIN && clock_ms() >= deadline_ms)
		return err_set(err, ERR_CONNECT,
			       "no name server answered in time for '%s': check /etc/resolv.conf, or give a "
			       "numeric address", host);
	return err_set(err, ERR_CONNECT,
		       "the name '%s' has no address: %s; check it, or give a numeric address",
		       host, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
}

/* Families in turn, each in the resolver's order. */
static void choose_addresses(struct race *r, struct addrinfo *list)
{
	struct addrinfo *first = list, *other = list;
	int family = list->ai_family;

	while ((first || other) && r->n < MAX_ADDRESSES) {
		while (first && first->ai_family != family)
			first = first->ai_next;
		if (first) {
			r->addresses[r->n++] = first;
			first = first->ai_next;
		}
		while (other && other->ai_family == family)
			other = other->ai_next;
		if (other && r->n < MAX_ADDRESSES) {
			r->addresses[r->n++] = other;
			other = other->ai_next;
		}
	}
}

static void give_up(struct race *r, int i, int error)
{
	const struct addrinfo *a = r->addresses[i];
	char text[NI_MAXHOST] = "?";

	getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
	buf_printf(&r->failures, "%s%s: %s", r->failures.len ? ", " : "", text, strerror(error));
	if (r->fds[i].fd >= 0)
		close(r->fds[i].fd);
	r->fds[i].fd = -1;
	r->next_ms = clock_ms();
}

static void start_next(struct race *r)
{
	int i = r->started++;
	const struct addrinfo *a = r->addresses[i];
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	r->fds[i] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	r->next_ms = clock_ms() + HEAD_START_MS;
	if (fd < 0 || (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS))
		give_up(r, i, errno);
}

static int remaining(const struct race *r)
{
	int n = r->n - r->started;

	for (int i = 0; i < r->started; i++)
		n += r->fds[i].fd >= 0;
	return n;
}

/* The index of a connected socket, or -1. */
static int poll_started(struct race *r)
{
	int64_t now = clock_ms(), until = now + SSH_SLICE_MS;

	if (r->started < r->n && r->next_ms < until)
		until = r->next_ms > now ? r->next_ms : now;
	poll(r->fds, (nfds_t)r->started, (int)(until - now));
	for (int i = 0; i < r->started; i++) {
		int error = 0;

		if (r->fds[i].fd < 0 || !r->fds[i].revents)
			continue;
		getsockopt(r->fds[i].fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) });
		if (!error)
			return i;
		give_up(r, i, error);
	}
	return -1;
}

static int run_race(struct race *r, const char *host, int port, struct err *err)
{
	int winner = -1;

	while (winner < 0 && remaining(r)) {
		if (remote_interrupted())
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (clock_ms() >= r->deadline_ms)
			return err_set(err, ERR_CONNECT,
				       "no answer from '%s' port %d in time%s%s: is the machine up, the "
				       "address right, and no firewall between?",
				       host, port, r->failures.len ? "; " : "", buf_str(&r->failures));
		if (r->started < r->n && clock_ms() >= r->next_ms)
			start_next(r);
		winner = poll_started(r);
	}
	if (winner < 0)
		return err_set(err, ERR_CONNECT,
			       "port %d cannot be reached (%s): is the machine up, the address right, and "
			       "sshd running there?",
			       port, buf_str(&r->failures));
	return winner;
}

/* sshd waits for whole packets, so Nagle costs 40 ms; a peer whose cable is pulled is noticed by
 * the kernel within silence_ms: a third of it idle, and two questions. */
static void set_options(int fd, int silence_ms)
{
	int idle = silence_ms / 3000 > 0 ? silence_ms / 3000 : 1;
	const struct { int level, name, value; } options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, idle },
		{ IPPROTO_TCP, TCP_KEEPINTVL, idle },
		{ IPPROTO_TCP, TCP_KEEPCNT, 2 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, silence_ms },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

int ssh_tcp_connect(const char *host, int port, int64_t deadline_ms, int silence_ms, struct err *err)
{
	struct race r = { .deadline_ms = deadline_ms, .failures = BUF_INIT };
	struct addrinfo *list;
	int winner, fd = -1;

	if (find_addresses(host, port, deadline_ms, &list, err) < 0)
		return -1;
	choose_addresses(&r, list);
	winner = run_race(&r, host, port, err);
	for (int i = 0; i < r.started; i++) {
		if (i == winner)
			fd = r.fds[i].fd;
		else if (r.fds[i].fd >= 0)
			close(r.fds[i].fd);
	}
	buf_release(&r.failures);
	freeaddrinfo(list);
	if (fd >= 0)
		set_options(fd, silence_ms);
	return fd;
}
