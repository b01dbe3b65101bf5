#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hold.h"
#include "remote/remote.h"

struct result {
	struct err err;
	struct remote_result res;
	int rc;
};

static void release(struct result *r)
{
	err_clear(&r->err);
	remote_result_release(&r->res);
}

#define auto_result AUTO(release)

/* As whoever runs the test: sudo has tests of its own. */
static struct remote *this_machine(void)
{
	struct remote *r = remote_local();

	r->root = REMOTE_ROOT_NONE;
	return r;
}

static struct result run(const struct remote_cmd *cmd)
{
	struct result r = { ERR_INIT, REMOTE_RESULT_INIT, 0 };
	struct remote *here = this_machine();

	r.rc = remote_run(here, cmd, &r.res, &r.err);
	remote_close(here);
	return r;
}

static struct result run_script(const char *script)
{
	return run(&(struct remote_cmd){ .script = script });
}

static void output_comes_back_to_the_byte(void **state)
{
	auto_result struct result r = run_script("printf 'one\\n\\0two\\n\\n'; printf bad >&2");

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.res.status, 0);
	assert_int_equal(r.res.out.len, 10);
	assert_memory_equal(r.res.out.data, "one\n\0two\n\n", 10);
	assert_string_equal(buf_str(&r.res.err), "bad");
}

static void a_script_without_output_has_none(void **state)
{
	auto_result struct result r = run_script("");

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.res.status, 0);
	assert_int_equal(r.res.out.len, 0);
	assert_int_equal(r.res.err.len, 0);
}

static void the_exit_status_comes_back(void **state)
{
	auto_result struct result exited = run_script("set -eu; (exit 7); echo never");
	auto_result struct result killed = run_script("sh -c 'kill -9 $$'");
	auto_result struct result broken = run_script("if then");

	(void)state;
	assert_int_equal(exited.res.status, 7);
	assert_int_equal(exited.res.out.len, 0);
	assert_int_equal(killed.res.status, 137);
	assert_int_equal(broken.rc, 0);
	assert_int_equal(broken.res.status, 2);
}

static void stdin_is_empty_and_sbin_in_the_path(void **state)
{
	auto_result struct result r = run_script("cat; case :$PATH: in *:/usr/sbin:*) echo sbin;; esac");

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_string_equal(buf_str(&r.res.out), "sbin\n");
}

static void variables_arrive_literally(void **state)
{
	const char *odd = "it's \"$(touch /nonexistent/x)\" `id` \\ \n* ;& -n é";
	const struct remote_var vars[] = { { "a", odd }, { "b_2", "" }, { NULL, NULL } };
	auto_result struct result r =
		run(&(struct remote_cmd){ .script = "printf '%s|%s' \"$a\" \"$b_2\"", .vars = vars });
	auto_buf struct buf expected = BUF_INIT;

	(void)state;
	buf_printf(&expected, "%s|", odd);
	assert_int_equal(r.rc, 0);
	assert_string_equal(buf_str(&r.res.out), buf_str(&expected));
}

static void a_name_no_variable_can_have_is_refused(void **state)
{
	const struct remote_var vars[] = { { "a;reboot", "" }, { NULL, NULL } };
	auto_result struct result r = run(&(struct remote_cmd){ .script = ":", .vars = vars });

	(void)state;
	assert_int_equal(r.rc, -1);
	assert_string_equal(r.err.msg, "'a;reboot' is no name for a shell variable");
}

static void note_line(void *ctx, int fd, const char *line)
{
	buf_printf(ctx, "%d:%s\n", fd, line);
}

static void lines_come_without_the_frame(void **state)
{
	auto_buf struct buf seen = BUF_INIT;
	auto_result struct result r = run(&(struct remote_cmd){
		.script = "echo a; echo; echo b; sleep 0.1; echo e >&2; sleep 0.1; printf 'c\n\n'; "
			  "printf end",
		.on_line = note_line,
		.ctx = &seen,
	});

	(void)state;
	assert_int_equal(r.rc, 0);
	assert_string_equal(buf_str(&seen), "1:a\n1:\n1:b\n2:e\n1:c\n1:\n1:end\n");
	assert_string_equal(buf_str(&r.res.out), "a\n\nb\nc\n\nend");
}

static void too_much_output_is_an_error(void **state)
{
	auto_result struct result r =
		run(&(struct remote_cmd){ .script = "yes | head -c 100000", .max_output = 1000 });

	(void)state;
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.kind, ERR_REMOTE);
	assert_non_null(strstr(r.err.msg, "bytes of standard output"));
}

static void a_script_that_does_not_end_is_killed_with_its_children(void **state)
{
	int64_t start = clock_ms();
	auto_result struct result r = run(&(struct remote_cmd){
		.script = "sleep 33 & echo $!; wait", .timeout_ms = 300 });
	struct clock_poll p = clock_poll_start(3000, 50);
	int pid;

	(void)state;
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.kind, ERR_REMOTE);
	assert_true(clock_ms() - start < 3000);
	assert_int_equal(sscanf(strchr(buf_str(&r.res.out) + 1, '\n'), "%d", &pid), 1);
	while (!kill(pid, 0) && clock_poll_pause(&p))
		;
	assert_int_equal(kill(pid, 0), -1);
}

static void a_script_that_prints_nothing_is_given_up_before_its_time(void **state)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_err struct err err = ERR_INIT;
	struct remote *r = remote_local();
	const struct remote_cmd cmd = { .script = "echo first; sleep 3600", .silence_ms = 1000,
					.timeout_ms = REMOTE_NO_TIMEOUT };

	(void)state;
	assert_int_equal(remote_run(r, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_REMOTE);
	assert_string_equal(err.msg, "a command printed nothing for 1 s; it was ended");
	assert_int_equal(res.late, REMOTE_TOO_SILENT);
	remote_close(r);
}

static void output_puts_off_the_end_of_patience_but_not_the_end_of_time(void **state)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_err struct err err = ERR_INIT;
	const struct remote_exec e = { .silence_ms = 1000, .max_output = 100 };

	(void)state;
	res.heard_ms = 1;
	assert_int_equal(remote_deadline(&e, &res, INT64_MAX), 1001);
	assert_int_equal(remote_deadline(&e, &res, 500), 500);
	assert_int_equal(remote_collect(&e, &res, 1, "x", 1, &err), 0);
	assert_true(remote_deadline(&e, &res, INT64_MAX) > 1001);
	assert_int_equal(remote_deadline(&(struct remote_exec){ .silence_ms = 0 }, &res, 500), 500);
}

static void an_interrupt_ends_the_wait(void **state)
{
	int64_t start = clock_ms();

	(void)state;
	remote_interrupt(true);
	auto_result struct result r = run_script("sleep 33");
	remote_interrupt(false);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.kind, ERR_INTERRUPTED);
	assert_true(clock_ms() - start < 3000);
}

static void a_failed_check_shows_the_end_of_stderr(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct remote *here = this_machine();
	const struct remote_cmd cmd = { .script = "printf '1\\n2\\n3\\033[1m\\n4\\n' >&2; exit 3" };

	(void)state;
	assert_int_equal(remote_check(here, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_REMOTE);
	assert_string_equal(err.msg, "a command ended with status 3: 2; 3?[1m; 4");
	remote_close(here);
}

static void a_held_script_runs_beside_others_and_hears_of_us(void **state)
{
	char file[] = "/tmp/held-XXXXXX";
	struct remote *here = this_machine();
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	hold_check(here, file);
	remote_close(here);
	close(fd);
	unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_comes_back_to_the_byte),
		cmocka_unit_test(a_script_without_output_has_none),
		cmocka_unit_test(the_exit_status_comes_back),
		cmocka_unit_test(stdin_is_empty_and_sbin_in_the_path),
		cmocka_unit_test(variables_arrive_literally),
		cmocka_unit_test(a_name_no_variable_can_have_is_refused),
		cmocka_unit_test(lines_come_without_the_frame),
		cmocka_unit_test(too_much_output_is_an_error),
		cmocka_unit_test(a_script_that_does_not_end_is_killed_with_its_children),
		cmocka_unit_test(a_script_that_prints_nothing_is_given_up_before_its_time),
		cmocka_unit_test(output_puts_off_the_end_of_patience_but_not_the_end_of_time),
		cmocka_unit_test(an_interrupt_ends_the_wait),
		cmocka_unit_test(a_held_script_runs_beside_others_and_hears_of_us),
		cmocka_unit_test(a_failed_check_shows_the_end_of_stderr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
