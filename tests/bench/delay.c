/*
 * delay MS PORT NET TO_NET N: makes a network of MS milliseconds each way.  N listeners on PORT of the
 * addresses 127.NET.a.b, (a, b) from 0.1 on, lead to the same port of 127.TO_NET.a.b.  TCP's own handshake
 * is as late as it would be: the server sees a connection 3 * MS after the client, and the bytes that
 * the client sent on the second of them.  Says "ready" when it listens.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct end {
	struct connection *of; /* NULL: it listens */
	int fd;
};

struct connection {
	struct end client, server;
	struct sockaddr_in to;
	int over; /* directions whose end has been passed on */
};

/* What is to happen at a time: from's bytes go to the other end; no bytes: its end does.  NULL from: the
 * connection is opened. */
struct event {
	struct event *next;
	int64_t due_ns;
	struct connection *connection;
	struct end *from;
	size_t len;
	char data[];
};

/* Ordered, as all that is in one is late by the same time. */
struct line {
	struct event *first, **last;
};

static struct line opening, moving;
static int64_t delay_ns;
static int poller, port;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void must(int rc, const char *what)
{
	if (rc < 0) {
		perror(what);
		exit(1);
	}
}

static void add(struct line *l, int64_t late_ns, struct connection *c, struct end *from, const char *data, size_t len)
{
	struct event *e = calloc(1, sizeof(*e) + len);

	if (!e)
		abort();
	*e = (struct event){ .due_ns = now_ns() + late_ns, .connection = c, .from = from, .len = len };
	if (len)
		memcpy(e->data, data, len);
	*l->last = e;
	l->last = &e->next;
}

static void watch(struct end *end)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = end };

	must(epoll_ctl(poller, EPOLL_CTL_ADD, end->fd, &e), "epoll_ctl");
}

static void no_delay(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

static struct sockaddr_in address(int net, int i)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr = { htonl(127U << 24 | (unsigned)net << 16 | (unsigned)i) } };
}

static void listen_at(struct sockaddr_in at)
{
	struct end *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	must(bind(l->fd, (struct sockaddr *)&at, sizeof(at)), "bind");
	must(listen(l->fd, 128), "listen");
	watch(l);
}

static void accept_one(struct end *listener, int net)
{
	struct connection *c = calloc(1, sizeof(*c));
	socklen_t len = sizeof(c->to);

	if (!c)
		abort();
	c->client = (struct end){ .of = c, .fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK) };
	c->server = (struct end){ .of = c, .fd = -1 };
	if (c->client.fd < 0) {
		free(c);
		return;
	}
	getsockname(c->client.fd, (struct sockaddr *)&c->to, &len);
	c->to = address(net, (int)(ntohl(c->to.sin_addr.s_addr) & 0xffff));
	no_delay(c->client.fd);
	add(&opening, 3 * delay_ns, c, NULL, NULL, 0);
}

static void pass(struct end *from, const char *data, size_t len)
{
	struct connection *c = from->of;
	int to = from == &c->client ? c->server.fd : c->client.fd;

	while (len) {
		ssize_t n = send(to, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ .fd = to, .events = POLLOUT }, 1, 1000);
		else if (n < 0)
			return;
		else
			data += n, len -= (size_t)n;
	}
}

static void pass_end(struct end *from)
{
	struct connection *c = from->of;

	shutdown(from == &c->client ? c->server.fd : c->client.fd, SHUT_WR);
	if (++c->over < 2)
		return;
	close(c->client.fd);
	close(c->server.fd);
	free(c);
}

static void read_from(struct end *from)
{
	char data[65536];
	ssize_t n = recv(from->fd, data, sizeof(data), 0);

	setsockopt(from->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		epoll_ctl(poller, EPOLL_CTL_DEL, from->fd, NULL);
	add(&moving, delay_ns, from->of, from, data, n > 0 ? (size_t)n : 0);
}

/* What the client sent while TCP was still shaking hands has travelled since. */
static void open_server(struct connection *c)
{
	char data[65536];
	ssize_t n;

	c->server.fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c->server.fd, (struct sockaddr *)&c->to, sizeof(c->to)) < 0) {
		close(c->client.fd);
		close(c->server.fd);
		free(c);
		return;
	}
	no_delay(c->server.fd);
	while ((n = recv(c->client.fd, data, sizeof(data), 0)) > 0)
		pass(&c->client, data, (size_t)n);
	watch(&c->client);
	watch(&c->server);
}

static void run_due(struct line *l)
{
	struct event *e;

	while ((e = l->first) && e->due_ns <= now_ns()) {
		l->first = e->next;
		if (!l->first)
			l->last = &l->first;
		if (!e->from)
			open_server(e->connection);
		else if (e->len)
			pass(e->from, e->data, e->len);
		else
			pass_end(e->from);
		free(e);
	}
}

static struct timespec until_next(void)
{
	int64_t due = now_ns() + INT64_C(1000000000), left;

	if (opening.first && opening.first->due_ns < due)
		due = opening.first->due_ns;
	if (moving.first && moving.first->due_ns < due)
		due = moving.first->due_ns;
	left = due - now_ns();
	return (struct timespec){ left > 0 ? left / 1000000000 : 0, left > 0 ? left % 1000000000 : 0 };
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int to_net;

	if (argc != 6)
		return 2;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	opening.last = &opening.first;
	moving.last = &moving.first;
	delay_ns = atoi(argv[1]) * INT64_C(1000000);
	port = atoi(argv[2]);
	to_net = atoi(argv[4]);
	must(poller = epoll_create1(0), "epoll_create1");
	for (int i = 1; i <= atoi(argv[5]); i++)
		listen_at(address(atoi(argv[3]), i));
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event ready[64];
		struct timespec wait = until_next();
		int n = epoll_pwait2(poller, ready, 64, &wait, NULL);

		for (int i = 0; i < n; i++) {
			struct end *end = ready[i].data.ptr;

			if (end->of)
				read_from(end);
			else
				accept_one(end, to_net);
		}
		run_due(&opening);
		run_due(&moving);
	}
}
