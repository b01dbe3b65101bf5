#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "remote/fake.h"
#include "steps/drill.h"
#include "steps/drill_break.h"

static void assert_refused(enum drill_kind kind, int members, int healthy, enum err_kind as)
{
	enum err_kind is = ERR_NONE;

	assert_non_null(drill_refusal(kind, members, healthy, &is));
	assert_int_equal(is, as);
}

static void assert_allowed(enum drill_kind kind, int members, int healthy)
{
	enum err_kind is = ERR_NONE;

	assert_null(drill_refusal(kind, members, healthy, &is));
}

static void what_would_cost_the_quorum_is_refused(void **state)
{
	(void)state;
	assert_refused(DRILL_NETWORK, 2, 2, ERR_QUORUM);
	assert_refused(DRILL_POWER, 2, 2, ERR_QUORUM);
	assert_refused(DRILL_NETWORK, 3, 2, ERR_QUORUM);
	assert_refused(DRILL_POWER, 3, 2, ERR_QUORUM);
	assert_refused(DRILL_POWER, 5, 3, ERR_QUORUM);
	assert_refused(DRILL_POWER, 4, 3, ERR_QUORUM);
}

static void nothing_is_broken_when_no_api_server_would_be_left(void **state)
{
	(void)state;
	for (int kind = 0; kind < DRILL_KINDS; kind++) {
		assert_refused((enum drill_kind)kind, 1, 1, ERR_QUORUM);
		assert_refused((enum drill_kind)kind, 3, 1, ERR_QUORUM);
		assert_refused((enum drill_kind)kind, 3, 0, ERR_QUORUM);
	}
}

static void a_cluster_that_is_not_well_is_left_alone(void **state)
{
	(void)state;
	assert_refused(DRILL_STOP, 3, 2, ERR_UNHEALTHY);
	assert_refused(DRILL_API, 3, 2, ERR_UNHEALTHY);
	assert_refused(DRILL_POWER, 5, 4, ERR_UNHEALTHY);
}

static void a_cluster_that_is_well_may_lose_one(void **state)
{
	(void)state;
	for (int kind = 0; kind < DRILL_KINDS; kind++) {
		assert_allowed((enum drill_kind)kind, 3, 3);
		assert_allowed((enum drill_kind)kind, 5, 5);
	}
	assert_allowed(DRILL_STOP, 2, 2);
	assert_allowed(DRILL_API, 2, 2);
}

/* m0 has it, loses it at 100; m1 gets it at 150; m0 comes back with it at 200 and gives it up at 250. */
static struct drill_holding said[] = {
	{ 0, 0, 1 }, { 0, 1, 0 }, { 0, 2, 0 }, { 100, 0, 0 }, { 150, 1, 1 }, { 200, 0, 1 }, { 250, 0, 0 }, { 300, 2, -1 },
};
static const struct drill_holdings all = { said, sizeof(said) / sizeof(*said) };

static void the_holder_is_who_says_so(void **state)
{
	(void)state;
	assert_int_equal(drill_holder_at(&all, 3, DRILL_NOBODY, 50), 0);
	assert_int_equal(drill_holder_at(&all, 3, DRILL_NOBODY, 120), DRILL_NOBODY);
	assert_int_equal(drill_holder_at(&all, 3, DRILL_NOBODY, 150), 1);
	assert_int_equal(drill_holder_at(&all, 3, DRILL_NOBODY, 220), DRILL_SEVERAL);
	assert_int_equal(drill_holder_at(&all, 3, DRILL_NOBODY, 260), 1);
}

static void what_a_node_that_is_cut_off_believes_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(drill_holder_at(&all, 3, 0, 220), 1);
	assert_int_equal(drill_holder_at(&all, 3, 0, 50), DRILL_NOBODY);
}

static void a_holder_is_unknown_while_a_node_cannot_be_asked_and_no_other_has_it(void **state)
{
	struct drill_holding v[] = { { 0, 0, 1 }, { 0, 1, 0 }, { 10, 0, -1 }, { 20, 1, 1 } };
	const struct drill_holdings h = { v, 4 };

	(void)state;
	assert_int_equal(drill_holder_at(&h, 2, DRILL_NOBODY, -1), DRILL_UNKNOWN); /* nothing was said yet */
	assert_int_equal(drill_holder_at(&h, 2, DRILL_NOBODY, 15), DRILL_UNKNOWN);
	assert_int_equal(drill_holder_at(&h, 2, DRILL_NOBODY, 25), 1);
}

static void switches_are_from_one_node_to_another(void **state)
{
	(void)state;
	assert_int_equal(drill_switches(&all, 3, DRILL_NOBODY, 50, 120), 0); /* nobody is no node */
	assert_int_equal(drill_switches(&all, 3, DRILL_NOBODY, 50, 180), 1);
	assert_int_equal(drill_switches(&all, 3, DRILL_NOBODY, 50, 400), 1); /* two for a moment, then the same */
	assert_int_equal(drill_switches(&all, 3, DRILL_NOBODY, 160, 400), 0);
}

static void a_scenario_may_not_end_with_several_holders_or_none(void **state)
{
	struct drill_result r = { .before = 0, .during = 1, .after = 1 };

	(void)state;
	assert_null(drill_holder_problem(&r));
	r.during = DRILL_NOBODY; /* the outage tells that */
	assert_null(drill_holder_problem(&r));
	r.during = DRILL_SEVERAL;
	assert_non_null(drill_holder_problem(&r));
	r.during = 1;
	r.after = DRILL_UNKNOWN;
	assert_null(drill_holder_problem(&r));
	r.after = DRILL_NOBODY;
	assert_non_null(drill_holder_problem(&r));
	r.after = DRILL_SEVERAL;
	assert_non_null(drill_holder_problem(&r));
}

/* ---- a session that is lost while the lock is held ---- */

static bool is_dead; /* who connects waits for longer than the lock's keeper does between two beats */

static struct remote *connect_fake(void *ctx, const struct inv_node *n, const char *address, bool *untrusted,
				   struct err *err)
{
	struct remote *r = NULL;

	(void)ctx;
	(void)address;
	*untrusted = false;
	if (is_dead) {
		sleep(4);
		err_set(err, ERR_CONNECT, "%s: no route", n->name);
	} else {
		r = remote_fake();
		remote_fake_answer(r, ":", 0, "", "");
		remote_fake_answer(r, "put end 1", strcmp(n->name, "m2") ? 0 : 1, "end=1\n", "no\n");
	}
	return r;
}

static enum steps_part everyone(const void *ctx, const struct inv_node *n)
{
	(void)ctx;
	(void)n;
	return STEPS_HELPER;
}

static void a_node_that_is_gone_is_no_matter_of_who_keeps_the_lock(void **state)
{
	static const char yaml[] = "apiVersion: hactl/v1\nkind: Cluster\nendpoint: 10.0.0.9:6443\ncontrolPlane:\n"
				   "  - {name: m1, address: 10.0.0.11}\n  - {name: m2, address: 10.0.0.12}\n";
	/* m2 cannot tell its facts, so it is left out; m1 is what the drill loses */
	static const struct plan_phase *const phases[] = { &steps_connect, &steps_lock, &steps_look, NULL };
	const struct steps_options opt = { .connect = connect_fake, .log_dir = "/nonexistent", .who = "a test" };
	char path[] = "/tmp/drill-XXXXXX";
	struct inventory inv = { 0 };
	struct steps_run run;
	auto_err struct err err = ERR_INIT;
	int fd = mkstemp(path);

	(void)state;
	assert_true(write(fd, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
	close(fd);
	assert_int_equal(inventory_load(path, &inv, &err), 0);
	unlink(path);
	assert_int_equal(steps_run_init(&run, &inv, &opt, everyone, NULL, &err), 0);
	run.plan.parallel = 1;
	if (plan_run(&run.plan, phases, &err) < 0)
		fail_msg("%s", err.msg);
	assert_non_null(run.held);
	assert_non_null(run.nodes[0].remote);
	assert_null(run.nodes[1].remote);
	is_dead = true;
	assert_int_equal(drill_reconnect(&run.nodes[0], &err), -1);
	is_dead = false;
	assert_null(run.nodes[0].remote);
	steps_unlock(&run);
	assert_null(run.lock_lost);
	steps_run_release(&run);
	inventory_release(&inv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_would_cost_the_quorum_is_refused),
		cmocka_unit_test(nothing_is_broken_when_no_api_server_would_be_left),
		cmocka_unit_test(a_cluster_that_is_not_well_is_left_alone),
		cmocka_unit_test(a_cluster_that_is_well_may_lose_one),
		cmocka_unit_test(the_holder_is_who_says_so),
		cmocka_unit_test(what_a_node_that_is_cut_off_believes_does_not_count),
		cmocka_unit_test(a_holder_is_unknown_while_a_node_cannot_be_asked_and_no_other_has_it),
		cmocka_unit_test(switches_are_from_one_node_to_another),
		cmocka_unit_test(a_scenario_may_not_end_with_several_holders_or_none),
		cmocka_unit_test(a_node_that_is_gone_is_no_matter_of_who_keeps_the_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
