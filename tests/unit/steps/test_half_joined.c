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
#include "steps/etcd.h"

/* A cluster of three whose third node has what a join left that was cut off. */
static void start_half_joined(struct sim *s, enum sim_member member, const char *begun)
{
	struct sim_node *n = &s->nodes[2];

	sim_start(s);
	assert_applies(s, true);
	n->etcd = n->etcd_data = false;
	n->member = member;
	strcpy(n->begun, begun);
	s->patience_ms = 1;
}

static void a_member_that_was_announced_and_never_started_is_taken_out_and_its_node_joins(void **state)
{
	struct sim s;

	(void)state;
	start_half_joined(&s, SIM_ANNOUNCED, "join");
	assert_applies(&s, true);
	assert_int_equal(s.taken_out, 1);
	assert_applies(&s, false);
	sim_stop(&s);
}

static void a_learner_that_a_join_left_is_taken_out_and_its_node_joins(void **state)
{
	struct sim s;

	(void)state;
	start_half_joined(&s, SIM_LEARNER, "join");
	assert_applies(&s, true);
	assert_int_equal(s.taken_out, 1);
	sim_stop(&s);
}

static void the_member_of_a_node_that_was_installed_anew_is_taken_out_and_the_node_joins(void **state)
{
	struct sim s;

	(void)state;
	start_half_joined(&s, SIM_STARTED, "");
	s.nodes[2].kubelet_conf = s.nodes[2].apiserver = false;
	assert_applies(&s, true);
	assert_int_equal(s.taken_out, 1);
	sim_stop(&s);
}

/* One of two members runs: etcd has no leader, and the API no answer. */
static void start_without_quorum(struct sim *s)
{
	start_half_joined(s, SIM_ANNOUNCED, "join");
	s->nodes[1].etcd = s->nodes[1].etcd_data = s->nodes[1].kubelet_conf = s->nodes[1].apiserver = false;
	s->nodes[1].listed = false;
	s->nodes[1].member = SIM_NONE;
}

static void a_quorum_lost_to_a_join_that_broke_off_comes_back_by_starting_the_announced_member(void **state)
{
	struct sim s;

	(void)state;
	start_without_quorum(&s);
	assert_applies(&s, true);
	assert_int_equal(s.taken_out, 0);
	assert_applies(&s, false);
	sim_stop(&s);
}

static void an_etcd_without_quorum_is_the_cause_that_is_told(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;

	(void)state;
	start_without_quorum(&s);
	*s.nodes[2].begun = '\0'; /* no join of ours */
	assert_int_equal(apply(&s, &told, &err), -1);
	assert_int_equal(err.kind, ERR_QUORUM);
	assert_non_null(strstr(err.msg, "1 of 2 members"));
	assert_non_null(strstr(err.msg, "m3"));
	assert_int_equal(s.taken_out, 0);
	sim_stop(&s);
}

/* m3 has joined etcd as the second member, and nothing more. */
static void start_with_two(struct sim *s)
{
	start_without_quorum(s);
	s->nodes[2].etcd = s->nodes[2].etcd_data = s->nodes[2].unmarked = true;
	s->nodes[2].member = SIM_STARTED;
}

static void a_member_of_two_that_did_not_finish_leaves_etcd_before_its_data_is_deleted(void **state)
{
	struct sim s;

	(void)state;
	start_with_two(&s);
	assert_applies(&s, true);
	assert_int_equal(s.taken_out, 1);
	assert_applies(&s, false);
	sim_stop(&s);
}

static void the_data_of_a_member_that_etcd_does_not_let_go_is_left(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;

	(void)state;
	start_with_two(&s);
	s.keeps_members = true;
	assert_int_equal(apply(&s, &told, &err), -1);
	assert_non_null(strstr(err.msg, "m3"));
	assert_true(s.nodes[2].etcd && s.nodes[2].etcd_data && *s.nodes[2].begun && s.nodes[2].listed);
	s.keeps_members = false;
	assert_applies(&s, true);
	sim_stop(&s);
}

static void a_reset_that_a_power_cut_ended_is_done_again(void **state)
{
	struct sim s;

	(void)state;
	start_half_joined(&s, SIM_NONE, "reset");
	s.nodes[2].kubelet_conf = s.nodes[2].apiserver = s.nodes[2].listed = false;
	s.nodes[2].etcd_data = true;
	assert_applies(&s, true);
	assert_applies(&s, false);
	sim_stop(&s);
}

static void a_member_of_the_same_name_elsewhere_is_taken_out_only_with_a_yes(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;

	(void)state;
	start_half_joined(&s, SIM_STARTED, "");
	s.nodes[2].kubelet_conf = s.nodes[2].apiserver = false;
	s.m3_peer = "127.0.1.99";
	assert_int_equal(apply(&s, &told, &err), -1);
	assert_non_null(strstr(err.msg, "127.0.1.99"));
	assert_non_null(strstr(err.msg, "--yes m3"));
	assert_int_equal(s.taken_out, 0);
	sim_stop(&s);
}

static void a_member_whose_node_joins_nothing_is_left_alone(void **state)
{
	struct sim s;
	auto_err struct err err = ERR_INIT;
	struct told told;

	(void)state;
	start_half_joined(&s, SIM_STARTED, "");
	if (apply(&s, &told, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(s.taken_out, 0);
	assert_int_equal(s.nodes[2].member, SIM_STARTED);
	sim_stop(&s);
}

static void a_member_of_another_etcd_does_not_count(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;

	(void)state;
	start_half_joined(&s, SIM_ANNOUNCED, "join");
	s.nodes[1].foreign = true;
	assert_int_equal(apply(&s, &told, &err), -1);
	assert_int_equal(err.kind, ERR_QUORUM);
	assert_int_equal(s.taken_out, 0);
	sim_stop(&s);
}

static void of_two_members_that_were_announced_the_one_that_starts_is_told_from_the_other(void **state)
{
	struct sim s;

	(void)state;
	start_without_quorum(&s);
	s.nodes[1].member = SIM_ANNOUNCED;
	assert_applies(&s, true);
	sim_stop(&s);
}

static void when_a_join_breaks_etcd_no_other_node_joins_it_and_the_next_run_completes(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;

	(void)state;
	sim_start(&s);
	s.patience_ms = 1;
	s.breaks_etcd_join = true;
	assert_int_equal(apply(&s, &told, &err), -1);
	assert_int_equal(s.etcd_joins, 1);
	assert_applies(&s, true);
	sim_stop(&s);
}

/* As a node asks before it joins etcd. */
static int look_room(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	run->seed = &run->nodes[0];
	return steps_need_leader(run, err);
}

static int ask_for_room(struct sim *s, struct err *err)
{
	static const struct plan_step steps[] = { { .name = "room", .title = "room", .check = look_room }, { .name = NULL } };
	static const struct plan_phase room = { .name = "room", .scope = PLAN_ONCE, .steps = steps };
	const struct plan_phase *const phases[] = { &steps_connect, &steps_look, &room, NULL };
	struct told told;

	return run_phases(s, phases, &told, err);
}

static void etcd_has_no_room_for_a_member_while_one_that_was_announced_has_not_started(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct sim s;

	(void)state;
	start_half_joined(&s, SIM_ANNOUNCED, "join");
	assert_int_equal(ask_for_room(&s, &err), -1);
	assert_int_equal(err.kind, ERR_QUORUM);
	assert_non_null(strstr(err.msg, "2 of 3 members"));
	sim_stop(&s);
}

static void etcd_has_no_room_for_a_member_while_it_has_no_leader(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct sim s;

	(void)state;
	start_without_quorum(&s);
	assert_int_equal(ask_for_room(&s, &err), -1);
	assert_int_equal(err.kind, ERR_QUORUM);
	assert_non_null(strstr(err.msg, "no leader"));
	sim_stop(&s);
}

static void etcd_has_room_when_all_members_run_and_where_it_cannot_be_asked(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct sim s;

	(void)state;
	start_half_joined(&s, SIM_NONE, "");
	assert_int_equal(ask_for_room(&s, &err), 0);
	s.nodes[0].etcd = false;
	assert_int_equal(ask_for_room(&s, &err), 0);
	sim_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_that_was_announced_and_never_started_is_taken_out_and_its_node_joins),
		cmocka_unit_test(a_learner_that_a_join_left_is_taken_out_and_its_node_joins),
		cmocka_unit_test(the_member_of_a_node_that_was_installed_anew_is_taken_out_and_the_node_joins),
		cmocka_unit_test(a_quorum_lost_to_a_join_that_broke_off_comes_back_by_starting_the_announced_member),
		cmocka_unit_test(an_etcd_without_quorum_is_the_cause_that_is_told),
		cmocka_unit_test(a_member_of_two_that_did_not_finish_leaves_etcd_before_its_data_is_deleted),
		cmocka_unit_test(the_data_of_a_member_that_etcd_does_not_let_go_is_left),
		cmocka_unit_test(a_reset_that_a_power_cut_ended_is_done_again),
		cmocka_unit_test(a_member_of_the_same_name_elsewhere_is_taken_out_only_with_a_yes),
		cmocka_unit_test(a_member_whose_node_joins_nothing_is_left_alone),
		cmocka_unit_test(a_member_of_another_etcd_does_not_count),
		cmocka_unit_test(of_two_members_that_were_announced_the_one_that_starts_is_told_from_the_other),
		cmocka_unit_test(when_a_join_breaks_etcd_no_other_node_joins_it_and_the_next_run_completes),
		cmocka_unit_test(etcd_has_no_room_for_a_member_while_one_that_was_announced_has_not_started),
		cmocka_unit_test(etcd_has_no_room_for_a_member_while_it_has_no_leader),
		cmocka_unit_test(etcd_has_room_when_all_members_run_and_where_it_cannot_be_asked),
	};

	return cmocka_run_group_tests(tests, setup, cleanup);
}
