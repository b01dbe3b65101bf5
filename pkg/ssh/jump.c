#define _GNU_SOURCE
#include "ssh/jump.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/clock.h"

/* A channel that takes so long to open holds up those behind it. */
#define STALL_MS 500
#define MAX_VIAS 64
/* Behind others that are being opened. */
#define QUEUE_MS 120000

/* What one connection asks for. */
struct request {
	const struct ssh_options *node;
	struct ssh_bastion *b;
	struct ssh_via *via;
	struct ssh_link *link; /* NULL: the pump's */
	struct ssh_waiter waiter;
	int64_t deadline_ms; /* for waiting until it is this one's turn */
	int timeout_ms;      /* for opening it */
};

static void add_way(const struct ssh_options *o, struct buf *key)
{
	if (o->via) {
		add_way(o->via, key);
		buf_puts(key, " ");
	}
	buf_printf(key, "%s@[%s]:%d", o->user, o->host, o->port ? o->port : 22);
}

static struct ssh_link *link_new(const char *host, int port, struct err *err)
{
	struct ssh_link *l = calloc(1, sizeof(*l));
	int ends[2];

	if (!l)
		abort();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		free(l);
		err_errno(err, "a socket for '%s'", host);
		return NULL;
	}
	l->host = strdup(host);
	if (!l->host)
		abort();
	l->port = port;
	l->stream.fd = ends[0];
	l->end = ends[1];
	return l;
}

/* Up to a tenth of a second, as flags may have changed by then. */
static void wait_briefly(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	int64_t wake = clock_wall_ms() + SSH_SLICE_MS;

	pthread_cond_timedwait(cond, lock, &(struct timespec){ wake / 1000, wake % 1000 * 1000000 });
}

static bool is_stalled(const struct ssh_via *v)
{
	return v->opening && clock_ms() - v->since_ms >= STALL_MS;
}

static size_t count_stalled(const struct ssh_bastion *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += !b->vias[i]->lost && is_stalled(b->vias[i]);
	return n;
}

static struct ssh_via *choose(const struct ssh_bastion *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!b->vias[i]->lost && !is_stalled(b->vias[i]))
			return b->vias[i];
	for (size_t i = 0; b->full && i < b->n; i++)
		if (!b->vias[i]->lost)
			return b->vias[i];
	return NULL;
}

static struct ssh_via *via_new(struct ssh_bastion *b, struct remote *r)
{
	struct ssh_via *v = calloc(1, sizeof(*v));

	if (!v)
		abort();
	v->bastion = b;
	v->s = (struct ssh_session *)r;
	v->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return v;
}

static void add_via(struct ssh_bastion *b, struct ssh_via *v)
{
	b->vias = reallocarray(b->vias, b->n + 1, sizeof(struct ssh_via *));
	if (!b->vias)
		abort();
	b->vias[b->n++] = v;
}

static struct ssh_via *connect_via(struct ssh_bastion *b, const struct ssh_options *o, struct err *err)
{
	struct remote *r = ssh_connect(o, err);
	struct ssh_via *v = r ? via_new(b, r) : NULL;
	int rc = -1;

	if (!v)
		return NULL;
	if (v->wake < 0)
		err_errno(err, "%s: an eventfd", v->s->name);
	else
		rc = ssh_pump_start(v, err);
	if (!rc)
		return v;
	if (v->wake >= 0)
		close(v->wake);
	remote_close(r);
	free(v);
	return NULL;
}

/* Called and left with the lock held, which is let go meanwhile.  Only the first connection must
 * be possible: without another one, those that wait just wait longer. */
static void make_connection(struct request *q)
{
	struct ssh_bastion *b = q->b;
	auto_err struct err err = ERR_INIT;
	struct ssh_options o = *q->node->via;
	bool untrusted = false, unsupported = false;
	struct ssh_via *v;

	b->connecting++;
	pthread_mutex_unlock(&b->lock);
	o.share = q->node->share;
	o.untrusted = &untrusted;
	o.unsupported = &unsupported;
	v = connect_via(b, &o, &err);
	pthread_mutex_lock(&b->lock);
	b->connecting--;
	if (v) {
		add_via(b, v);
	} else if (b->n > 0 && !b->vias[b->n - 1]->lost) {
		b->full = true;
	} else if (!b->failed && err.kind != ERR_INTERRUPTED) {
		b->failed = true;
		b->failed_ms = clock_ms();
		b->untrusted = untrusted;
		b->unsupported = unsupported;
		b->why = err;
		err = (struct err)ERR_INIT;
	}
	pthread_cond_broadcast(&b->changed);
}

static int refused(const struct request *q, struct err *err)
{
	const struct ssh_options *node = q->node;
	const struct ssh_bastion *b = q->b;

	if (node->untrusted && b->untrusted)
		*node->untrusted = true;
	if (node->unsupported && b->unsupported)
		*node->unsupported = true;
	return err_set(err, ERR_CONNECT, "not reached through its bastion: %s", b->why.msg);
}

static int too_busy(const struct request *q, struct err *err)
{
	return err_set(err, ERR_CONNECT, "the bastion %s has been busy for %d s with opening other "
		       "connections: run the command again", q->node->via->host, QUEUE_MS / 1000);
}

/* One that was reached before may be so again; who asks after the failure tries. */
static void forgive(const struct request *q)
{
	struct ssh_bastion *b = q->b;

	if (!b->failed || !b->n || b->untrusted || q->deadline_ms - QUEUE_MS <= b->failed_ms)
		return;
	b->failed = b->unsupported = false;
	err_clear(&b->why);
}

/* A connection that can open a channel now; with the lock held. */
static int find_connection(struct request *q, struct err *err)
{
	struct ssh_bastion *b = q->b;

	forgive(q);
	while (!remote_interrupted()) {
		size_t stalled = count_stalled(b);

		q->via = choose(b);
		if (q->via)
			return 0;
		if (b->failed)
			return refused(q, err);
		if (clock_ms() >= q->deadline_ms)
			return too_busy(q, err);
		if ((size_t)b->connecting < (stalled ? stalled : 1) && b->n + (size_t)b->connecting < MAX_VIAS)
			make_connection(q);
		else
			wait_briefly(&b->changed, &b->lock);
	}
	return err_set(err, ERR_INTERRUPTED, "interrupted");
}

static void enqueue(struct request *q)
{
	struct ssh_link **at = &q->via->queue;

	while (*at)
		at = &(*at)->next;
	*at = q->link;
	q->link->next = NULL;
	q->link->waiter = &q->waiter;
	q->waiter.state = SSH_LINK_QUEUED;
	ssh_pump_wake(q->via);
}

static void dequeue(struct request *q)
{
	struct ssh_link **at = &q->via->queue;

	while (*at != q->link)
		at = &(*at)->next;
	*at = q->link->next;
}

/* Leaves a link that is being opened to the pump. */
static int give_up(struct request *q, struct err *err)
{
	struct ssh_link *l = TAKE(q->link);

	l->waiter = NULL;
	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return err_set(err, ERR_CONNECT, "no answer from '%s' port %d in time, as seen from the bastion %s: is "
		       "the machine up, the address right, and no firewall between?", l->host, l->port,
		       q->via->s->name);
}

/* 1: open; 0: taken back, another connection is to be tried; -1: refused or given up.  With the
 * lock held. */
static int await(struct request *q, struct err *err)
{
	struct ssh_waiter *w = &q->waiter;

	for (;; wait_briefly(&w->changed, &q->b->lock)) {
		if (w->state == SSH_LINK_OPEN || w->state == SSH_LINK_REFUSED) {
			q->link = NULL;
			if (w->state == SSH_LINK_OPEN)
				return 1;
			*err = w->err;
			return -1;
		}
		if (w->state == SSH_LINK_OPENING) {
			if (remote_interrupted() || clock_ms() - q->via->since_ms >= q->timeout_ms)
				return give_up(q, err);
		} else if (remote_interrupted() || clock_ms() >= q->deadline_ms ||
			   (is_stalled(q->via) && !q->b->full)) {
			dequeue(q);
			return q->b->full && clock_ms() >= q->deadline_ms ? too_busy(q, err) : 0;
		}
	}
}

/* The descriptor, or -1. */
static int open_link(struct request *q, struct err *err)
{
	int rc;

	pthread_mutex_lock(&q->b->lock);
	do {
		rc = find_connection(q, err);
		if (!rc) {
			enqueue(q);
			rc = await(q, err);
		}
	} while (!rc);
	pthread_mutex_unlock(&q->b->lock);
	return rc > 0 ? q->waiter.fd : -1;
}

int ssh_via_connect(const struct ssh_options *node, int timeout_ms, struct ssh_via **via,
		    struct err *err)
{
	struct request q = { .node = node, .timeout_ms = timeout_ms,
			     .deadline_ms = clock_ms() + QUEUE_MS };
	auto_buf struct buf key = BUF_INIT;
	int fd;

	q.link = link_new(node->host, node->port ? node->port : 22, err);
	if (!q.link)
		return -1;
	pthread_cond_init(&q.waiter.changed, NULL);
	add_way(node->via, &key);
	q.b = ssh_share_bastion(node->share, buf_str(&key));
	fd = open_link(&q, err);
	if (q.link)
		ssh_link_free(q.link);
	pthread_cond_destroy(&q.waiter.changed);
	if (fd < 0)
		ssh_bastion_unref(q.b);
	else
		*via = q.via;
	return fd;
}

void ssh_via_release(struct ssh_via *via)
{
	if (via)
		ssh_bastion_unref(via->bastion);
}

void ssh_via_explain(struct ssh_via *v, struct buf *out)
{
	pthread_mutex_lock(&v->bastion->lock);
	if (v->lost)
		buf_printf(out, "the bastion is lost: %s", v->lost);
	else if (clock_ms() - v->heard_ms >= 2 * v->s->ask_ms)
		buf_printf(out, "the bastion %s does not answer any more", v->s->name);
	pthread_mutex_unlock(&v->bastion->lock);
}

static void via_free(struct ssh_via *v)
{
	pthread_mutex_lock(&v->bastion->lock);
	v->stop = true;
	pthread_mutex_unlock(&v->bastion->lock);
	ssh_pump_wake(v);
	pthread_join(v->thread, NULL);
	remote_close(&v->s->remote);
	close(v->wake);
	if (v->opening) /* somebody gave it up */
		ssh_link_free(v->opening);
	free(v->lost);
	free(v);
}

void ssh_bastion_unref(struct ssh_bastion *b)
{
	bool last;

	pthread_mutex_lock(&b->lock);
	last = --b->refs == 0;
	pthread_mutex_unlock(&b->lock);
	if (!last)
		return;
	for (size_t i = 0; i < b->n; i++)
		via_free(b->vias[i]);
	free(b->vias);
	err_clear(&b->why);
	free(b->key);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->changed);
	free(b);
}
