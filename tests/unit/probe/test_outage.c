#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/probe.h"

/* A log from a drawing: one request every 50 ms to the endpoint and to a node.  '.' is answered
 * after 10 ms, 'x' refused after 1 ms, 't' times out after 900 ms, 's' answered after 400 ms,
 * ' ' not sent. */
static void draw(struct probe_log *l, const char *endpoint, const char *node)
{
	const char *const lanes[] = { endpoint, node };

	for (uint8_t target = 0; target < 2; target++)
		for (size_t i = 0; lanes[target][i]; i++) {
			char c = lanes[target][i];
			struct probe_sample s = { .ms = 1000 + (int64_t)i * 50, .target = target };

			if (c == ' ')
				continue;
			s.result = c == 'x' ? PROBE_REFUSED : c == 't' ? PROBE_TIMEOUT : PROBE_OK;
			s.took_ms = c == 'x' ? 1 : c == 't' ? 900 : c == 's' ? 400 : 10;
			probe_log_add(l, s);
		}
	probe_log_sort(l);
}

static struct probe_gaps gaps_of(const char *endpoint, const char *node, enum probe_judge judge)
{
	auto_probe_log struct probe_log l = { 0 };
	struct probe_gaps g = { 0 };

	draw(&l, endpoint, node);
	probe_outages(&l, 0, 1000 + 50 * (int64_t)strlen(endpoint), judge, &g);
	return g;
}

static void answers_without_failure_have_no_gap(void **state)
{
	auto_probe_gaps struct probe_gaps g = gaps_of("......", "......", PROBE_GONE);

	(void)state;
	assert_int_equal(g.n, 0);
	assert_int_equal(g.sum_ms, 0);
	assert_int_equal(g.longest_ms, 0);
}

static void a_gap_lasts_from_the_first_failure_to_the_next_answer(void **state)
{
	auto_probe_gaps struct probe_gaps g = gaps_of("..xxx..", ".......", PROBE_GONE);

	(void)state;
	assert_int_equal(g.n, 1);
	assert_int_equal(g.v[0].from_ms, 1100);
	assert_int_equal(g.v[0].to_ms, 1260); /* begun at 1250, answered 10 ms later */
	assert_int_equal(g.longest_ms, 160);
	assert_false(g.v[0].open);
}

static void requests_that_hang_do_not_lengthen_a_gap_beyond_the_answer_to_a_later_one(void **state)
{
	auto_probe_gaps struct probe_gaps g = gaps_of("..ttt..", ".......", PROBE_GONE);

	(void)state;
	assert_int_equal(g.n, 1);
	assert_int_equal(g.sum_ms, 160);
}

static void an_answer_to_an_earlier_request_does_not_end_a_gap(void **state)
{
	/* the slow one began before the failure and is answered at 1450 */
	auto_probe_gaps struct probe_gaps g = gaps_of(".sxxxxxxxxx.", "............", PROBE_GONE);

	(void)state;
	assert_int_equal(g.n, 1);
	assert_int_equal(g.v[0].from_ms, 1100);
	assert_int_equal(g.v[0].to_ms, 1560);
}

static void an_answer_that_overtakes_a_slow_one_ends_the_gap(void **state)
{
	auto_probe_gaps struct probe_gaps g = gaps_of("xs.", "...", PROBE_GONE);

	(void)state;
	assert_int_equal(g.sum_ms, 110); /* 1100 + 10, not 1050 + 400 */
}

static void two_gaps_are_summed_and_the_longest_is_told(void **state)
{
	auto_probe_gaps struct probe_gaps g = gaps_of(".x..xxx.", "........", PROBE_GONE);

	(void)state;
	assert_int_equal(g.n, 2);
	assert_int_equal(g.sum_ms, 60 + 160);
	assert_int_equal(g.longest_ms, 160);
}

static void what_no_node_answered_either_is_silence_but_not_gone(void **state)
{
	auto_probe_gaps struct probe_gaps gone = gaps_of("..xxxxxxxxxxxx..", "..xxxxxxxxxxxx..", PROBE_GONE);
	auto_probe_gaps struct probe_gaps silent = gaps_of("..xxxxxxxxxxxx..", "..xxxxxxxxxxxx..", PROBE_SILENT);

	(void)state;
	/* the first and last moments of it are near answers of the node */
	assert_true(gone.n <= 2);
	assert_int_equal(silent.n, 1);
	assert_int_equal(silent.sum_ms, 610);
}

static void a_gap_that_never_ends_is_open(void **state)
{
	auto_probe_gaps struct probe_gaps g = gaps_of("..xxxx", "......", PROBE_GONE);

	(void)state;
	assert_int_equal(g.n, 1);
	assert_true(g.v[0].open);
	assert_int_equal(g.sum_ms, 200);
}

static void a_gap_belongs_to_the_part_that_it_begins_in(void **state)
{
	auto_probe_gaps struct probe_gaps g = gaps_of("..xxxx..xx..", "............", PROBE_GONE);
	auto_probe_gaps struct probe_gaps later = { 0 };

	(void)state;
	probe_gaps_split(&g, 1200, &later); /* in the middle of the first */
	assert_int_equal(g.n, 1);
	assert_int_equal(g.sum_ms, 210); /* to its end */
	assert_int_equal(later.n, 1);
	assert_int_equal(later.sum_ms, 110);
	assert_int_equal(later.longest_ms, 110);
}

static void requests_outside_of_the_window_do_not_begin_gaps(void **state)
{
	auto_probe_log struct probe_log l = { 0 };
	auto_probe_gaps struct probe_gaps g = { 0 };

	(void)state;
	draw(&l, "..xxxx....", "..........");
	probe_outages(&l, 1300, 1500, PROBE_GONE, &g);
	assert_int_equal(g.n, 0);
	probe_outages(&l, 1000, 1150, PROBE_GONE, &g);
	assert_int_equal(g.sum_ms, 210); /* to its end, which is later than the window's */
}

static void an_empty_log_has_no_gap(void **state)
{
	auto_probe_log struct probe_log l = { 0 };
	auto_probe_gaps struct probe_gaps g = { 0 };

	(void)state;
	probe_log_sort(&l);
	probe_outages(&l, 0, 1000, PROBE_SILENT, &g);
	assert_int_equal(g.n, 0);
	assert_false(probe_steady(&l, 0, 0, 0));
	assert_int_equal(probe_count(&l, 0, 0, 1000).requests, 0);
}

static void requests_are_counted_by_how_they_ended(void **state)
{
	auto_probe_log struct probe_log l = { 0 };
	struct probe_counts c;

	(void)state;
	draw(&l, ".sxt..", "xxxxxx");
	c = probe_count(&l, 0, 1000, 1300);
	assert_int_equal(c.requests, 6);
	assert_int_equal(c.failed, 2);
	assert_int_equal(c.slow, 1);
	assert_int_equal(c.median_ms, 10);
	assert_int_equal(c.max_ms, 400);
	assert_int_equal(probe_count(&l, 1, 1000, 1300).failed, 6);
}

static void steady_is_who_answers_always_and_lately(void **state)
{
	auto_probe_log struct probe_log l = { 0 };

	(void)state;
	draw(&l, "x.....", "..    ");
	assert_false(probe_steady(&l, 0, 1000, 1200)); /* a failure */
	assert_true(probe_steady(&l, 0, 1050, 1200));
	assert_false(probe_steady(&l, 1, 1000, 1200)); /* not lately */
	assert_true(probe_steady(&l, 1, 1000, 1050));
}

static void samples_are_sorted_by_when_they_began(void **state)
{
	auto_probe_log struct probe_log l = { 0 };

	(void)state;
	probe_log_add(&l, (struct probe_sample){ .ms = 30 });
	probe_log_add(&l, (struct probe_sample){ .ms = 10, .target = 1 });
	probe_log_add(&l, (struct probe_sample){ .ms = 10 });
	probe_log_sort(&l);
	assert_int_equal(l.v[0].ms, 10);
	assert_int_equal(l.v[0].target, 0);
	assert_int_equal(l.v[2].ms, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_without_failure_have_no_gap),
		cmocka_unit_test(a_gap_lasts_from_the_first_failure_to_the_next_answer),
		cmocka_unit_test(requests_that_hang_do_not_lengthen_a_gap_beyond_the_answer_to_a_later_one),
		cmocka_unit_test(an_answer_to_an_earlier_request_does_not_end_a_gap),
		cmocka_unit_test(an_answer_that_overtakes_a_slow_one_ends_the_gap),
		cmocka_unit_test(two_gaps_are_summed_and_the_longest_is_told),
		cmocka_unit_test(what_no_node_answered_either_is_silence_but_not_gone),
		cmocka_unit_test(a_gap_that_never_ends_is_open),
		cmocka_unit_test(a_gap_belongs_to_the_part_that_it_begins_in),
		cmocka_unit_test(requests_outside_of_the_window_do_not_begin_gaps),
		cmocka_unit_test(an_empty_log_has_no_gap),
		cmocka_unit_test(requests_are_counted_by_how_they_ended),
		cmocka_unit_test(steady_is_who_answers_always_and_lately),
		cmocka_unit_test(samples_are_sorted_by_when_they_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
