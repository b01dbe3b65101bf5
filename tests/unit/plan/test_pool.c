/*
 * The pool with 64 nodes, each a recording remote: every node gets its own calls in their order, whatever
 * the others do, and the observer is told of each step once.  Built with TSAN=1 it shows data races.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/strs.h"
#include "plan/plan.h"
#include "remote/fake.h"
#include "remote/log.h"

enum { NODES = 64 };

struct machine {
	char name[8];
	struct remote *remote;
	bool made; /* since it was looked at */
};

static struct machine machines[NODES];
static struct plan_node nodes[NODES];
static pthread_t main_thread;
static struct buf kept; /* what all remotes tell their log */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t told[NODES], others;

static void keep(void *ctx, const struct remote_record *rec)
{
	(void)ctx;
	pthread_mutex_lock(&kept_lock);
	remote_record_text(rec, REMOTE_LOG_OUTPUT, &kept);
	pthread_mutex_unlock(&kept_lock);
}

static const struct remote_log logging = { .record = keep };

static int look(struct plan_node *n, bool *done, struct err *err)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct machine *m = n->data;

	if (remote_check(m->remote, &(struct remote_cmd){ .script = "look" }, &res, err) < 0)
		return -1;
	*done = m->made;
	m->made = false;
	return 0;
}

static int change(struct plan_node *n, struct err *err)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct machine *m = n->data;
	const struct remote_file file = { "/etc/made", m->name, strlen(m->name), 0600 };

	plan_progress(n, "change", "half way");
	if (remote_put(m->remote, &file, 1, NULL, err) < 0)
		return -1;
	plan_note(n->plan, n->name, "made by %s", m->name);
	m->made = true;
	return remote_check(m->remote, &(struct remote_cmd){ .script = "change" }, &res, err);
}

static const struct plan_step steps[] = {
	{ .name = "change", .title = "a change", .check = look, .apply = change },
	{ .name = "narrow", .title = "a change, few at a time", .check = look, .apply = change, .max_parallel = 3 },
	{ .name = NULL },
};
static const struct plan_phase wide = { .name = "wide", .steps = steps, .unbounded = true };
static const struct plan_phase pooled = { .name = "pooled", .steps = steps };

static void hear(void *ctx, const struct plan_event *e)
{
	(void)ctx;
	assert_true(pthread_equal(pthread_self(), main_thread));
	for (size_t i = 0; i < NODES; i++)
		if (e->node && !strcmp(e->node, machines[i].name)) {
			told[i]++;
			return;
		}
	others++;
}

static int setup(void **state)
{
	(void)state;
	main_thread = pthread_self();
	for (size_t i = 0; i < NODES; i++) {
		struct machine *m = &machines[i];

		snprintf(m->name, sizeof(m->name), "n%zu", i);
		m->remote = remote_fake();
		m->remote->name = m->name;
		m->remote->log = &logging;
		remote_fake_answer(m->remote, "look", 0, m->name, "");
		remote_fake_answer(m->remote, "change", 0, "", m->name);
		nodes[i] = (struct plan_node){ .name = m->name, .data = m };
	}
	return 0;
}

static int cleanup(void **state)
{
	(void)state;
	for (size_t i = 0; i < NODES; i++)
		remote_close(machines[i].remote);
	buf_release(&kept);
	return 0;
}

static void each_of_64_nodes_gets_its_own_calls_in_their_order(void **state)
{
	static const char *const wanted[] = { "look", "change", "look", "look", "change", "look" };
	const struct plan_phase *const phases[] = { &wide, &pooled, NULL };
	struct plan p = { .nodes = nodes, .n = NODES, .parallel = 16, .observer = { .event = hear } };
	auto_err struct err err = ERR_INIT;

	(void)state;
	if (plan_run(&p, phases, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(p.changed);
	assert_int_equal(others, 2); /* the phases */
	for (size_t i = 0; i < NODES; i++) {
		const struct strs *ran = remote_fake_scripts(machines[i].remote);

		assert_int_equal(ran->n, 12); /* two steps in two phases */
		for (size_t k = 0; k < ran->n; k++)
			assert_non_null(strstr(ran->v[k], wanted[k % 6]));
		assert_string_equal(remote_fake_text(machines[i].remote, "/etc/made", NULL), machines[i].name);
		assert_int_equal(told[i], 4 * 4); /* it begins, is half way, was made, has ended */
	}
}

static void what_they_tell_their_log_is_whole(void **state)
{
	size_t begun = 0, ended = 0;

	(void)state;
	for (const char *at = buf_str(&kept); (at = strstr(at, ": begins\n")); at++)
		begun++;
	for (const char *at = buf_str(&kept); (at = strstr(at, ": status 0 (")); at++)
		ended++;
	assert_int_equal(begun, NODES * 16); /* per step look, put, change, look */
	assert_int_equal(begun, ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_64_nodes_gets_its_own_calls_in_their_order),
		cmocka_unit_test(what_they_tell_their_log_is_whole),
	};

	return cmocka_run_group_tests(tests, setup, cleanup);
}
