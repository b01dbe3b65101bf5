#define _GNU_SOURCE
#include "base/clock.h"
#include "kube/client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "kube/config.h"
#include "kube/transfer.h"

#define ANSWER_MAX (32 * 1024 * 1024)
#define CONNECT_MS 5000
#define TOTAL_MS 15000
#define RETRY_MS 30000 /* an API server that starts, or the VIP on its way to another */

struct kube {
	CURL *curl;
	struct kube_config config;
	struct kube_dial dial;
	bool tunnel;        /* the direct way failed once and dial did not */
	bool tunnel_only;
	int dialled, placeholder; /* sockets of the request that goes through the tunnel */
	bool answered;      /* some request was, so that the server is the right one */
	bool lost;          /* the last one was not: no connection, or no answer on it */
	const int *stop;    /* of kube_stop_when, or NULL */
	char *to_host;      /* of kube_connect_to, or NULL */
	int to_port;
	char *trust, *where; /* for messages */
};

int kube_init(struct err *err)
{
	signal(SIGPIPE, SIG_IGN); /* OpenSSL's writes raise it; CURLOPT_NOSIGNAL leaves it to us */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_FAILED, "libcurl cannot be initialised");
	return 0;
}

static const char *target_host(const struct kube *k)
{
	return k->to_host ? k->to_host : k->config.host;
}

static int target_port(const struct kube *k)
{
	return k->to_host ? k->to_port : k->config.port;
}

static void name_target(struct kube *k)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, k->config.base);
	if (k->to_host || strcmp(k->config.host, k->config.verify_name))
		buf_printf(&b, " (at %s port %d)", target_host(k), target_port(k));
	free(k->where);
	k->where = buf_detach(&b);
}

struct kube *kube_open_config(struct kube_config *config, const struct kube_dial *dial)
{
	struct kube *k = calloc(1, sizeof(*k));

	if (!k)
		abort();
	k->config = *config;
	*config = (struct kube_config){ 0 };
	if (dial)
		k->dial = *dial;
	k->curl = curl_easy_init();
	if (!k->curl || asprintf(&k->trust, "the CA in '%s'", k->config.name) < 0)
		abort();
	name_target(k);
	return k;
}

struct kube *kube_open(const char *name, const char *text, size_t len, const struct kube_dial *dial,
		       struct err *err)
{
	struct kube_config config;

	return kube_config_read(name, text, len, &config, err) < 0 ? NULL : kube_open_config(&config, dial);
}

void kube_close(struct kube *k)
{
	if (!k)
		return;
	curl_easy_cleanup(k->curl);
	kube_config_release(&k->config);
	free(k->to_host);
	free(k->trust);
	free(k->where);
	free(k);
}

void kube_server(const struct kube *k, const char **host, int *port)
{
	*host = k->config.host;
	*port = k->config.port;
}

const struct buf *kube_ca(const struct kube *k)
{
	return &k->config.ca;
}

void kube_connect_to(struct kube *k, const char *host, int port)
{
	free(k->to_host);
	k->to_host = host ? strdup(host) : NULL;
	if (host && !k->to_host)
		abort();
	k->to_port = port;
	k->tunnel = k->tunnel_only;
	name_target(k);
}

void kube_tunnel_only(struct kube *k)
{
	k->tunnel = k->tunnel_only = k->dial.dial != NULL;
}

/*
 * How libcurl comes to a socket that is connected already.  CURL_SOCKOPT_ALREADY_CONNECTED would
 * be the way, but 7.88 (Debian 12) connects such a socket all the same (curl issue 10626).  So
 * it gets a datagram socket, for which connecting does nothing, and before the TLS handshake the
 * dialled one takes that one's place.
 */
static curl_socket_t open_placeholder(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct kube *k = arg;

	(void)purpose, (void)a;
	k->placeholder = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return k->placeholder;
}

static CURLcode enter_tunnel(CURL *c, void *ssl_ctx, void *arg)
{
	struct kube *k = arg;
	int flags = fcntl(k->dialled, F_GETFL);

	(void)c, (void)ssl_ctx;
	if (flags < 0 || fcntl(k->dialled, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    dup3(k->dialled, k->placeholder, O_CLOEXEC) < 0)
		return CURLE_COULDNT_CONNECT;
	return CURLE_OK;
}

static void set_blob(CURL *c, CURLoption option, const struct buf *b)
{
	struct curl_blob blob = { b->data, b->len, CURL_BLOB_NOCOPY };

	curl_easy_setopt(c, option, &blob);
}

static void set_trust(struct kube *k)
{
	set_blob(k->curl, CURLOPT_CAINFO_BLOB, &k->config.ca);
	set_blob(k->curl, CURLOPT_SSLCERT_BLOB, &k->config.cert);
	set_blob(k->curl, CURLOPT_SSLKEY_BLOB, &k->config.key);
	/* Otherwise libcurl 7.88 trusts the system's CAs besides the blob. */
	curl_easy_setopt(k->curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(k->curl, CURLOPT_PROXY, "");
}

/* CONNECT_TO keeps the URL's name for the certificate and for the reuse of connections apart
 * per target, which RESOLVE does not.  A tunnel needs no address from here: looking the name up
 * could fail, so libcurl gets a numeric one. */
static struct curl_slist *set_target(struct kube *k)
{
	const char *host = k->tunnel ? "127.0.0.1" : target_host(k);
	auto_free char *to = NULL;
	struct curl_slist *list;

	if (asprintf(&to, strchr(host, ':') ? "::[%s]:%d" : "::%s:%d", host, target_port(k)) < 0)
		abort();
	list = curl_slist_append(NULL, to);
	if (!list)
		abort();
	curl_easy_setopt(k->curl, CURLOPT_CONNECT_TO, list);
	if (!k->tunnel)
		return list;
	curl_easy_setopt(k->curl, CURLOPT_OPENSOCKETFUNCTION, open_placeholder);
	curl_easy_setopt(k->curl, CURLOPT_OPENSOCKETDATA, k);
	curl_easy_setopt(k->curl, CURLOPT_SSL_CTX_FUNCTION, enter_tunnel);
	curl_easy_setopt(k->curl, CURLOPT_SSL_CTX_DATA, k);
	/* While the tunnel is open the machine it goes through runs nothing else. */
	curl_easy_setopt(k->curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(k->curl, CURLOPT_FORBID_REUSE, 1L);
	return list;
}

static struct curl_slist *set_request(CURL *c, const struct kube_request *q)
{
	struct curl_slist *list;
	auto_free char *type = NULL;

	if (asprintf(&type, "Content-Type: %s", q->type ? q->type : "application/json") < 0)
		abort();
	list = curl_slist_append(NULL, q->metadata_only ?
		"Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1" :
		"Accept: application/json");
	if (!list || !curl_slist_append(list, "Expect:"))
		abort();
	if (q->body) {
		if (!curl_slist_append(list, type))
			abort();
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body);
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
	return list;
}

static CURLcode transfer(struct kube *k, const struct kube_request *q, int timeout_ms,
			 struct transfer *t)
{
	auto_free char *url = NULL;
	struct curl_slist *to, *headers;
	int connect_ms = timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS;
	CURLcode code;

	if (k->dial.dial && !k->tunnel && connect_ms > timeout_ms / 2)
		connect_ms = timeout_ms / 2; /* the rest is for the tunnel */
	if (asprintf(&url, "%s%s", k->config.base, q->path) < 0)
		abort();
	transfer_setup(k->curl, t, url);
	set_trust(k);
	to = set_target(k);
	headers = set_request(k->curl, q);
	curl_easy_setopt(k->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(k->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	code = curl_easy_perform(k->curl);
	curl_slist_free_all(to);
	curl_slist_free_all(headers);
	return code;
}

static int finish(struct kube *k, CURLcode code, struct transfer *t, struct kube_answer *a,
		  struct err *err)
{
	const struct transfer_words words = {
		.where = k->where,
		.trust = k->trust,
		.name = k->config.verify_name,
		.login = k->config.name,
	};
	long status = 0;

	k->lost = transfer_lost(t, code);
	if (code != CURLE_OK)
		return transfer_failed(k->curl, t, code, &words, err);
	k->answered = true;
	curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE, &status);
	a->status = (int)status;
	buf_wipe(&a->body);
	a->body = t->body;
	t->body = (struct buf)BUF_INIT;
	return 0;
}

/* Nothing was sent, and a way from somewhere else might work. */
static bool unreachable_from_here(CURL *c, CURLcode code)
{
	curl_off_t connected = 0;

	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		return true;
	curl_easy_getinfo(c, CURLINFO_CONNECT_TIME_T, &connected);
	return code == CURLE_OPERATION_TIMEDOUT && !connected;
}

static int through_tunnel(struct kube *k, const struct kube_request *q, int timeout_ms,
			  struct kube_answer *a, struct err *err)
{
	auto_transfer struct transfer t = { .max = ANSWER_MAX };
	CURLcode code;

	if (k->dial.dial(k->dial.ctx, target_host(k), target_port(k), &k->dialled, err) < 0) {
		err->kind = ERR_CONNECT;
		k->lost = true;
		return err_wrap(err, "%s: cannot connect through the tunnel", k->where);
	}
	k->tunnel = true;
	code = transfer(k, q, timeout_ms, &t);
	close(k->dialled);
	return finish(k, code, &t, a, err);
}

int kube_request(struct kube *k, const struct kube_request *q, struct kube_answer *a,
		 struct err *err)
{
	int timeout_ms = q->timeout_ms ? q->timeout_ms : TOTAL_MS;
	int64_t deadline = clock_ms() + timeout_ms;
	auto_transfer struct transfer t = { .max = ANSWER_MAX };
	auto_err struct err direct = ERR_INIT;
	CURLcode code;

	if (k->tunnel)
		return through_tunnel(k, q, timeout_ms, a, err);
	code = transfer(k, q, timeout_ms, &t);
	if (!k->dial.dial || !unreachable_from_here(k->curl, code))
		return finish(k, code, &t, a, err);
	(void)!finish(k, code, &t, a, &direct);
	timeout_ms = (int)(deadline - clock_ms());
	if (through_tunnel(k, q, timeout_ms > 1000 ? timeout_ms : 1000, a, err) == 0)
		return 0;
	return k->tunnel ? -1 : err_wrap(err, "%s; and", direct.msg);
}

void kube_answer_release(struct kube_answer *a)
{
	buf_wipe(&a->body);
}

json_t *kube_parse(struct kube *k, const struct kube_request *q, const struct kube_answer *a,
		   struct err *err)
{
	json_error_t where;
	json_t *root = json_loadb(buf_str(&a->body), a->body.len, JSON_ALLOW_NUL, &where);

	if (json_is_object(root))
		return root;
	if (root)
		err_set(err, ERR_FAILED, "%s: %s %s: the answer is no JSON object; is this the API "
			"server?", k->where, q->method, q->path);
	else
		err_set(err, ERR_FAILED, "%s: %s %s: the answer is not JSON (line %d: %s); is this "
			"the API server?", k->where, q->method, q->path, where.line, where.text);
	json_decref(root);
	return NULL;
}

/* What the Status object in an answer says; "" when it is none. */
static void quote_status(const struct kube_answer *a, struct buf *out)
{
	auto_json json_t *root = json_loadb(buf_str(&a->body), a->body.len, JSON_ALLOW_NUL, NULL);
	const char *message = json_string_value(json_object_get(root, "message"));
	const char *reason = json_string_value(json_object_get(root, "reason"));

	if (message && *message)
		transfer_quote(out, message, 1000);
	else if (reason)
		transfer_quote(out, reason, 100);
}

static int refused_login(struct kube *k, struct err *err)
{
	time_t when = (time_t)k->config.cert_expires;
	char text[32];
	struct tm tm;

	if (when > time(NULL) || !gmtime_r(&when, &tm))
		return err_set(err, ERR_CONNECT, "%s: the client certificate of '%s' is refused; is "
			       "it of this cluster?", k->where, k->config.name);
	strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	return err_set(err, ERR_CONNECT, "%s: the client certificate of '%s' expired on %s; renew it "
		       "('kubeadm certs renew admin.conf')", k->where, k->config.name, text);
}

int kube_refused(struct kube *k, const struct kube_request *q, const struct kube_answer *a,
		 struct err *err)
{
	auto_buf struct buf why = BUF_INIT;

	if (a->status == 401)
		return refused_login(k, err);
	if (a->status >= 300 && a->status < 400)
		return err_set(err, ERR_FAILED, "%s: %s %s: the answer is a redirect (HTTP %d), which "
			       "an API server does not send; is something else at this address?",
			       k->where, q->method, q->path, a->status);
	quote_status(a, &why);
	return err_set(err, ERR_FAILED, "%s: %s %s: %s%sHTTP %d", k->where, q->method, q->path,
		       buf_str(&why), why.len ? ", " : "", a->status);
}

bool kube_passing(int status)
{
	return status == 409 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

bool kube_may_return(const struct kube *k)
{
	return k->answered && k->lost;
}

void kube_stop_when(struct kube *k, const int *stop)
{
	k->stop = stop;
}

struct clock_poll kube_patience(void)
{
	return clock_poll_start(RETRY_MS, 1000);
}

bool kube_pause(const struct kube *k, struct clock_poll *poll)
{
	return !(k->stop && __atomic_load_n(k->stop, __ATOMIC_RELAXED)) && clock_poll_pause(poll);
}

char *kube_path(const char *prefix, const char *name)
{
	char *encoded = curl_easy_escape(NULL, name, 0), *path;

	if (!encoded || asprintf(&path, "%s%s", prefix, encoded) < 0)
		abort();
	curl_free(encoded);
	return path;
}

int kube_send_patiently(struct kube *k, const struct kube_request *q, struct kube_answer *a,
			  int *tries, struct err *err)
{
	struct clock_poll poll = kube_patience();

	for (*tries = 1;; ++*tries) {
		int rc = kube_request(k, q, a, err);
		bool again = rc < 0 ? kube_may_return(k) : a->status != 409 && kube_passing(a->status);

		if (!again || !kube_pause(k, &poll))
			return rc;
		err_clear(err);
	}
}
