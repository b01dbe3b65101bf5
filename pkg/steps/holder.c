#define _GNU_SOURCE
#include "steps/holder.h"

#include <pthread.h>
#include <string.h>

#include "steps/steps.h"

#define ASK_MS 3000

/* `ip addr show to` takes IPv4 and IPv6; a tentative address is held already. */
static const char script[] = "ip -o addr show to \"$vip\" | grep -q . && echo yes || echo no\n";

int steps_holds(struct remote *r, const char *vip, int timeout_ms, bool *holds, struct err *err)
{
	const struct remote_var vars[] = { { "vip", vip }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = script, .vars = vars,
					.timeout_ms = timeout_ms ? timeout_ms : ASK_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	if (remote_check(r, &cmd, &res, err) < 0)
		return -1;
	*holds = !strcmp(buf_str(&res.out), "yes\n");
	return 0;
}

/* One node's question, in a thread of its own. */
struct question {
	struct steps_node *node;
	int timeout_ms;
	bool started, holds, asked;
	pthread_t thread;
};

static void *ask(void *data)
{
	struct question *q = data;
	auto_err struct err err = ERR_INIT;

	q->asked = steps_holds(q->node->remote, q->node->run->inv->vip.address, q->timeout_ms, &q->holds, &err) == 0;
	return NULL;
}

static void start(struct question *q)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	q->started = pthread_create(&q->thread, &attr, ask, q) == 0;
	pthread_attr_destroy(&attr);
	if (!q->started)
		ask(q);
}

int steps_find_holders(struct steps_run *run, int timeout_ms, bool *holds, bool *asked)
{
	struct question *all = calloc(run->n + 1, sizeof(*all));
	int n = 0;

	if (!all)
		abort();
	for (size_t i = 0; i < run->n; i++) {
		all[i] = (struct question){ .node = &run->nodes[i], .timeout_ms = timeout_ms };
		if (run->nodes[i].inv->control_plane && run->nodes[i].remote && run->inv->vip.address)
			start(&all[i]);
	}
	for (size_t i = 0; i < run->n; i++) {
		if (all[i].started)
			pthread_join(all[i].thread, NULL);
		asked[i] = all[i].asked;
		holds[i] = all[i].asked && all[i].holds;
		n += holds[i];
	}
	free(all);
	return n;
}
