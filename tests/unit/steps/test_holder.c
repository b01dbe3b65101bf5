#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "remote/fake.h"
#include "steps/holder.h"
#include "steps/steps.h"

static const struct inv_node inv_nodes[] = {
	{ .name = "m1", .control_plane = true }, { .name = "m2", .control_plane = true },
	{ .name = "m3", .control_plane = true }, { .name = "w1" },
};

static void every_connected_control_plane_node_is_asked_and_holders_counted(void **state)
{
	const struct inventory inv = { .vip.address = "10.0.0.9" };
	struct steps_run run = { .inv = &inv, .n = 4 };
	struct steps_node nodes[4] = { 0 };
	bool holds[4], asked[4];

	(void)state;
	run.nodes = nodes;
	for (int i = 0; i < 4; i++)
		nodes[i] = (struct steps_node){ .inv = &inv_nodes[i], .run = &run, .remote = i == 1 ? NULL : remote_fake() };
	remote_fake_answer(nodes[0].remote, "vip='10.0.0.9'", 0, "yes\n", NULL);
	remote_fake_answer(nodes[2].remote, "vip='10.0.0.9'", 0, "yes\n", NULL);
	assert_int_equal(steps_find_holders(&run, 0, holds, asked), 2);
	assert_true(holds[0] && asked[0] && holds[2] && asked[2]);
	assert_true(!holds[1] && !asked[1] && !holds[3] && !asked[3]);
	remote_fake_fail(nodes[0].remote, 1);
	remote_fake_answer(nodes[2].remote, "vip='10.0.0.9'", 0, "no\n", NULL);
	assert_int_equal(steps_find_holders(&run, 0, holds, asked), 0);
	assert_true(!asked[0] && asked[2] && !holds[2]);
	for (int i = 0; i < 4; i++)
		remote_close(nodes[i].remote);
}

static void without_a_vip_nobody_is_asked(void **state)
{
	const struct inventory inv = { 0 };
	struct steps_run run = { .inv = &inv, .n = 1 };
	struct steps_node node = { .inv = &inv_nodes[0], .run = &run, .remote = remote_fake() };
	bool holds, asked;

	(void)state;
	run.nodes = &node;
	assert_int_equal(steps_find_holders(&run, 0, &holds, &asked), 0);
	assert_false(asked);
	remote_close(node.remote);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_connected_control_plane_node_is_asked_and_holders_counted),
		cmocka_unit_test(without_a_vip_nobody_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
