/* Connections that are lost in the middle of a bootstrap, at each of its calls. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "apply.h"

static void assert_each_kubeadm_ran_once(const struct sim *s, int followed)
{
	int n = 0;

	assert_int_equal(s->nodes[0].kubeadms, 1);
	for (int i = 1; i < SIM_NODES; i++)
		assert_int_equal(s->nodes[i].kubeadms, 2); /* in two parts */
	for (int i = 0; i < SIM_NODES; i++)
		n += s->nodes[i].followed;
	assert_true(followed < 0 || n == followed);
}

static void a_connection_that_is_lost_while_kubeadm_runs_is_made_again_and_kubeadm_followed(void **state)
{
	static const char *const scripts[] = { "verb='\\''init'\\''", "part='\\''prepare'\\''", "part='\\''etcd'\\''" };

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		struct sim s;

		sim_start(&s);
		s.cuts = scripts[i];
		assert_applies(&s, true);
		assert_null(s.cuts);
		assert_each_kubeadm_ran_once(&s, 1);
		assert_applies(&s, false);
		sim_stop(&s);
	}
}

static void a_node_that_cannot_be_reached_again_is_named_and_its_kubeadm_said_to_go_on(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;

	(void)state;
	sim_start(&s);
	s.patience_ms = 1;
	s.cuts = "part='\\''prepare'\\''";
	s.cut_for_good = true;
	assert_int_equal(apply(&s, &told, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_string_equal(told.step, "join-control-plane");
	assert_non_null(strstr(err.msg, told.node));
	if (!strstr(err.msg, "kubeadm join goes on without us, the same command waits for its end: "))
		fail_msg("%s", err.msg);
	/* the kubeadm that goes on needs it */
	assert_int_equal(s.tokens_ended, 0);
	for (int i = 0; i < SIM_NODES; i++)
		s.nodes[i].gone = false;
	assert_applies(&s, true);
	sim_stop(&s);
}

static void assert_names(const struct sim *s, int nth, const struct told *told, const struct err *err)
{
	/* a step that concerns all nodes is none's: there the message alone names it */
	if (!strstr(err->msg, s->failed) || (*told->node && strcmp(told->node, s->failed)) || !*told->step)
		fail_msg("call %d on %s: the error is '%s' (step '%s' of '%s')", nth, s->failed, err->msg, told->step, told->node);
	if (err->kind != ERR_CONNECT && err->kind != ERR_REMOTE)
		fail_msg("call %d: status %d: %s", nth, err->kind, err->msg);
}

/* One bootstrap whose nth call fails on a node that is gone then, and the same again when it is back; false when
 * there is no nth call. */
static bool fail_once(int nth, bool late)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;
	bool hit;

	sim_start(&s);
	s.patience_ms = 1;
	s.fail_at = nth;
	s.fail_late = late;
	s.fail_for_good = true;
	if (apply(&s, &told, &err) < 0)
		assert_names(&s, nth, &told, &err);
	hit = *s.failed;
	s.fail_at = 0;
	for (int i = 0; i < SIM_NODES; i++)
		s.nodes[i].gone = false;
	assert_applies(&s, true);
	sim_stop(&s);
	return hit;
}

static void whichever_call_fails_the_error_names_node_and_step_and_the_next_run_completes(void **state)
{
	int n = 1;

	(void)state;
	while (fail_once(n, n % 2 == 0)) /* late and early by turns, and the other way round in lose_once */
		n++;
	assert_true(n > 30); /* a bootstrap of three nodes takes more calls than that */
}

/* Steps that come before anything is changed, or must not be done again. */
static bool may_fail(const char *step)
{
	static const char *const steps[] = { "connect", "lock", "password", "cluster", "quorum", "stale", NULL };

	for (const char *const *s = steps; *s; s++)
		if (!strcmp(*s, step))
			return true;
	return false;
}

/* The same when only the connection is lost; false when there is no nth call. */
static bool lose_once(int nth, bool late)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;
	bool hit;

	sim_start(&s);
	s.fail_at = nth;
	s.fail_late = late;
	if (apply(&s, &told, &err) < 0) {
		if (!may_fail(told.step))
			fail_msg("call %d (%s), step '%s': %s", nth, late ? "late" : "early", told.step, err.msg);
	} else {
		assert_true(told.changed);
		assert_cluster(&s);
		assert_each_kubeadm_ran_once(&s, -1);
	}
	hit = *s.failed;
	s.fail_at = 0;
	assert_applies(&s, true);
	sim_stop(&s);
	return hit;
}

static void whichever_connection_is_lost_the_same_run_completes(void **state)
{
	int n = 1;

	(void)state;
	while (lose_once(n, n % 2))
		n++;
	assert_true(n > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_that_is_lost_while_kubeadm_runs_is_made_again_and_kubeadm_followed),
		cmocka_unit_test(a_node_that_cannot_be_reached_again_is_named_and_its_kubeadm_said_to_go_on),
		cmocka_unit_test(whichever_connection_is_lost_the_same_run_completes),
		cmocka_unit_test(whichever_call_fails_the_error_names_node_and_step_and_the_next_run_completes),
	};

	return cmocka_run_group_tests(tests, setup, cleanup);
}
