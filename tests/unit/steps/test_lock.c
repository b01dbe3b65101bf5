/* The lock on nodes whose sessions come and go within a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "remote/fake.h"
#include "steps/steps.h"

static struct inv_node inv[2] = { { .name = "m1", .control_plane = true }, { .name = "m2", .control_plane = true } };
static struct steps_node nodes[2];
static struct steps_run run;

static struct remote *session(void)
{
	struct remote *r = remote_fake();

	remote_fake_answer(r, ":", 0, "", "");
	return r;
}

static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct plan_node p = { .name = "m1", .data = &nodes[0] };
	bool done = false;

	(void)state;
	run = (struct steps_run){ .nodes = nodes, .n = 2, .opt = { .who = "a test" } };
	for (size_t i = 0; i < 2; i++)
		nodes[i] = (struct steps_node){ .inv = &inv[i], .run = &run, .remote = session() };
	assert_int_equal(steps_lock.steps[0].check(&p, &done, &err), 0);
	assert_non_null(run.held);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	steps_unlock(&run);
	for (size_t i = 0; i < 2; i++)
		remote_close(nodes[i].remote);
	return 0;
}

static void a_node_that_is_back_is_locked_again(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) { /* more often than there are nodes */
		steps_lock_leave(&nodes[i % 2]);
		remote_close(nodes[i % 2].remote);
		nodes[i % 2].remote = session();
		steps_lock_again(&nodes[i % 2]);
		steps_lock_again(&nodes[i % 2]); /* it is, already */
		assert_null(run.lock_lost);
	}
	steps_lock_leave(&nodes[0]);
	steps_lock_again(&(struct steps_node){ .inv = &inv[0], .run = &run }); /* there is no session yet */
	assert_null(run.lock_lost);
	remote_fake_fail(nodes[0].remote, 1);
	steps_lock_again(&nodes[0]);
	assert_string_equal(run.lock_lost, "m1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_node_that_is_back_is_locked_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
