#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ha/ha.h"

static const enum ha_state healthy[HA_PEERS_MAX];

static struct ha_outage predicted(int version, enum ha_event e, size_t n, int holder)
{
	const struct ha_timing t = ha_timing_default(version);

	return ha_predict(&t, e, healthy, n, holder);
}

static void the_proof_holds_for_every_number_of_nodes(void **state)
{
	long combinations = 1;

	(void)state;
	for (size_t n = 1; n <= HA_PROOF_MAX; n++) {
		combinations *= 3;
		assert_int_equal(ha_prove(n, false), combinations);
		assert_int_equal(ha_prove(n, true), combinations);
	}
}

static void each_single_failure_costs_no_more_than_promised(void **state)
{
	(void)state;
	for (size_t n = 2; n <= 7; n++)
		for (int holder = 0; holder < (int)n; holder++) {
			assert_true(predicted(3, HA_KEEPALIVED_STOPS, n, holder).max_ms <= 300);
			assert_true(predicted(3, HA_API_STOPS, n, holder).max_ms <= 1500);
			assert_true(predicted(3, HA_POWER_CUT, n, holder).max_ms <= 1000);
			assert_true(predicted(3, HA_NETWORK_CUT, n, holder).max_ms <= 1000);
			assert_int_equal(predicted(3, HA_NODE_RETURNS, n, holder).max_ms, 0);
		}
}

/* RFC 5798: Master_Down_Interval = 3 * Master_Adver_Interval + Skew_Time. */
static void the_bounds_are_those_of_the_standard(void **state)
{
	struct ha_outage o;

	(void)state;
	o = predicted(3, HA_POWER_CUT, 3, 0); /* m2: priority 162, skew 94 * 200 / 256 ms */
	assert_int_equal(o.holder, 1);
	assert_int_equal(o.min_ms, 400 + 74);
	assert_int_equal(o.max_ms, 600 + 74 + HA_SLACK_MS);
	o = predicted(2, HA_POWER_CUT, 3, 0); /* skew 94 / 256 s */
	assert_int_equal(o.min_ms, 2000 + 368);
	assert_int_equal(o.max_ms, 3000 + 368 + HA_SLACK_MS);
	o = predicted(3, HA_API_HANGS, 3, 0);
	assert_int_equal(o.max_ms, 1000 + 2000 + 200 + 600 + 74 + HA_SLACK_MS);
}

static void the_next_holder_is_the_one_that_the_arithmetic_names(void **state)
{
	const struct ha_timing t = ha_timing_default(3);

	(void)state;
	for (size_t n = 2; n <= 7; n++)
		for (int holder = 0; holder < (int)n; holder++) {
			enum ha_state after[7] = { HA_HEALTHY };

			after[holder] = HA_NODE_DOWN;
			assert_int_equal(predicted(3, HA_POWER_CUT, n, holder).holder, ha_holder(after, n, holder));
			assert_int_equal(ha_predict(&t, HA_NODE_RETURNS, healthy, n, holder).holder, holder);
		}
}

static void without_a_healthy_node_there_is_no_end(void **state)
{
	const struct ha_timing t = ha_timing_default(3);
	const enum ha_state last[] = { HA_HEALTHY, HA_API_DOWN, HA_NODE_DOWN };

	(void)state;
	assert_int_equal(predicted(3, HA_API_STOPS, 1, 0).max_ms, HA_UNTIL_MENDED);
	assert_int_equal(predicted(3, HA_POWER_CUT, 1, 0).holder, -1);
	assert_int_equal(ha_predict(&t, HA_API_STOPS, last, 3, 0).max_ms, HA_UNTIL_MENDED);
	assert_int_equal(ha_predict(&t, HA_POWER_CUT, last, 3, 0).holder, 1);
}

/* It was alone, and so has no bonus, when it comes back. */
static void a_node_that_was_cut_off_gives_the_vip_up_when_the_network_is_mended(void **state)
{
	struct ha_timing t = ha_timing_default(3);
	const enum ha_state first_is_sick[] = { HA_API_DOWN, HA_HEALTHY, HA_HEALTHY };
	const enum ha_state others_are_sick[] = { HA_API_DOWN, HA_HEALTHY, HA_API_DOWN };

	(void)state;
	for (int holder = 0; holder < 3; holder++)
		assert_int_equal(predicted(3, HA_NETWORK_MENDED, 3, holder).holder, holder == 0);
	assert_int_equal(ha_predict(&t, HA_NETWORK_MENDED, first_is_sick, 3, 2).holder, 1);
	assert_int_equal(ha_predict(&t, HA_NETWORK_MENDED, others_are_sick, 3, 1).holder, 1);
	t.preempt = true;
	assert_int_equal(ha_predict(&t, HA_NETWORK_MENDED, (enum ha_state[3]){ 0 }, 3, 0).holder, 0);
}

static void a_preempting_node_takes_the_vip_back_from_a_living_holder(void **state)
{
	struct ha_timing t = ha_timing_default(3);
	struct ha_outage o;

	(void)state;
	t.preempt = true;
	o = ha_predict(&t, HA_NODE_RETURNS, healthy, 3, 2);
	assert_int_equal(o.holder, 0);
	assert_int_equal(o.max_ms, HA_SLACK_MS);
}

static void every_event_has_a_name_and_words(void **state)
{
	(void)state;
	for (int e = 0; e < HA_EVENTS; e++)
		for (int f = 0; f < e; f++) {
			assert_string_not_equal(ha_event_name((enum ha_event)e), ha_event_name((enum ha_event)f));
			assert_string_not_equal(ha_event_text((enum ha_event)e), ha_event_text((enum ha_event)f));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_proof_holds_for_every_number_of_nodes),
		cmocka_unit_test(each_single_failure_costs_no_more_than_promised),
		cmocka_unit_test(the_bounds_are_those_of_the_standard),
		cmocka_unit_test(the_next_holder_is_the_one_that_the_arithmetic_names),
		cmocka_unit_test(without_a_healthy_node_there_is_no_end),
		cmocka_unit_test(a_node_that_was_cut_off_gives_the_vip_up_when_the_network_is_mended),
		cmocka_unit_test(a_preempting_node_takes_the_vip_back_from_a_living_holder),
		cmocka_unit_test(every_event_has_a_name_and_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
