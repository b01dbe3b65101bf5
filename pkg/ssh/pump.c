/* The thread that owns a connection to a bastion: opens channels, moves the bytes of all of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "ssh/jump.h"

#define STACK (256 << 10)

void ssh_link_free(struct ssh_link *l)
{
	if (l->stream.fd >= 0)
		close(l->stream.fd);
	if (l->end >= 0)
		close(l->end);
	free(l->host);
	explicit_bzero(&l->stream, sizeof(l->stream));
	free(l);
}

void ssh_pump_wake(struct ssh_via *v)
{
	(void)!write(v->wake, &(uint64_t){ 1 }, sizeof(uint64_t));
}

/* Has the bastion hung up?  libssh2's own error may be an old one of some channel. */
static bool is_dead(const struct ssh_session *s)
{
	int rc = libssh2_session_last_errno(s->lib);
	char byte;
	ssize_t n = recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
	       rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_SEND ||
	       rc == LIBSSH2_ERROR_SOCKET_RECV || rc == LIBSSH2_ERROR_INVALID_MAC ||
	       rc == LIBSSH2_ERROR_DECRYPT || rc == LIBSSH2_ERROR_PROTO;
}

/* sshd's reason is in libssh2's text only: "administratively prohibited", "connect failed". */
static void refuse(struct ssh_via *v, const struct ssh_link *l, struct err *err)
{
	char *text = NULL;

	libssh2_session_last_error(v->s->lib, &text, NULL, 0);
	if (text && strstr(text, "prohibited"))
		err_set(err, ERR_CONNECT,
			"the bastion %s does not let it through to '%s' port %d: allow it there "
			"(AllowTcpForwarding and PermitOpen in sshd_config)", v->s->name, l->host, l->port);
	else if (text && strstr(text, "connect failed"))
		err_set(err, ERR_CONNECT,
			"'%s' port %d cannot be reached from the bastion %s: is the machine up, the address "
			"right as seen from there, and sshd running on it?", l->host, l->port, v->s->name);
	else
		err_set(err, ERR_CONNECT, "the bastion %s opens no channel to '%s' port %d: %s",
			v->s->name, l->host, l->port, text && *text ? text : "no reason given");
}

/* The next that is waited for. */
static void take_next(struct ssh_via *v)
{
	if (v->opening || !v->queue)
		return;
	v->opening = v->queue;
	v->queue = v->opening->next;
	v->opening->next = NULL;
	if (v->opening->waiter)
		v->opening->waiter->state = SSH_LINK_OPENING;
	v->since_ms = clock_ms();
}

/* channel: NULL when it was refused. */
static void tell(struct ssh_via *v, struct ssh_link *l, LIBSSH2_CHANNEL *channel)
{
	struct ssh_waiter *w = TAKE(l->waiter);

	if (channel) {
		w->state = SSH_LINK_OPEN;
		w->fd = l->end;
		l->end = -1;
	} else {
		w->state = SSH_LINK_REFUSED;
		refuse(v, l, &w->err);
	}
	pthread_cond_signal(&w->changed);
}

static void opened(struct ssh_via *v, struct ssh_link *l, LIBSSH2_CHANNEL *channel)
{
	pthread_mutex_lock(&v->bastion->lock);
	v->opening = NULL;
	l->closing = !l->waiter;
	if (l->waiter)
		tell(v, l, channel);
	if (channel) {
		l->stream.channel = channel;
		l->next = v->links;
		v->links = l;
		v->nlinks++;
	} else {
		ssh_link_free(l);
	}
	take_next(v);
	pthread_cond_broadcast(&v->bastion->changed);
	pthread_mutex_unlock(&v->bastion->lock);
}

/* libssh2 keeps the state of the one channel that is being opened, whatever it is asked for. */
static int open_one(struct ssh_via *v)
{
	struct ssh_link *l = v->opening;
	LIBSSH2_CHANNEL *channel;

	if (!l)
		return 0;
	channel = libssh2_channel_direct_tcpip_ex(v->s->lib, l->host, l->port, "127.0.0.1", 0);
	if (!channel && ssh_again(libssh2_session_last_errno(v->s->lib)))
		return 0;
	if (!channel && is_dead(v->s))
		return -1;
	opened(v, l, channel);
	return 1;
}

/* Whoever closes the other end has done with it: there is no half-open SSH connection. */
static int move_link(struct ssh_session *s, struct ssh_link *l)
{
	int moved;

	if (l->closing)
		return 0;
	moved = ssh_stream_move(s, &l->stream);
	if (moved >= 0 && !ssh_stream_over(&l->stream) && !l->stream.told)
		return moved;
	close(l->stream.fd);
	l->stream.fd = -1;
	l->closing = true;
	return 1;
}

static int move_links(struct ssh_via *v)
{
	int moved = 0;

	for (struct ssh_link **at = &v->links, *l; (l = *at);) {
		moved |= move_link(v->s, l);
		if (l->closing && !ssh_again(libssh2_channel_free(l->stream.channel))) {
			*at = l->next;
			v->nlinks--;
			ssh_link_free(l);
			moved = 1;
		} else {
			at = &l->next;
		}
	}
	return moved;
}

/* Waits for the bastion, for the nodes' connections, and for new ones. */
static int wait_for_all(struct ssh_via *v)
{
	bool listen = v->opening != NULL;
	size_t n = 2;

	v->fds = reallocarray(v->fds, v->nlinks + 2, sizeof(*v->fds));
	if (!v->fds)
		abort();
	v->fds[1] = (struct pollfd){ .fd = v->wake, .events = POLLIN };
	for (const struct ssh_link *l = v->links; l; l = l->next) {
		listen |= l->closing || ssh_stream_listens(&l->stream);
		v->fds[n++] = (struct pollfd){ .fd = l->stream.fd,
					       .events = l->closing ? 0 : ssh_stream_events(&l->stream) };
	}
	if (ssh_wait_many(v->s, v->fds, n, listen) < 0)
		return -1;
	if (v->fds[1].revents)
		(void)!read(v->wake, &(uint64_t){ 0 }, sizeof(uint64_t));
	return v->fds[0].revents & (POLLERR | POLLHUP | POLLIN) && is_dead(v->s) ? -1 : 0;
}

static bool goes_on(struct ssh_via *v)
{
	bool stop;

	pthread_mutex_lock(&v->bastion->lock);
	take_next(v);
	v->heard_ms = v->s->heard_ms;
	stop = v->stop;
	pthread_mutex_unlock(&v->bastion->lock);
	return !stop;
}

static void refuse_queued(struct ssh_via *v)
{
	if (v->opening) {
		v->opening->next = v->queue;
		v->queue = TAKE(v->opening);
	}
	for (struct ssh_link *l; (l = v->queue);) {
		v->queue = l->next;
		if (l->waiter) {
			l->waiter->state = SSH_LINK_REFUSED;
			err_set(&l->waiter->err, ERR_CONNECT, "the bastion is lost: %s", v->lost);
			pthread_cond_signal(&l->waiter->changed);
		}
		ssh_link_free(l);
	}
}

/* Why is set before any end is closed, so that nobody takes a lost bastion for a lost node. */
static void lose(struct ssh_via *v)
{
	auto_err struct err err = ERR_INIT;

	ssh_fail(v->s, LIBSSH2_ERROR_SOCKET_DISCONNECT, "carrying the nodes' connections", &err);
	pthread_mutex_lock(&v->bastion->lock);
	v->lost = TAKE(err.msg);
	v->s->broken = true;
	refuse_queued(v);
	pthread_cond_broadcast(&v->bastion->changed);
	pthread_mutex_unlock(&v->bastion->lock);
}

static void *run_pump(void *arg)
{
	struct ssh_via *v = arg;
	bool alive = true;

	while (alive && goes_on(v)) {
		int moved = open_one(v);

		if (moved >= 0)
			moved |= move_links(v);
		alive = moved > 0 || (moved == 0 && wait_for_all(v) == 0);
	}
	if (!alive)
		lose(v);
	for (struct ssh_link *l; (l = v->links);) {
		v->links = l->next;
		ssh_link_free(l);
	}
	free(v->fds);
	v->fds = NULL;
	return NULL;
}

int ssh_pump_start(struct ssh_via *v, struct err *err)
{
	pthread_attr_t attr;
	int rc;

	v->s->carries = true;
	ssh_start(v->s, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	rc = pthread_create(&v->thread, &attr, run_pump, v);
	pthread_attr_destroy(&attr);
	errno = rc;
	return rc ? err_errno(err, "%s: a thread", v->s->name) : 0;
}
