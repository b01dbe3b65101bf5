/* One look at everything: a thread for each node, then what only all of them together tell. */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "status/status.h"

/* Waiting for the nodes' threads; interrupt tells that they were told to end. */
struct crew {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	size_t busy;
	int64_t deadline_ms;
};

struct job {
	struct crew *crew;
	struct status_node *node;
	pthread_t thread;
	bool started;
};

void status_init(struct status *st, struct steps_run *run)
{
	*st = (struct status){ .run = run, .inv = run->inv, .n = run->n };
	st->nodes = calloc(run->n + 1, sizeof(*st->nodes));
	if (!st->nodes)
		abort();
	for (size_t i = 0; i < run->n; i++)
		st->nodes[i] = (struct status_node){ .step = &run->nodes[i], .inv = run->nodes[i].inv };
}

static void forget(struct status *st)
{
	for (size_t i = 0; i < st->n; i++)
		status_forget(&st->nodes[i]);
	status_reply_set(&st->endpoint, STATUS_UNASKED, 0, NULL);
	kube_nodes_release(&st->listed);
	strs_release(&st->problems);
	strs_release(&st->risks);
	st->listed = (struct kube_nodes){ NULL, 0 };
	st->listed_known = st->has_cluster = false;
	st->members = NULL;
	st->leader = NULL;
	st->voting = st->running = st->reached = 0;
	st->holders = -1;
}

void status_release(struct status *st)
{
	forget(st);
	free(st->nodes);
	*st = (struct status){ 0 };
}

static void *work(void *data)
{
	struct job *job = data;

	status_ask_node(job->node, job->crew->deadline_ms);
	pthread_mutex_lock(&job->crew->lock);
	job->crew->busy--;
	pthread_cond_signal(&job->crew->ended);
	pthread_mutex_unlock(&job->crew->lock);
	return NULL;
}

static void start(struct job *job)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	job->started = pthread_create(&job->thread, &attr, work, job) == 0;
	pthread_attr_destroy(&attr);
	if (!job->started)
		work(job);
}

/* Nodes that are not through by the deadline, or when the user wants to go, are told to end. */
static void wait_for(struct crew *crew, const struct plan *plan)
{
	bool told = false;

	pthread_mutex_lock(&crew->lock);
	while (crew->busy) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100 * 1000 * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&crew->ended, &crew->lock, &until);
		if (!told && (clock_ms() >= crew->deadline_ms || plan_stopped(plan))) {
			remote_interrupt(true);
			told = true;
		}
	}
	pthread_mutex_unlock(&crew->lock);
	if (told && !plan_stopped(plan))
		remote_interrupt(false);
}

static void ask_nodes(struct status *st, int64_t deadline_ms)
{
	struct crew crew = { .busy = st->n, .deadline_ms = deadline_ms };
	struct job *jobs = calloc(st->n + 1, sizeof(*jobs));

	if (!jobs)
		abort();
	pthread_mutex_init(&crew.lock, NULL);
	pthread_cond_init(&crew.ended, NULL);
	for (size_t i = 0; i < st->n; i++) {
		jobs[i] = (struct job){ .crew = &crew, .node = &st->nodes[i] };
		start(&jobs[i]);
	}
	wait_for(&crew, &st->run->plan);
	for (size_t i = 0; i < st->n; i++)
		if (jobs[i].started)
			pthread_join(jobs[i].thread, NULL);
	pthread_cond_destroy(&crew.ended);
	pthread_mutex_destroy(&crew.lock);
	free(jobs);
}

/* Keys are needed as long as something is asked, not longer. */
static void wipe_secrets(struct status *st)
{
	for (size_t i = 0; i < st->n; i++)
		status_wipe(&st->nodes[i]);
}

void status_look(struct status *st)
{
	int64_t since = clock_ms();

	forget(st);
	st->now = (int64_t)time(NULL);
	ask_nodes(st, since + STATUS_NODES_MS);
	for (size_t i = 0; i < st->n; i++)
		st->reached += st->nodes[i].ssh.answer == STATUS_OK;
	status_ask_endpoint(st, clock_ms() + STATUS_ENDPOINT_MS);
	wipe_secrets(st);
	status_put_together(st);
	status_judge(st);
	st->took_ms = (int)(clock_ms() - since);
}
