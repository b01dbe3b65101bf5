#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "remote/fake.h"

static int setup(void **state)
{
	*state = remote_fake();
	return 0;
}

static int teardown(void **state)
{
	remote_close(*state);
	return 0;
}

static void scripts_are_kept_and_answered(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_var vars[] = { { "name", "it's" }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = "hostname \"$name\"", .vars = vars };

	remote_fake_answer(*state, "hostname", 3, "m1\n", "odd");
	assert_int_equal(remote_run(*state, &cmd, &res, &err), 0);
	assert_int_equal(res.status, 3);
	assert_string_equal(buf_str(&res.out), "m1\n");
	assert_string_equal(buf_str(&res.err), "odd");
	assert_int_equal(remote_fake_scripts(*state)->n, 1);
	assert_string_equal(remote_fake_scripts(*state)->v[0], "name='it'\\''s'\nhostname \"$name\"");
}

static void a_script_nobody_taught_is_an_error(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "reboot" };

	assert_int_equal(remote_run(*state, &cmd, &res, &err), -1);
	assert_non_null(strstr(err.msg, "reboot"));
}

static void the_call_that_shall_fail_fails(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "true" };

	remote_fake_answer(*state, "true", 0, NULL, NULL);
	remote_fake_fail(*state, 2);
	assert_int_equal(remote_run(*state, &cmd, &res, &err), 0);
	assert_int_equal(remote_run(*state, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	err_clear(&err);
	assert_int_equal(remote_run(*state, &cmd, &res, &err), 0);
}

static void files_put_can_be_got(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_strs struct strs changed = STRS_INIT;
	const struct remote_file files[] = { { "/a b", "1\0 2", 4, 0600 }, { "/c'", "", 0, 0644 } };
	const char *paths[] = { "/c'", "/none", "/a b" };
	struct buf contents[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	bool found[3];
	mode_t mode;

	remote_fake_file(*state, "/c'", "", 0644);
	assert_int_equal(remote_put(*state, files, 2, &changed, &err), 0);
	assert_int_equal(changed.n, 1);
	assert_string_equal(changed.v[0], "/a b");
	assert_int_equal(remote_fake_puts(*state)->n, 2);
	assert_string_equal(remote_fake_text(*state, "/a b", &mode), "1");
	assert_int_equal(mode, 0600);
	assert_int_equal(remote_get(*state, paths, 3, contents, found, 100, &err), 0);
	assert_true(found[0] && !found[1] && found[2]);
	assert_int_equal(contents[2].len, 4);
	assert_memory_equal(contents[2].data, "1\0 2", 4);
	for (int i = 0; i < 3; i++)
		buf_release(&contents[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(scripts_are_kept_and_answered),
		TEST(a_script_nobody_taught_is_an_error),
		TEST(the_call_that_shall_fail_fails),
		TEST(files_put_can_be_got),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
