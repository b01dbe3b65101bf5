/* The lock on nodes whose sessions come and go within a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* m1's session is lost: its lock was not held for a while. */
static void lose_m1(struct remote *fresh)
{
	auto_err struct err err = ERR_INIT;

	steps_lock_forget(&nodes[0]);
	run.lock_lost = nodes[0].inv->name;
	nodes[0].lock_broken = true;
	assert_int_equal(steps_lock_move(&nodes[0], fresh, &err), 0);
	remote_close(nodes[0].remote);
	nodes[0].remote = fresh;
	steps_lock_moved(&nodes[0]);
}

static void a_lock_that_was_lost_is_no_matter_while_another_was_held(void **state)
{
	(void)state;
	lose_m1(session());
	assert_null(run.lock_lost);
}

static void a_lock_that_was_lost_with_all_others_is_told(void **state)
{
	(void)state;
	nodes[1].lock_broken = true;
	lose_m1(session());
	assert_string_equal(run.lock_lost, "m1");
}

static void a_lock_that_somebody_else_took_meanwhile_ends_the_run(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct remote *fresh = remote_fake();
	int64_t start_ms = clock_ms();

	(void)state;
	remote_fake_answer(fresh, ":", 0, "", "");
	remote_fake_answer(fresh, REMOTE_FAKE_HOLD, 0, "x busy\nsomebody on pc\n", "");
	steps_lock_forget(&nodes[0]);
	assert_int_equal(steps_lock_move(&nodes[0], fresh, &err), -1);
	if (err.kind != ERR_LOCKED || !strstr(err.msg, "since the connection was lost: somebody on pc"))
		fail_msg("%s", err.msg);
	assert_true(clock_ms() - start_ms >= 2000); /* who only waits for the lock holds it for an instant */
	remote_close(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_node_that_is_back_is_locked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_that_was_lost_is_no_matter_while_another_was_held, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_that_was_lost_with_all_others_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_that_somebody_else_took_meanwhile_ends_the_run, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
