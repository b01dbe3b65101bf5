/* An API server of the test's own: TLS on 127.0.0.1, canned answers, everything sent is kept. */
#ifndef TESTS_KUBE_SERVER_H
#define TESTS_KUBE_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../certs.h"
#include "base/buf.h"
#include "kube/kube.h"
#include "pki/pki.h"

#define SERVER_MAX 256

/* Answers, and such that are none. */
#define ANSWER_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define ANSWER_HANG_UP ""
#define ANSWER_STALL "stall"     /* until the client gives up */
#define ANSWER_ENDLESS "endless" /* a body without end */

struct server {
	SSL_CTX *tls;
	int listen_fd, port;
	pthread_t acceptor, threads[SERVER_MAX];
	int connections;           /* all of them, dialled ones included */
	pthread_mutex_t lock;
	const char *answers[SERVER_MAX]; /* whole HTTP answers, one per request, then NULL */
	/* Instead of answers: appends the whole answer to a request, which is not kept. */
	void (*respond)(void *ctx, const char *request, struct buf *answer);
	void *ctx;
	int requests;
	struct buf request[SERVER_MAX];  /* head and body as sent */
	char client[SERVER_MAX][64];     /* common name of the client's certificate */
	int fds[SERVER_MAX];
};

static struct cert test_ca, test_server, test_client;

static inline size_t server_body_length(const char *head)
{
	const char *at = strcasestr(head, "content-length:");

	return at ? strtoul(at + 15, NULL, 10) : 0;
}

/* 0 when a whole request is there. */
static inline int server_read(SSL *ssl, struct buf *b)
{
	char chunk[4096];
	const char *end;

	for (;;) {
		end = strstr(buf_str(b), "\r\n\r\n");
		if (end && b->len >= (size_t)(end + 4 - b->data) + server_body_length(b->data))
			return 0;
		int n = SSL_read(ssl, chunk, sizeof(chunk));

		if (n <= 0)
			return -1;
		buf_add(b, chunk, (size_t)n);
	}
}

static inline void server_note_client(struct server *s, SSL *ssl, int i)
{
	X509 *peer = SSL_get1_peer_certificate(ssl);

	if (peer)
		X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, s->client[i],
					  sizeof(s->client[i]));
	X509_free(peer);
}

static inline void server_endless(SSL *ssl)
{
	static char block[16384];

	memset(block, 'x', sizeof(block));
	SSL_write(ssl, "HTTP/1.1 200 OK\r\n\r\n", 19);
	while (SSL_write(ssl, block, sizeof(block)) > 0)
		;
}

static inline int server_respond(struct server *s, SSL *ssl, struct buf *request)
{
	struct buf answer = BUF_INIT;
	int rc;

	s->respond(s->ctx, buf_str(request), &answer);
	rc = SSL_write(ssl, buf_str(&answer), (int)answer.len) > 0 ? 0 : -1;
	buf_release(request);
	buf_release(&answer);
	return rc;
}

/* Returns -1 when the connection is to be closed. */
static inline int server_exchange(struct server *s, SSL *ssl)
{
	struct buf b = BUF_INIT;
	char byte;
	int i;

	if (server_read(ssl, &b) < 0) {
		buf_release(&b);
		return -1;
	}
	if (s->respond)
		return server_respond(s, ssl, &b);
	pthread_mutex_lock(&s->lock);
	i = s->requests++;
	pthread_mutex_unlock(&s->lock);
	if (i >= SERVER_MAX)
		abort();
	s->request[i] = b;
	server_note_client(s, ssl, i);
	if (!s->answers[i] || !*s->answers[i])
		return -1;
	if (!strcmp(s->answers[i], ANSWER_STALL))
		return SSL_read(ssl, &byte, 1) > 0 ? 0 : -1;
	if (!strcmp(s->answers[i], ANSWER_ENDLESS))
		return server_endless(ssl), -1;
	return SSL_write(ssl, s->answers[i], (int)strlen(s->answers[i])) > 0 ? 0 : -1;
}

struct server_job {
	struct server *s;
	int fd, index;
};

static inline void *server_serve(void *arg)
{
	struct server_job *job = arg;
	SSL *ssl = SSL_new(job->s->tls);
	char byte;

	SSL_set_fd(ssl, job->fd);
	if (SSL_accept(ssl) == 1)
		while (server_exchange(job->s, ssl) == 0)
			;
	else /* hanging up at once could overtake the alert that says why */
		while (read(job->fd, &byte, 1) > 0)
			;
	SSL_shutdown(ssl);
	SSL_free(ssl);
	ERR_clear_error();
	shutdown(job->fd, SHUT_RDWR);
	free(job);
	return NULL;
}

/* Serves a connected socket, which becomes the server's. */
static inline void server_take(struct server *s, int fd)
{
	struct server_job *job = malloc(sizeof(*job));

	pthread_mutex_lock(&s->lock);
	int i = s->connections++;
	pthread_mutex_unlock(&s->lock);

	if (i >= SERVER_MAX || !job)
		abort();
	s->fds[i] = fd;
	*job = (struct server_job){ s, fd, i };
	if (pthread_create(&s->threads[i], NULL, server_serve, job))
		abort();
}

static inline void *server_accept(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->listen_fd, NULL, NULL)) >= 0)
		server_take(s, fd);
	return NULL;
}

static inline SSL_CTX *server_context(const struct cert *cert)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!SSL_CTX_use_certificate(ctx, cert->x509) || !SSL_CTX_use_PrivateKey(ctx, cert->key))
		abort();
	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), test_ca.x509);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	/* Sessions are resumed with a client certificate only within a context. */
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
	return ctx;
}

static inline void server_start_at(struct server *s, const struct cert *cert, const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address) };
	socklen_t len = sizeof(a);

	*s = (struct server){ .tls = server_context(cert) };
	pthread_mutex_init(&s->lock, NULL);
	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)) || listen(s->listen_fd, 16) ||
	    getsockname(s->listen_fd, (struct sockaddr *)&a, &len) ||
	    pthread_create(&s->acceptor, NULL, server_accept, s))
		abort();
	s->port = ntohs(a.sin_port);
}

static inline void server_start_with(struct server *s, const struct cert *cert)
{
	server_start_at(s, cert, "127.0.0.1");
}

static inline void server_start(struct server *s)
{
	server_start_with(s, &test_server);
}

static inline void server_stop(struct server *s)
{
	shutdown(s->listen_fd, SHUT_RDWR);
	pthread_join(s->acceptor, NULL);
	close(s->listen_fd);
	for (int i = 0; i < s->connections; i++) {
		shutdown(s->fds[i], SHUT_RDWR);
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
	for (int i = 0; i < s->requests; i++)
		buf_release(&s->request[i]);
	pthread_mutex_destroy(&s->lock);
	SSL_CTX_free(s->tls);
}

/* A whole answer of the given status line ("200 OK") and body; freed with the process' end. */
static inline const char *server_json(const char *status, const char *body)
{
	static struct buf kept[64];
	static size_t n;
	struct buf *b = &kept[n++ % 64];

	buf_clear(b);
	buf_printf(b, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		   status, strlen(body), body);
	return buf_str(b);
}

static inline void kubeconfig_for(struct buf *out, const char *url, const struct cert *ca,
				  const struct cert *client, const char *more)
{
	buf_printf(out, "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: %s\n%s"
		   "    certificate-authority-data: ", url, more);
	pki_base64_encode(ca->cert_pem, strlen(ca->cert_pem), out);
	buf_puts(out, "\n  name: test\ncontexts:\n- context: {cluster: test, user: admin}\n  name: c\n"
		      "current-context: c\nusers:\n- name: admin\n  user:\n"
		      "    client-certificate-data: ");
	pki_base64_encode(client->cert_pem, strlen(client->cert_pem), out);
	buf_puts(out, "\n    client-key-data: ");
	pki_base64_encode(client->key_pem, strlen(client->key_pem), out);
	buf_puts(out, "\n");
}

static inline struct kube *open_at(const char *host, int port, const struct cert *ca,
				   const struct kube_dial *dial, const char *more)
{
	auto_err struct err err = ERR_INIT;
	auto_wipe struct buf config = BUF_INIT;
	char url[128];
	struct kube *k;

	snprintf(url, sizeof(url), "https://%s:%d", host, port);
	kubeconfig_for(&config, url, ca, &test_client, more);
	k = kube_open("admin.conf", buf_str(&config), config.len, dial, &err);
	if (!k)
		fail_msg("%s", err.msg);
	return k;
}

static inline void assert_healthy(struct kube *k)
{
	auto_err struct err err = ERR_INIT;

	if (kube_healthy(k, 15000, &err) < 0)
		fail_msg("%s", err.msg);
}

/* A port nobody listens on, for as long as *fd is open. */
static inline int closed_port(int *fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

static inline int make_test_certs(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	if (kube_init(&err) < 0)
		return -1;
	test_ca = cert_make(&(struct cert_spec){ .cn = "kubernetes", .ca = 1 });
	test_server = cert_make(&(struct cert_spec){ .cn = "kube-apiserver", .by = &test_ca,
			.san = "IP:127.0.0.1,IP:10.0.0.9,DNS:api.test" });
	test_client = cert_make(&(struct cert_spec){ .cn = "kubernetes-admin",
			.org = "system:masters", .by = &test_ca });
	return 0;
}

static inline int release_test_certs(void **state)
{
	(void)state;
	cert_release(&test_ca);
	cert_release(&test_server);
	cert_release(&test_client);
	return 0;
}

#endif
