#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../remote/hold.h"
#include "sshd.h"

static struct sshd sshd;
static struct remote *node;

static int setup(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_prepare(&sshd);
	sshd_start(&sshd, NULL);
	sshd_know(&sshd, "ed25519");
	assert_int_equal(ssh_init(&err), 0);
	node = sshd_connect(&sshd, "id", &err);
	assert_non_null(node);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	remote_close(node);
	sshd_remove(&sshd);
	return 0;
}

static void output_and_status_come_back(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "printf 'a\\0b'; echo bad >&2; exit 9" };

	(void)state;
	assert_int_equal(remote_run(node, &cmd, &res, &err), 0);
	assert_int_equal(res.status, 9);
	assert_int_equal(res.out.len, 3);
	assert_memory_equal(res.out.data, "a\0b", 3);
	assert_string_equal(buf_str(&res.err), "bad\n");
}

/* OpenSSH does not tell by which signal. */
#ifdef OVER_OPENSSH
#define KILLED 128
#else
#define KILLED (128 + SIGKILL)
#endif

static void a_killed_command_is_no_success(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_exec e = { .command = "kill -9 $$", .max_output = 1000, .timeout_ms = 10000 };
	const struct remote_cmd cmd = { .script = "kill -9 $$" };

	(void)state;
	assert_int_equal(node->ops->exec(node, &e, &res, &err), 0);
	assert_int_equal(res.status, KILLED);
	assert_int_equal(remote_run(node, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_REMOTE);
	assert_non_null(strstr(err.msg, "ended before its script, with status 1"));
}

static void much_input_and_output_at_once_do_not_block(void **state)
{
	size_t len = 6 << 20;
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_free char *data = calloc(1, len);
	const struct remote_exec e = { .command = "tee /dev/stderr", .input = data, .input_len = len,
				       .max_output = len, .timeout_ms = 20000 };

	(void)state;
	assert_int_equal(node->ops->exec(node, &e, &res, &err), 0);
	assert_int_equal(res.status, 0);
	assert_int_equal(res.out.len, len);
	assert_int_equal(res.err.len, len);
}

static void a_command_that_does_not_read_its_input_ends(void **state)
{
	size_t len = 6 << 20;
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_free char *data = calloc(1, len);
	const struct remote_exec e = { .command = "exit 5", .input = data, .input_len = len,
				       .max_output = 1000, .timeout_ms = 10000 };

	(void)state;
	assert_int_equal(node->ops->exec(node, &e, &res, &err), 0);
	assert_int_equal(res.status, 5);
}

static void the_session_is_of_use_after_a_command_that_hangs(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct remote_cmd cmd = { .script = "sleep 40", .timeout_ms = 300 };
	int64_t start = clock_ms();

	(void)state;
	assert_int_equal(remote_run(node, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_REMOTE);
	assert_non_null(strstr(err.msg, "did not end within"));
	err_clear(&err);
	cmd = (struct remote_cmd){ .script = "echo on" };
	assert_int_equal(remote_run(node, &cmd, &res, &err), 0);
	assert_string_equal(buf_str(&res.out), "on\n");
	assert_true(clock_ms() - start < 30000);
}

static void too_much_output_is_an_error(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "yes | head -c 5000000", .max_output = 1000 };
	const struct remote_cmd next = { .script = "echo on" };

	(void)state;
	assert_int_equal(remote_run(node, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_REMOTE);
	err_clear(&err);
	assert_int_equal(remote_run(node, &next, &res, &err), 0);
}

static void note_line(void *ctx, int fd, const char *line)
{
	buf_printf(ctx, "%d:%s\n", fd, line);
}

static void lines_come_as_they_are_printed(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf seen = BUF_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "echo a; sleep 0.1; echo b >&2; sleep 0.1; printf c",
					.on_line = note_line, .ctx = &seen };

	(void)state;
	assert_int_equal(remote_run(node, &cmd, &res, &err), 0);
	assert_string_equal(buf_str(&seen), "1:a\n2:b\n1:c\n");
}

static void files_go_there_and_come_back(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_strs struct strs changed = STRS_INIT;
	size_t len = 3 << 20;
	auto_free char *path = sshd_path(&sshd, "sent/large"), *data = malloc(len);
	const struct remote_file file = { path, data, len, 0640 };
	const char *paths[] = { path, "/nonexistent/x" };
	struct buf back[2] = { BUF_INIT, BUF_INIT };
	bool found[2];
	struct stat st;

	(void)state;
	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 31 + i / 1021);
	assert_int_equal(remote_put(node, &file, 1, &changed, &err), 0);
	assert_int_equal(remote_put(node, &file, 1, &changed, &err), 0);
	assert_int_equal(changed.n, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(remote_get(node, paths, 2, back, found, len, &err), 0);
	assert_true(found[0] && !found[1]);
	assert_int_equal(back[0].len, len);
	assert_memory_equal(back[0].data, data, len);
	buf_release(&back[0]);
}

static void interrupt_now(int sig)
{
	(void)sig;
	remote_interrupt(true);
}

static void a_signal_ends_the_wait(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "sleep 5" }, next = { .script = ":" };
	int64_t start = clock_ms();

	(void)state;
	signal(SIGALRM, interrupt_now);
	ualarm(200000, 0);
	assert_int_equal(remote_run(node, &cmd, &res, &err), -1);
	remote_interrupt(false);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	assert_true(clock_ms() - start < 3000);
	remote_close(node);
	err_clear(&err);
	node = sshd_connect(&sshd, "id", &err);
	assert_non_null(node);
	assert_int_equal(remote_run(node, &next, &res, &err), 0);
}

static void a_lost_connection_is_told_and_stays_lost(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct remote *r = sshd_connect(&sshd, "id", &err);
	const struct remote_cmd cmd = { .script = "kill -9 $PPID; sleep 5" };
	const struct remote_cmd next = { .script = ":" };

	(void)state;
	assert_non_null(r);
	assert_int_equal(remote_run(r, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, "connection is lost"));
	err_clear(&err);
	assert_int_equal(remote_run(r, &next, &res, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	remote_close(r);
}

/* Of a script that writes its own pid into the file "pid": 0 when it has none yet. */
static pid_t pid_in_file(void)
{
	auto_free char *path = sshd_path(&sshd, "pid");
	FILE *f = fopen(path, "r");
	int pid = 0;

	if (f && fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	return pid;
}

/* Within so long, or not at all. */
static bool ends(pid_t pid, int timeout_ms)
{
	struct clock_poll p = clock_poll_start(timeout_ms, 50);

	while (!kill(pid, 0))
		if (!clock_poll_pause(&p))
			return false;
	return true;
}

static pid_t wait_for_pid(void)
{
	struct clock_poll p = clock_poll_start(10000, 50);

	while (!pid_in_file())
		assert_true(clock_poll_pause(&p));
	return pid_in_file();
}

/* Writes the pid of a shell that takes notice of no signal but SIGKILL when it is stubborn. */
static char *long_script(bool stubborn)
{
	char *script;

	SYSTEM("rm -f %s/pid", sshd.dir);
	assert_true(asprintf(&script, "sh -c '%s echo $$ >%s/pid; echo on; while :; do sleep 0.2; done'",
			     stubborn ? "trap \"\" TERM HUP;" : "", sshd.dir) > 0);
	return script;
}

static void a_command_that_is_late_is_ended_on_the_node(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	(void)state;
	for (int stubborn = 0; stubborn < 2; stubborn++) {
		auto_free char *script = long_script(stubborn);
		struct remote_cmd cmd = { .script = script, .timeout_ms = 3000 };

		err_clear(&err);
		assert_int_equal(remote_run(node, &cmd, &res, &err), -1);
		assert_int_equal(err.kind, ERR_REMOTE);
		assert_non_null(strstr(err.msg, "did not end within 3 s"));
		assert_non_null(strstr(err.msg, "it was ended there"));
		assert_true(ends(wait_for_pid(), 8000));
	}
}

static void a_command_ends_when_hactl_is_killed(void **state)
{
	(void)state;
	for (int survives = 0; survives < 2; survives++) {
		auto_free char *script = long_script(false);
		pid_t child = fork(), pid;

		if (!child) {
			struct err err = ERR_INIT;
			struct remote_result res = REMOTE_RESULT_INIT;
			struct remote_cmd cmd = { .script = script, .survives = survives };
			struct remote *r = sshd_connect(&sshd, "id", &err);

			_exit(r && remote_run(r, &cmd, &res, &err) < 0 ? 1 : 2);
		}
		pid = wait_for_pid();
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		assert_int_equal(ends(pid, survives ? 1000 : 8000), !survives);
		kill(pid, SIGKILL);
	}
}

static void interrupt_at_line(void *ctx, int fd, const char *line)
{
	(void)ctx;
	(void)fd;
	(void)line;
	remote_interrupt(true);
}

static void an_interrupted_command_is_ended_on_the_node(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_free char *script = long_script(false);
	const struct remote_cmd cmd = { .script = script, .on_line = interrupt_at_line };
	struct remote *r = sshd_connect(&sshd, "id", &err);

	(void)state;
	assert_non_null(r);
	assert_int_equal(remote_run(r, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	remote_close(r);
	remote_interrupt(false);
	assert_true(ends(wait_for_pid(), 5000));
}

static void a_forced_command_is_told(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "echo never" };
	auto_free char *path = sshd_path(&sshd, "x");
	const struct remote_file file = { path, "", 0, 0600 };
	struct remote *r;

	(void)state;
	err_clear(&err);
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -N '' -f forced && "
	       "(printf 'command=\"echo only this; exit 3\" '; cat forced.pub) >>authorized_keys",
	       sshd.dir);
	r = sshd_connect(&sshd, "forced", &err);
	assert_non_null(r);
	assert_int_equal(remote_run(r, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, "status 3 and 'only this' instead of a shell"));
	err_clear(&err);
	assert_int_equal(remote_put(r, &file, 1, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "'only this' instead of a shell"));
	remote_close(r);
}

static void a_held_script_runs_beside_others_and_hears_of_us(void **state)
{
	char file[256];

	(void)state;
	snprintf(file, sizeof(file), "%s/held", sshd.dir);
	hold_check(node, file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status_come_back),
		cmocka_unit_test(a_killed_command_is_no_success),
		cmocka_unit_test(much_input_and_output_at_once_do_not_block),
		cmocka_unit_test(a_command_that_does_not_read_its_input_ends),
		cmocka_unit_test(the_session_is_of_use_after_a_command_that_hangs),
		cmocka_unit_test(too_much_output_is_an_error),
		cmocka_unit_test(lines_come_as_they_are_printed),
		cmocka_unit_test(files_go_there_and_come_back),
		cmocka_unit_test(a_signal_ends_the_wait),
		cmocka_unit_test(a_command_that_is_late_is_ended_on_the_node),
		cmocka_unit_test(a_command_ends_when_hactl_is_killed),
		cmocka_unit_test(an_interrupted_command_is_ended_on_the_node),
		cmocka_unit_test(a_held_script_runs_beside_others_and_hears_of_us),
		cmocka_unit_test(a_lost_connection_is_told_and_stays_lost),
		cmocka_unit_test(a_forced_command_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
