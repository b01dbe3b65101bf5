#define _GNU_SOURCE
#include "ssh/session.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "ssh/hostkey.h"

#define DEFAULT_TIMEOUT_MS 10000
#define MAX_GREETING 8192
#define MAX_RETRIES 6

int ssh_init(struct err *err)
{
	int rc = libssh2_init(0);

	return rc ? err_set(err, ERR_FAILED, "libssh2 does not start: error %d", rc) : 0;
}

static char *name_of(const char *user, const char *host, int port)
{
	bool bare = !strchr(host, ':');
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s@%s%s%s:%d", user, bare ? "" : "[", host, bare ? "" : "]", port);
	return buf_detach(&b);
}

static void close_connection(struct ssh_session *s)
{
	if (s->lib) {
		if (s->ready && !s->broken)
			(void)!libssh2_session_disconnect(s->lib, "done");
		/* First, or freeing waits for answers of a peer that may be silent. */
		shutdown(s->fd, SHUT_RDWR);
		for (int i = 0; i < 100 && libssh2_session_free(s->lib) == LIBSSH2_ERROR_EAGAIN; i++)
			;
		s->lib = NULL;
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	ssh_via_release(TAKE(s->via));
	buf_clear(&s->greeting);
}

static void session_close(struct remote *r)
{
	struct ssh_session *s = (struct ssh_session *)r;

	ssh_tunnel_end(s);
	ssh_unhold(r);
	close_connection(s);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->use);
	pthread_cond_destroy(&s->idle);
	buf_release(&s->greeting);
	remote_release(&s->remote);
	free(s->name);
	free(s->user);
	free(s->host);
	free(s);
}

static struct ssh_session *session_new(const struct ssh_options *o)
{
	static const struct remote_ops ops = { ssh_exec, ssh_tunnel, ssh_hold, ssh_beat, ssh_unhold, session_close };
	struct ssh_session *s = calloc(1, sizeof(*s));
	int port = o->port ? o->port : 22;

	if (!s)
		abort();
	s->remote.ops = &ops;
	s->remote.root = strcmp(o->user, "root") ? REMOTE_ROOT_AUTO : REMOTE_ROOT_NONE;
	s->fd = -1;
	s->ask_ms = o->alive_interval_ms ? o->alive_interval_ms : SSH_ASK_MS;
	/* it must have had the time to answer */
	s->silence_ms = o->alive_interval_ms ? o->alive_interval_ms * (o->alive_count > 2 ? o->alive_count : 2) :
		SSH_SILENCE_MS;
	s->unsupported = o->unsupported;
	s->port = port;
	s->user = strdup(o->user);
	s->host = strdup(o->host);
	if (!s->user || !s->host)
		abort();
	s->name = name_of(o->user, o->host, port);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->use, NULL);
	pthread_cond_init(&s->idle, NULL);
	return s;
}

/* Keeps what the peer says first, as libssh2 does not tell what a failed key exchange was about. */
static ssize_t receive(libssh2_socket_t fd, void *data, size_t len, int flags, void **abstract)
{
	struct ssh_session *s = *abstract;
	ssize_t n = recv(fd, data, len, flags);

	if (n < 0)
		return -errno;
	s->received += (size_t)n;
	if (!s->ready && s->greeting.len < MAX_GREETING)
		buf_add(&s->greeting, data, (size_t)n);
	return n;
}

/* libssh2 frees packets with passwords and answers in them as they are. */
static LIBSSH2_ALLOC_FUNC(allocate)
{
	(void)abstract;
	return malloc(count);
}

static LIBSSH2_FREE_FUNC(wipe)
{
	(void)abstract;
	if (ptr)
		explicit_bzero(ptr, malloc_usable_size(ptr));
	free(ptr);
}

static LIBSSH2_REALLOC_FUNC(reallocate)
{
	size_t had = ptr ? malloc_usable_size(ptr) : 0;
	void *grown = malloc(count);

	if (grown && ptr)
		memcpy(grown, ptr, had < count ? had : count);
	if (grown)
		wipe(ptr, abstract);
	return grown;
}

static int open_library(struct ssh_session *s, const struct strs *types, struct err *err)
{
	s->lib = libssh2_session_init_ex(allocate, wipe, reallocate, s);
	if (!s->lib)
		abort();
	libssh2_session_set_blocking(s->lib, 0);
	libssh2_session_callback_set(s->lib, LIBSSH2_CALLBACK_RECV, (void *)receive);
	libssh2_keepalive_config(s->lib, 1, 2);
	return ssh_prefer(s, types, err);
}

/* sshd drops connections beyond its MaxStartups before it says anything. */
static bool was_dropped(long rc)
{
	return rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_BANNER_RECV ||
	       rc == LIBSSH2_ERROR_SOCKET_SEND || rc == LIBSSH2_ERROR_SOCKET_RECV;
}

/* 100 ms, doubled each time, and up to as much again by chance.  false: the time does not allow
 * for it. */
static bool pause_before_retry(const struct ssh_session *s, int attempt)
{
	unsigned int pause = 100U << attempt, chance = 0;

	(void)!getrandom(&chance, sizeof(chance), 0);
	pause += chance % pause;
	if (attempt == MAX_RETRIES || clock_ms() + pause + 200 > s->deadline_ms)
		return false;
	nanosleep(&(struct timespec){ pause / 1000, pause % 1000 * 1000000L }, NULL);
	return !remote_interrupted();
}

static int explain_handshake(struct ssh_session *s, long rc, struct err *err)
{
	auto_buf struct buf why = BUF_INIT;

	if (remote_interrupted())
		s->end = SSH_INTERRUPTED;
	if (s->end != SSH_ALIVE)
		return ssh_fail(s, rc, "key exchange", err);
	if (rc == LIBSSH2_ERROR_KEX_FAILURE || rc == LIBSSH2_ERROR_METHOD_NONE)
		ssh_explain_algorithms(s, &why);
	if (was_dropped(rc) && s->via)
		ssh_via_explain(s->via, &why);
	if (why.len)
		return err_set(err, ERR_CONNECT, "%s: %s", s->name, buf_str(&why));
	if (was_dropped(rc))
		return err_set(err, ERR_CONNECT,
			       "%s: the connection was dropped before the login%s: is it sshd that "
			       "listens there, and its MaxStartups large enough?",
			       s->name, strstr(buf_str(&s->greeting), "MaxStartups") ?
			       " (it said 'Exceeded MaxStartups')" : "");
	return ssh_fail(s, rc, "key exchange", err);
}

static int reach(struct ssh_session *s, const struct ssh_options *o, struct err *err)
{
	auto_err struct err why = ERR_INIT;
	int left = (int)(s->deadline_ms - clock_ms());

	if (o->via) {
		s->fd = ssh_via_connect(o, left > 0 ? left : 1, &s->via, &why);
		/* The way to the bastion is not the node's to answer for. */
		if (s->fd >= 0)
			s->deadline_ms = clock_ms() + left;
	} else {
		s->fd = ssh_tcp_connect(s->host, s->port, s->deadline_ms, s->silence_ms, &why);
	}
	return s->fd < 0 ? err_set(err, why.kind, "%s: %s", s->name, why.msg) : 0;
}

static int handshake(struct ssh_session *s, const struct ssh_options *o, const struct strs *types,
		     struct err *err)
{
	for (int attempt = 0;; attempt++) {
		long rc;

		if (reach(s, o, err) < 0 || open_library(s, types, err) < 0)
			return -1;
		rc = SSH_RETRY(s, libssh2_session_handshake(s->lib, s->fd));
		if (!rc)
			return 0;
		if (!was_dropped(rc) || !pause_before_retry(s, attempt))
			return explain_handshake(s, rc, err);
		close_connection(s);
	}
}

static int connect_checked(struct ssh_session *s, const struct ssh_options *o, struct err *err)
{
	struct ssh_trust trust;
	int rc = ssh_trust_init(&trust, o, err);

	if (!rc)
		rc = handshake(s, o, &trust.types, err);
	if (!rc) {
		rc = ssh_check_host_key(s, o, &trust, err);
		if (rc && o->untrusted)
			*o->untrusted = true;
	}
	ssh_trust_release(&trust);
	return rc;
}

int ssh_reconnect(struct ssh_session *s, const struct ssh_options *o, struct err *err)
{
	close_connection(s);
	ssh_start(s, ssh_login_timeout(o));
	return connect_checked(s, o, err);
}

int ssh_login_timeout(const struct ssh_options *o)
{
	return o->connect_timeout_ms ? o->connect_timeout_ms : DEFAULT_TIMEOUT_MS;
}

/* In OpenSSH's way of speaking, which libssh2 does not know. */
static int refuse_proxy_command(const struct ssh_options *o, struct err *err)
{
	if (o->unsupported)
		*o->unsupported = true;
	return err_set(err, ERR_CONNECT, "%s: ssh_config has a ProxyCommand for it, which only OpenSSH can "
		       "run: set ssh.transport to auto or openssh, or ssh.bastion", o->host);
}

struct remote *ssh_connect(const struct ssh_options *options, struct err *err)
{
	static const char *const usual[] = { "~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts", NULL };
	struct ssh_options o = *options;
	struct ssh_share *own;
	struct ssh_session *s;
	int rc;

	if (o.proxy_command && !o.via) {
		refuse_proxy_command(&o, err);
		return NULL;
	}
	own = o.share ? NULL : ssh_share_new();
	s = session_new(&o);
	if (!o.known_hosts)
		o.known_hosts = usual;
	if (own)
		o.share = own;
	ssh_start(s, ssh_login_timeout(&o));
	rc = connect_checked(s, &o, err);
	if (!rc)
		rc = ssh_login(s, &o, err);
	ssh_share_free(own);
	s->ready = !rc;
	buf_release(&s->greeting); /* of hundreds of sessions it adds up */
	s->broken = rc < 0;
	if (!rc)
		return &s->remote;
	session_close(&s->remote);
	return NULL;
}
