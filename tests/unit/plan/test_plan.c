#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/strs.h"
#include "plan/plan.h"

/* A node whose step is done when `value` has reached `goal`. */
struct thing {
	int value, goal, applied, checked;
	bool lazy, broken;
	int lost; /* checks that find no connection */
	bool lost_after; /* apply does its work, and loses the connection */
	int *stop; /* set while it is worked on, as a signal would */
};

static int running, most_running;

static int check(struct plan_node *n, bool *done, struct err *err)
{
	struct thing *t = n->data;

	t->checked++;
	if (t->broken)
		return err_set(err, ERR_REMOTE, "broken");
	if (t->lost && t->lost--)
		return err_set(err, ERR_CONNECT, "lost");
	*done = t->value == t->goal;
	return 0;
}

static int apply(struct plan_node *n, struct err *err)
{
	struct thing *t = n->data;
	int now = __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);

	int most = __atomic_load_n(&most_running, __ATOMIC_SEQ_CST);

	while (now > most && !__atomic_compare_exchange_n(&most_running, &most, now, false,
							  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	usleep(2000);
	__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	t->applied++;
	t->value = t->lazy ? t->value : t->goal;
	if (t->lost_after)
		return err_set(err, ERR_CONNECT, "lost");
	if (t->stop)
		*t->stop = 1;
	return 0;
}

static int mended, refused;

/* The first node's connection can be made again. */
static bool mend(struct plan *p, struct plan_node *n, struct err *why)
{
	bool can = !n || n == &p->nodes[0];

	assert_string_equal(why->msg, "lost");
	__atomic_add_fetch(can ? &mended : &refused, 1, __ATOMIC_SEQ_CST);
	return can;
}

static const struct plan_step steps[] = {
	{ .name = "reach", .title = "the goal", .check = check, .apply = apply, .repeatable = true },
	{ .name = NULL },
};
static const struct plan_step narrow_steps[] = {
	{ .name = "reach", .title = "the goal", .check = check, .apply = apply, .max_parallel = 2 },
	{ .name = NULL },
};
static const struct plan_phase every = { .name = "first", .steps = steps };
static const struct plan_phase second = { .name = "second", .steps = steps };
static const struct plan_phase once = { .name = "once", .steps = steps, .scope = PLAN_ONCE };
static const struct plan_phase curious = { .name = "curious", .steps = steps, .despite_failure = true };
static const struct plan_phase decisive = { .name = "decisive", .steps = steps, .decisive = true };
static const struct plan_phase cleanup = { .name = "cleanup", .steps = steps, .always = true };
static const struct plan_phase narrow = { .name = "narrow", .steps = narrow_steps };

static void record(void *ctx, const struct plan_event *e)
{
	if (e->type == PLAN_STEP)
		strs_printf(ctx, "%s %s %s %s%s%s", e->phase, e->node ? e->node : "-", e->step,
			    plan_state_name(e->state), e->text ? " " : "", e->text ? e->text : "");
	else if (e->type == PLAN_NOTE)
		strs_printf(ctx, "note %s: %s", e->node, e->text);
}

static struct plan plan_of(struct plan_node *nodes, struct thing *things, size_t n, struct strs *events)
{
	static const char *const names[] = { "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8" };

	for (size_t i = 0; i < n; i++)
		nodes[i] = (struct plan_node){ .name = names[i], .data = &things[i] };
	return (struct plan){ .nodes = nodes, .n = n, .observer = { .event = record, .ctx = events } };
}

#define RUN(n, things_, ...)                                                                \
	struct thing things[n] = things_;                                                   \
	struct plan_node nodes[n];                                                          \
	auto_strs struct strs events = STRS_INIT;                                           \
	auto_err struct err err = ERR_INIT;                                                 \
	struct plan p = plan_of(nodes, things, n, &events);                                 \
	const struct plan_phase *const phases[] = { __VA_ARGS__, NULL }
#define THINGS(...) { __VA_ARGS__ }

static void a_step_is_checked_applied_and_checked(void **state)
{
	RUN(1, THINGS({ .goal = 1 }), &every);
	(void)state;

	assert_int_equal(plan_run(&p, phases, &err), 0);
	assert_int_equal(things[0].checked, 2);
	assert_int_equal(things[0].applied, 1);
	assert_true(p.changed);
	assert_int_equal(events.n, 2);
	assert_string_equal(events.v[0], "first m1 reach running");
	assert_string_equal(events.v[1], "first m1 reach changed");
}

static void a_step_whose_connection_comes_back_is_done_once_more(void **state)
{
	RUN(2, THINGS({ .goal = 1, .lost = 1 }, { .goal = 1, .lost = 1 }), &every);
	(void)state;

	p.mend = mend;
	mended = refused = 0;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_string_equal(err.msg, "m2: lost");
	assert_int_equal(things[0].applied, 1);
	assert_int_equal(things[1].applied, 0);
	assert_int_equal(mended, 1);
	assert_int_equal(refused, 1);
}

static void a_step_that_loses_it_again_fails(void **state)
{
	RUN(1, THINGS({ .goal = 1, .lost = 2 }), &every);
	(void)state;

	p.mend = mend;
	mended = 0;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_int_equal(mended, 1);
}

static void a_step_that_must_not_be_repeated_is_not(void **state)
{
	RUN(1, THINGS({ .goal = 1, .lost = 1 }), &narrow);
	(void)state;

	p.mend = mend;
	mended = 0;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_int_equal(mended, 0);
}

static void what_was_done_before_the_connection_was_lost_is_a_change(void **state)
{
	RUN(1, THINGS({ .goal = 1, .lost_after = true }), &every);
	(void)state;

	p.mend = mend;
	mended = 0;
	assert_int_equal(plan_run(&p, phases, &err), 0);
	assert_int_equal(things[0].applied, 1);
	assert_int_equal(mended, 1);
	assert_true(p.changed);
	assert_string_equal(events.v[events.n - 1], "first m1 reach changed");
}

static void what_fails_otherwise_is_not_mended(void **state)
{
	RUN(1, THINGS({ .goal = 1, .broken = true }), &once);
	(void)state;

	p.mend = mend;
	mended = 0;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_int_equal(things[0].checked, 1);
	assert_int_equal(mended, 0);
}

static void what_is_done_is_left_alone(void **state)
{
	RUN(1, THINGS({ .goal = 0 }), &every);
	(void)state;

	assert_int_equal(plan_run(&p, phases, &err), 0);
	assert_int_equal(things[0].applied, 0);
	assert_false(p.changed);
	assert_string_equal(events.v[1], "first m1 reach unchanged");
}

static void a_step_that_did_not_help_is_an_error(void **state)
{
	RUN(1, THINGS({ .goal = 1, .lazy = true }), &every);
	(void)state;

	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_string_equal(err.msg, "m1: the goal: was done, but does not hold");
}

static void a_failed_node_ends_the_run_after_its_phase(void **state)
{
	RUN(2, THINGS({ .broken = true, .goal = 1 }, { .goal = 1 }), &every, &second, &cleanup);
	(void)state;

	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_int_equal(err.kind, ERR_REMOTE);
	assert_string_equal(err.msg, "m1: broken");
	assert_int_equal(things[1].applied, 1); /* its phase went on */
	for (size_t i = 0; i < events.n; i++)
		assert_null(strstr(events.v[i], "second"));
	assert_non_null(strstr(events.v[events.n - 1], "cleanup"));
}

static void a_phase_that_only_looks_goes_on_after_a_failure_but_not_after_a_stop(void **state)
{
	RUN(2, THINGS({ .broken = true }, { .goal = 0 }), &every, &second, &curious);
	const int stop = 1;
	(void)state;

	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_int_equal(things[1].checked, 2);
	assert_string_equal(err.msg, "m1: broken");
	err_clear(&err);
	p.stop = &stop;
	things[1].checked = 0;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_int_equal(things[1].checked, 0);
}

static void several_failed_nodes_are_counted(void **state)
{
	RUN(3, THINGS({ .broken = true }, { .broken = true }, { .goal = 0 }), &every);
	(void)state;

	p.parallel = 1;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_string_equal(err.msg, "2 failures, first: m1: broken");
}

static void a_dry_run_applies_nothing(void **state)
{
	RUN(2, THINGS({ .goal = 1 }, { .goal = 0 }), &every);
	(void)state;

	p.dry_run = true;
	assert_int_equal(plan_run(&p, phases, &err), 0);
	assert_int_equal(things[0].applied, 0);
	assert_true(p.would_change);
	assert_false(p.changed);
}

static void a_phase_once_works_on_the_first_node_and_names_none(void **state)
{
	RUN(2, THINGS({ .broken = true }, { .goal = 1 }), &once);
	(void)state;

	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_string_equal(err.msg, "broken");
	assert_int_equal(things[1].checked, 0);
	assert_string_equal(events.v[1], "once - reach failed broken");
}

static void after_a_decisive_failure_only_the_cleanup_goes_on(void **state)
{
	RUN(1, THINGS({ .broken = true }), &decisive, &curious, &cleanup);
	(void)state;

	assert_int_equal(plan_run(&p, phases, &err), -1);
	for (size_t i = 0; i < events.n; i++)
		assert_null(strstr(events.v[i], "curious"));
	assert_non_null(strstr(events.v[events.n - 1], "cleanup"));
}

static void a_stop_ends_the_run_before_the_next_step_but_not_the_cleanup(void **state)
{
	RUN(1, THINGS({ .goal = 1 }), &every, &cleanup);
	const int stop = 1;
	(void)state;

	p.stop = &stop;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	assert_string_equal(events.v[0], "cleanup m1 reach running");
}

static void a_stopped_run_says_what_was_done_on_which_node(void **state)
{
	int stop = 0;
	RUN(2, THINGS({ .goal = 1, .stop = &stop }, { .goal = 1 }), &every, &second);
	(void)state;

	p.stop = &stop;
	p.parallel = 1;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_string_equal(events.v[events.n - 1], "note m1: done before the interruption: the goal");
	assert_string_equal(err.msg, "interrupted; the same command goes on from here");
}

static void a_run_stopped_before_it_changed_anything_says_that(void **state)
{
	int stop = 1;
	RUN(1, THINGS({ .goal = 1 }), &every);
	(void)state;

	p.stop = &stop;
	assert_int_equal(plan_run(&p, phases, &err), -1);
	assert_int_equal(events.n, 0);
	assert_string_equal(err.msg, "interrupted before anything was changed");
}

static void a_narrow_step_lets_only_so_many_nodes_in(void **state)
{
	RUN(8, THINGS({ .goal = 1 }, { .goal = 1 }, { .goal = 1 }, { .goal = 1 }, { .goal = 1 }, { .goal = 1 }, { .goal = 1 }, { .goal = 1 }), &narrow);
	(void)state;

	most_running = 0;
	assert_int_equal(plan_run(&p, phases, &err), 0);
	assert_true(most_running <= 2);
	for (int i = 0; i < 8; i++)
		assert_int_equal(things[i].value, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_is_checked_applied_and_checked),
		cmocka_unit_test(a_step_whose_connection_comes_back_is_done_once_more),
		cmocka_unit_test(a_step_that_loses_it_again_fails),
		cmocka_unit_test(a_step_that_must_not_be_repeated_is_not),
		cmocka_unit_test(what_was_done_before_the_connection_was_lost_is_a_change),
		cmocka_unit_test(what_fails_otherwise_is_not_mended),
		cmocka_unit_test(what_is_done_is_left_alone),
		cmocka_unit_test(a_step_that_did_not_help_is_an_error),
		cmocka_unit_test(a_failed_node_ends_the_run_after_its_phase),
		cmocka_unit_test(a_phase_that_only_looks_goes_on_after_a_failure_but_not_after_a_stop),
		cmocka_unit_test(several_failed_nodes_are_counted),
		cmocka_unit_test(a_dry_run_applies_nothing),
		cmocka_unit_test(a_phase_once_works_on_the_first_node_and_names_none),
		cmocka_unit_test(after_a_decisive_failure_only_the_cleanup_goes_on),
		cmocka_unit_test(a_stop_ends_the_run_before_the_next_step_but_not_the_cleanup),
		cmocka_unit_test(a_stopped_run_says_what_was_done_on_which_node),
		cmocka_unit_test(a_run_stopped_before_it_changed_anything_says_that),
		cmocka_unit_test(a_narrow_step_lets_only_so_many_nodes_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
