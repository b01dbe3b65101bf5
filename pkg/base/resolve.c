#define _GNU_SOURCE
#include "base/resolve.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define STACK (256 << 10)
#define SLICE_MS 100

/* Of two: who asks, who may leave early, and the thread that gets the answer. */
struct question {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	char *host, *service;
	bool ready, left;
	int rc;
	struct addrinfo *list;
};

static void question_free(struct question *q)
{
	if (q->list)
		freeaddrinfo(q->list);
	free(q->host);
	free(q->service);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->answered);
	free(q);
}

static void *answer(void *arg)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct question *q = arg;
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(q->host, q->service, &hints, &list);
	bool left;

	pthread_mutex_lock(&q->lock);
	q->rc = rc;
	q->list = rc ? NULL : list;
	q->ready = true;
	left = q->left;
	pthread_cond_signal(&q->answered);
	pthread_mutex_unlock(&q->lock);
	if (left)
		question_free(q);
	return NULL;
}

static struct question *ask(const char *host, const char *service)
{
	struct question *q = calloc(1, sizeof(*q));
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (!q || !(q->host = strdup(host)) || (service && !(q->service = strdup(service))))
		abort();
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->answered, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, answer, q);
	pthread_attr_destroy(&attr);
	if (!rc)
		return q;
	question_free(q);
	return NULL;
}

static int await(struct question *q, int64_t deadline_ms, bool (*stop)(void), struct addrinfo **list)
{
	int rc = EAI_AGAIN;
	bool ready;

	pthread_mutex_lock(&q->lock);
	while (!q->ready && clock_ms() < deadline_ms && !(stop && stop())) {
		int64_t wake = clock_wall_ms() + SLICE_MS;

		pthread_cond_timedwait(&q->answered, &q->lock,
				       &(struct timespec){ wake / 1000, wake % 1000 * 1000000 });
	}
	ready = q->ready;
	q->left = !ready;
	if (ready) {
		rc = q->rc;
		*list = rc ? *list : TAKE(q->list);
	}
	pthread_mutex_unlock(&q->lock);
	if (ready)
		question_free(q);
	return rc;
}

int resolve(const char *host, const char *service, int64_t deadline_ms, bool (*stop)(void),
	    struct addrinfo **list)
{
	const struct addrinfo numeric = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	int rc = getaddrinfo(host, service, &numeric, list);
	struct question *q;

	if (rc != EAI_NONAME)
		return rc;
	q = ask(host, service);
	return q ? await(q, deadline_ms, stop, list) : EAI_MEMORY;
}
