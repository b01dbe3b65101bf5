#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ha/ha.h"

static void what_survives_now_counts_the_members_that_run(void **state)
{
	(void)state;
	assert_int_equal(ha_survives_now(3, 3), 1);
	assert_int_equal(ha_survives_now(3, 2), 0);
	assert_int_equal(ha_survives_now(3, 1), -1);
	assert_int_equal(ha_survives_now(5, 4), 1);
	assert_int_equal(ha_survives_now(1, 1), 0);
	assert_int_equal(ha_survives_now(0, 0), -1);
}

/* etcd's own rule (isReadyToAddVotingMember), written down as it is there. */
static bool etcd_lets_add(int members, int running)
{
	int all = members + 1;

	return (running == 1 && all == 2) || running >= all / 2 + 1;
}

static void a_member_may_be_added_where_etcd_itself_lets_it(void **state)
{
	(void)state;
	for (int members = 1; members <= 9; members++)
		for (int running = 0; running <= members; running++) {
			auto_err struct err err = ERR_INIT;
			int rc = ha_may_add(members, running, &err);

			assert_int_equal(rc == 0, etcd_lets_add(members, running));
			assert_int_equal(err.kind, rc ? ERR_QUORUM : ERR_NONE);
		}
}

static void the_first_member_may_be_added(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ha_may_add(0, 0, &err), 0);
}

static void a_member_is_kept_whose_removal_would_cost_the_quorum(void **state)
{
	auto_err struct err last = ERR_INIT, lost = ERR_INIT, would = ERR_INIT, none = ERR_INIT;

	(void)state;
	assert_int_equal(ha_may_remove(1, 1, true, &last), -1);
	assert_string_equal(last.msg, "it is the last member of etcd: removing it ends the cluster");
	assert_int_equal(ha_may_remove(3, 1, false, &lost), -1);
	assert_non_null(strstr(lost.msg, "no quorum: 1 of 3 members run, 2 are needed"));
	assert_int_equal(ha_may_remove(3, 2, true, &would), -1);
	assert_non_null(strstr(would.msg, "1 of 2 members would run, 2 are needed"));
	assert_int_equal(would.kind, ERR_QUORUM);
	assert_int_equal(ha_may_remove(3, 2, false, &none), 0);
	assert_int_equal(ha_may_remove(3, 3, true, &none), 0);
	assert_int_equal(ha_may_remove(2, 2, true, &none), 0);
	assert_int_equal(none.kind, ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_survives_now_counts_the_members_that_run),
		cmocka_unit_test(a_member_may_be_added_where_etcd_itself_lets_it),
		cmocka_unit_test(the_first_member_may_be_added),
		cmocka_unit_test(a_member_is_kept_whose_removal_would_cost_the_quorum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
