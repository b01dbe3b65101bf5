#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "steps/drill.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
