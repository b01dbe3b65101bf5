#define _GNU_SOURCE
#include "probe/probe.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "base/clock.h"

/* A drill of an hour at full rate; then the watcher stops keeping. */
#define SAMPLES_MAX (4 * 1000 * 1000)
/* Requests of one target under way. */
#define FLIGHT_MAX 64
#define ANSWER_MAX 65536

struct request {
	CURL *curl;
	struct lane *lane;
	struct request *next; /* in the lane's list of those that are free */
	int64_t begun_ms;
	size_t received;
};

struct lane {
	struct probe *probe;
	uint8_t number;
	char *url;
	struct curl_slist *to;
	int every_ms;
	int64_t due_ms;
	struct request requests[FLIGHT_MAX];
	int made; /* of the requests */
	struct request *free;
};

struct probe {
	CURLM *multi;
	struct lane *lanes;
	size_t n;
	struct buf ca;
	int limit_ms;
	pthread_t thread;
	bool stop;
	pthread_mutex_t lock; /* of the log */
	struct probe_log log;
};

static size_t swallow(char *data, size_t size, size_t n, void *arg)
{
	struct request *r = arg;

	(void)data;
	r->received += size * n;
	return r->received > ANSWER_MAX ? 0 : size * n;
}

/* Power commands must not inherit connections; libcurl 7.88 does not see to that. */
static int keep_private(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)purpose;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

/* Every request makes its own connection: what a new client would meet. */
static bool make_request(struct lane *l, struct request *r)
{
	struct curl_blob ca = { l->probe->ca.data, l->probe->ca.len, CURL_BLOB_NOCOPY };
	CURL *c = curl_easy_init();

	if (!c)
		return false;
	*r = (struct request){ .curl = c, .lane = l };
	curl_easy_setopt(c, CURLOPT_URL, l->url);
	curl_easy_setopt(c, CURLOPT_CONNECT_TO, l->to);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &ca);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* else the system's CAs are trusted besides */
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, keep_private);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)l->probe->limit_ms);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "hactl/" HACTL_VERSION);
	curl_easy_setopt(c, CURLOPT_PRIVATE, r);
	return true;
}

static struct request *take_request(struct lane *l)
{
	struct request *r = l->free;

	if (r) {
		l->free = r->next;
		return r;
	}
	if (l->made == FLIGHT_MAX || !make_request(l, &l->requests[l->made]))
		return NULL;
	return &l->requests[l->made++];
}

/* A moment that was missed is not made up for: a burst would measure itself. */
static void start_due(struct probe *p, int64_t now_ms)
{
	for (struct lane *l = p->lanes; l < p->lanes + p->n; l++) {
		struct request *r;

		if (now_ms < l->due_ms)
			continue;
		l->due_ms += l->every_ms;
		if (l->due_ms <= now_ms)
			l->due_ms = now_ms + l->every_ms;
		r = take_request(l);
		if (!r)
			continue;
		r->begun_ms = now_ms;
		r->received = 0;
		curl_multi_add_handle(p->multi, r->curl);
	}
}

static enum probe_result result_of(CURL *c, CURLcode code)
{
	long status = 0;

	switch (code) {
	case CURLE_OK:
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
		return status == 200 || status == 401 || status == 403 ? PROBE_OK : PROBE_SICK;
	case CURLE_OPERATION_TIMEDOUT:
		return PROBE_TIMEOUT;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return PROBE_REFUSED;
	case CURLE_PEER_FAILED_VERIFICATION:
		return PROBE_FOREIGN;
	default:
		return PROBE_LOST;
	}
}

static void finish(struct probe *p, CURL *c, CURLcode code)
{
	struct request *r = NULL;

	curl_easy_getinfo(c, CURLINFO_PRIVATE, &r);
	curl_multi_remove_handle(p->multi, c);
	pthread_mutex_lock(&p->lock);
	if (p->log.n < SAMPLES_MAX)
		probe_log_add(&p->log, (struct probe_sample){ r->begun_ms, (int)(clock_ms() - r->begun_ms),
							      r->lane->number, (uint8_t)result_of(c, code) });
	pthread_mutex_unlock(&p->lock);
	r->next = r->lane->free;
	r->lane->free = r;
}

static int64_t next_due(const struct probe *p)
{
	int64_t due = p->lanes[0].due_ms;

	for (size_t i = 1; i < p->n; i++)
		if (p->lanes[i].due_ms < due)
			due = p->lanes[i].due_ms;
	return due;
}

static void *watch(void *arg)
{
	struct probe *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		int running, left;
		int64_t wait_ms;
		CURLMsg *m;

		start_due(p, clock_ms());
		curl_multi_perform(p->multi, &running);
		while ((m = curl_multi_info_read(p->multi, &left)))
			if (m->msg == CURLMSG_DONE)
				finish(p, m->easy_handle, m->data.result);
		wait_ms = next_due(p) - clock_ms();
		if (wait_ms > 0)
			curl_multi_poll(p->multi, NULL, 0, (int)wait_ms, NULL);
	}
	return NULL;
}

static void open_lane(struct lane *l, struct probe *p, const struct probe_options *o, size_t i)
{
	const struct probe_target *t = &o->targets[i];
	auto_free char *to = NULL;

	*l = (struct lane){ .probe = p, .number = (uint8_t)i, .every_ms = t->every_ms,
			    .due_ms = clock_ms() + t->every_ms * (int)i / (int)o->n };
	if (asprintf(&to, strchr(t->host, ':') ? "::[%s]:%d" : "::%s:%d", t->host, t->port) < 0 ||
	    asprintf(&l->url, strchr(o->name, ':') ? "https://[%s]:%d%s" : "https://%s:%d%s", o->name, t->port,
		     t->path) < 0)
		abort();
	l->to = curl_slist_append(NULL, to);
}

static void release(struct probe *p)
{
	for (struct lane *l = p->lanes; l < p->lanes + p->n; l++) {
		for (int i = 0; i < l->made; i++) {
			curl_multi_remove_handle(p->multi, l->requests[i].curl);
			curl_easy_cleanup(l->requests[i].curl);
		}
		curl_slist_free_all(l->to);
		free(l->url);
	}
	curl_multi_cleanup(p->multi);
	pthread_mutex_destroy(&p->lock);
	probe_log_release(&p->log);
	buf_release(&p->ca);
	free(p->lanes);
	free(p);
}

struct probe *probe_open(const struct probe_options *o, struct err *err)
{
	struct probe *p = calloc(1, sizeof(*p));
	bool started;

	if (!p || !(p->lanes = calloc(o->n, sizeof(*p->lanes))))
		abort();
	p->n = o->n;
	p->limit_ms = o->limit_ms;
	buf_add(&p->ca, buf_str(o->ca), o->ca->len);
	pthread_mutex_init(&p->lock, NULL);
	for (size_t i = 0; i < o->n; i++)
		open_lane(&p->lanes[i], p, o, i);
	p->multi = curl_multi_init();
	started = p->multi && pthread_create(&p->thread, NULL, watch, p) == 0;
	if (started)
		return p;
	err_set(err, ERR_FAILED, p->multi ? "no thread can be started" : "libcurl cannot be started");
	release(p);
	return NULL;
}

void probe_read(struct probe *p, int64_t from_ms, struct probe_log *out)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->log.n; i++)
		if (p->log.v[i].ms >= from_ms)
			probe_log_add(out, p->log.v[i]);
	pthread_mutex_unlock(&p->lock);
	probe_log_sort(out);
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	__atomic_store_n(&p->stop, true, __ATOMIC_RELAXED);
	pthread_join(p->thread, NULL);
	release(p);
}
