#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ha/ha.h"

/* Counts through every combination of states, as digits of a number. */
static bool next_combination(enum ha_state *states, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (states[i] != HA_NODE_DOWN) {
			states[i]++;
			return true;
		}
		states[i] = HA_HEALTHY;
	}
	return false;
}

static int first_in_state(const enum ha_state *states, size_t n, enum ha_state wanted)
{
	for (size_t i = 0; i < n; i++)
		if (states[i] == wanted)
			return (int)i;
	return -1;
}

/* The holder while it is healthy, else the first healthy node, else the same among the failed. */
static int wanted(const enum ha_state *states, size_t n, int current)
{
	for (enum ha_state s = HA_HEALTHY; s < HA_NODE_DOWN; s++) {
		if (current >= 0 && states[current] == s)
			return current;
		if (first_in_state(states, n, s) >= 0)
			return first_in_state(states, n, s);
	}
	return -1;
}

static void a_healthy_node_wins_in_every_combination_and_keeps_the_vip(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 7; n++) {
		enum ha_state states[7] = { HA_HEALTHY };

		do {
			for (int current = -1; current < (int)n; current++)
				assert_int_equal(ha_holder(states, n, current), wanted(states, n, current));
		} while (next_combination(states, n));
	}
}

static void priorities_stay_in_the_range_of_vrrp(void **state)
{
	(void)state;
	for (size_t n = 1; n <= ha_max_peers(); n++) {
		assert_true(ha_priority(n, 0) + ha_bonus(n) <= 254);
		assert_true(ha_weight(n) >= -253);
		assert_true(ha_priority(n, n - 1) + ha_weight(n) >= 1);
		assert_true(-ha_weight(n) > ha_priority(n, 0) - ha_priority(n, n - 1));
		if (n > 1)
			assert_true(ha_priority(n, n - 2) > ha_priority(n, n - 1));
	}
}

static void quorum_is_that_of_etcd(void **state)
{
	static const int survives[] = { 0, 0, 0, 1, 1, 2, 2, 3 };

	(void)state;
	for (int n = 1; n <= 7; n++) {
		assert_int_equal(ha_majority(n), n / 2 + 1);
		assert_int_equal(ha_survives(n), survives[n]);
	}
	assert_int_equal(ha_survives(0), 0);
}

static void odd_numbers_from_three_to_seven_need_no_advice(void **state)
{
	(void)state;
	for (int n = 0; n <= 9; n++)
		assert_int_equal(ha_advice(n) == NULL, n == 3 || n == 5 || n == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_node_wins_in_every_combination_and_keeps_the_vip),
		cmocka_unit_test(priorities_stay_in_the_range_of_vrrp),
		cmocka_unit_test(quorum_is_that_of_etcd),
		cmocka_unit_test(odd_numbers_from_three_to_seven_need_no_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
