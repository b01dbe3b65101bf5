/* The traps of SSH and libssh2, in order; tests/ssh/README.md has the table. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "traps.h"

#define MUCH (4 << 20) /* twice the window */

static struct sshd sshd;
static struct remote *node;

static int setup(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_prepare(&sshd);
	sshd_write(&sshd, "banner", "WELCOME\nline two\n");
	auto_free char *extra = NULL;

	assert_true(asprintf(&extra, "Banner %s/banner\nVersionAddendum of-a-hardening-guide\nMaxSessions 1",
			     sshd.dir) > 0);
	sshd_start(&sshd, extra);
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

/* libssh2 would try to write for ever. */
static void trap_02_writing_to_a_command_that_ended_returns(void **state)
{
	static const struct { const char *command; int status; } commands[] = {
		{ "exit 5", 5 }, { "exec cat >/dev/full", 1 }, { "exec tar -x -f /nonexistent 2>/dev/null", 2 },
		{ "head -c 5000000 /dev/zero >&2; exit 6", 6 },
	};
	auto_free char *data = calloc(1, MUCH);

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		auto_err struct err err = ERR_INIT;
		auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

		if (trap_exec(node, commands[i].command, data, MUCH, &res, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(res.status, commands[i].status);
	}
}

static void trap_03_much_on_stderr_does_not_block_stdout(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	(void)state;
	assert_int_equal(trap_exec(node, "head -c 4194304 /dev/zero >&2; echo end", NULL, 0, &res, &err), 0);
	assert_int_equal(res.err.len, MUCH);
	assert_string_equal(buf_str(&res.out), "end\n");
}

static void trap_04_exit_status_zero_alone_is_no_success(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct remote *r = sshd_connect(&sshd, "id", &err);

	(void)state;
	assert_non_null(r);
	assert_int_equal(trap_exec(node, "kill -KILL $$", NULL, 0, &res, &err), 0);
	assert_true(res.status >= 128);
	trap_fails(node, "kill -KILL $$", 60000, ERR_REMOTE, "ended before its script");
	trap_fails(r, "kill -KILL $PPID; sleep 5", 60000, ERR_CONNECT, "connection is lost");
	remote_close(r);
}

static void trap_05_a_process_that_keeps_the_output_meets_the_deadline(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_exec held = { .command = "sleep 30 & echo on", .max_output = 100, .timeout_ms = 500 };
	struct remote *r = sshd_connect(&sshd, "id", &err);
	int64_t begun = clock_ms();

	(void)state;
	assert_non_null(r);
	assert_int_equal(r->ops->exec(r, &held, &res, &err), -1);
	assert_int_equal(err.kind, ERR_REMOTE);
	assert_non_null(strstr(err.msg, "holds its output"));
	assert_true(clock_ms() - begun < 20000);
	remote_close(r);
	trap_prints(node, "sleep 4 </dev/null >/dev/null 2>&1 & echo on", "on\n");
}

static void trap_06_what_ran_ends_with_its_connection(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *script = NULL;
	struct clock_poll p = clock_poll_start(10000, 50);
	struct remote *r = sshd_connect(&sshd, "id", &err);
	pid_t pid = 0;

	(void)state;
	assert_non_null(r);
	assert_true(asprintf(&script, "echo $$ >%s/pid; sleep 60; :", sshd.dir) > 0);
	trap_fails(r, script, 1500, ERR_REMOTE, "did not end within");
	remote_close(r);

	auto_buf struct buf text = BUF_INIT;

	sshd_read(&sshd, "pid", &text);
	pid = (pid_t)atoi(buf_str(&text));
	assert_true(pid > 1);
	while (!kill(pid, 0))
		assert_true(clock_poll_pause(&p));
}

struct putter {
	struct remote *r;
	const char *data;
	char *why;
};

static void *echo_much(void *arg)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct putter *p = arg;

	if (trap_exec(p->r, "exec tee /dev/stderr", p->data, MUCH, &res, &err) < 0)
		p->why = strdup(err.msg);
	else if (res.out.len != MUCH || res.err.len != MUCH || memcmp(res.out.data, p->data, MUCH))
		p->why = strdup("not what was sent");
	return NULL;
}

/* Two nodes behind one bastion: both are channels of one libssh2 session, and both send. */
static void trap_09_channels_of_one_session_do_not_disturb_each_other(void **state)
{
	struct ssh_share *share = ssh_share_new();
	auto_client struct sshd_client outer, inner;
	struct putter puts[2] = { { NULL, NULL, NULL }, { NULL, NULL, NULL } };
	auto_free char *data = malloc(MUCH);
	pthread_t threads[2];

	(void)state;
	for (size_t i = 0; i < MUCH; i++)
		data[i] = (char)(i * 7 + i / 509);
	sshd_client_init(&outer, &sshd, "id");
	sshd_client_init(&inner, &sshd, "id");
	inner.options.via = &outer.options;
	inner.options.share = share;
	for (int i = 0; i < 2; i++) {
		auto_err struct err err = ERR_INIT;

		puts[i] = (struct putter){ ssh_connect(&inner.options, &err), data, NULL };
		if (!puts[i].r)
			fail_msg("%s", err.msg);
		assert_int_equal(pthread_create(&threads[i], NULL, echo_much, &puts[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		remote_close(puts[i].r);
	}
	ssh_share_free(share);
	if (puts[0].why || puts[1].why)
		fail_msg("%s, %s", puts[0].why ? puts[0].why : "well", puts[1].why ? puts[1].why : "well");
}

static void *connect_and_run(void *sshd_of_test)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "echo in" };
	auto_client struct sshd_client c;
	struct remote *r;

	sshd_client_init(&c, sshd_of_test, "id");
	c.options.connect_timeout_ms = 60000;
	r = ssh_connect(&c.options, &err);
	if (!r)
		return strdup(err.msg);
	r->root = REMOTE_ROOT_NONE;
	if (remote_run(r, &cmd, &res, &err) < 0)
		return strdup(err.msg);
	remote_close(r);
	return NULL;
}

static void connect_at_once(struct sshd *d, int n)
{
	pthread_t threads[32];
	void *why[32];

	for (int i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, connect_and_run, d), 0);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], &why[i]);
	for (int i = 0; i < n; i++)
		if (why[i])
			fail_msg("%s", (char *)why[i]);
}

static void trap_10_connections_dropped_by_max_startups_come_through(void **state)
{
	auto_buf struct buf log = BUF_INIT;
	struct sshd few;

	(void)state;
	sshd_prepare(&few);
	sshd_start(&few, "MaxStartups 1:90:3");
	sshd_know(&few, "ed25519");
	connect_at_once(&few, 8);
	sshd_read(&few, "log", &log);
	assert_non_null(strstr(buf_str(&log), "MaxStartups"));
	sshd_remove(&few);
}

static void trap_11_nodes_behind_a_bastion_share_its_connection(void **state)
{
	struct ssh_share *share = ssh_share_new();
	auto_client struct sshd_client outer, inner;
	auto_buf struct buf before = BUF_INIT, after = BUF_INIT;
	struct remote *r[6];
	int n = 0;

	(void)state;
	sshd_client_init(&outer, &sshd, "id");
	sshd_client_init(&inner, &sshd, "id");
	inner.options.via = &outer.options;
	inner.options.share = share;
	sshd_read(&sshd, "log", &before);
	for (int i = 0; i < 6; i++) {
		auto_err struct err err = ERR_INIT;

		r[i] = ssh_connect(&inner.options, &err);
		if (!r[i])
			fail_msg("%s", err.msg);
		r[i]->root = REMOTE_ROOT_NONE;
	}
	for (int i = 0; i < 6; i++) {
		trap_prints(r[i], "echo in", "in\n");
		remote_close(r[i]);
	}
	ssh_share_free(share);
	sshd_read(&sshd, "log", &after);
	for (const char *at = buf_str(&after) + before.len; (at = strstr(at, "Accepted publickey")); at++)
		n++;
	assert_int_equal(n, 6 + 1);
}

/* MaxSessions is 1 here: each channel is closed before the next is opened. */
static void trap_12_one_channel_at_a_time_is_enough(void **state)
{
	(void)state;
	for (int i = 0; i < 15; i++)
		trap_prints(node, "echo in", "in\n");
}

static void trap_13_scripts_may_be_longer_than_a_command_line(void **state)
{
	auto_buf struct buf script = BUF_INIT;

	(void)state;
	buf_puts(&script, ": '");
	for (int i = 0; i < 20000; i++)
		buf_puts(&script, "0123456789");
	buf_puts(&script, "'\necho long");
	trap_prints(node, buf_str(&script), "long\n");
}

static void trap_14_what_a_login_shell_says_is_not_the_scripts(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *path = sshd_path(&sshd, "put");
	const struct remote_file file = { path, "x\n", 2, 0600 };
	struct remote *r = trap_forced(&sshd, "command=\"echo noise; echo noise >&2; exec sh -c "
				       "\\\"$SSH_ORIGINAL_COMMAND\\\"\"", &err);
	const char *paths[] = { path };
	struct buf back = BUF_INIT;
	bool found;

	(void)state;
	assert_non_null(r);
	trap_prints(r, "echo in", "in\n");
	if (remote_put(r, &file, 1, NULL, &err) < 0 || remote_get(r, paths, 1, &back, &found, 100, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(found);
	assert_string_equal(buf_str(&back), "x\n");
	buf_release(&back);
	remote_close(r);
}

static void trap_15_sbin_is_in_the_path_of_scripts(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r = trap_forced(&sshd, "command=\"PATH=/usr/bin:/bin; export PATH; exec sh -c "
				       "\\\"$SSH_ORIGINAL_COMMAND\\\"\"", &err);

	(void)state;
	assert_non_null(r);
	trap_prints(r, "case :$PATH: in *:/usr/sbin:*) case :$PATH: in *:/sbin:*) echo sbin;; esac;; esac", "sbin\n");
	remote_close(r);
}

/* Whatever shell there is, it sees one word list without anything to expand. */
static void trap_16_any_login_shell_passes_values_as_they_are(void **state)
{
	static const char *const shells[] = { "sh", "bash", "dash", "csh", "tcsh", "zsh", "fish", "ksh", "busybox sh" };
	static const char hostile[] = "$(touch /tmp/hactl-was-here) `id` \"'\\ !! %s *\n\t;&|<>~ -n \xc3\xa9";
	const struct remote_var vars[] = { { "value", hostile }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = "printf %s \"$value\"", .vars = vars };
	int tried = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++) {
		auto_err struct err err = ERR_INIT;
		auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
		auto_free char *options = NULL, *look = NULL;
		struct remote *r;

		assert_true(asprintf(&look, "command -v %.*s >/dev/null", (int)strcspn(shells[i], " "), shells[i]) > 0);
		if (system(look))
			continue;
		assert_true(asprintf(&options, "command=\"exec %s -c \\\"$SSH_ORIGINAL_COMMAND\\\"\"", shells[i]) > 0);
		r = trap_forced(&sshd, options, &err);
		assert_non_null(r);
		if (remote_run(r, &cmd, &res, &err) < 0)
			fail_msg("%s: %s", shells[i], err.msg);
		assert_string_equal(buf_str(&res.out), hostile);
		remote_close(r);
		tried++;
	}
	assert_true(tried >= 2);
	assert_int_equal(access("/tmp/hactl-was-here", F_OK), -1);
}

static void trap_17_a_forced_command_is_told(void **state)
{
	static const struct { const char *options, *said; } forced[] = {
		{ "command=\"echo only this; exit 3\"", "status 3 and 'only this' instead of a shell" },
		{ "command=\"echo This service allows sftp connections only.; exit 1\"", "forced to sftp" },
		{ "command=\"exit 0\"", "ended with status 0 and said nothing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forced) / sizeof(*forced); i++) {
		auto_err struct err err = ERR_INIT;
		struct remote *r = trap_forced(&sshd, forced[i].options, &err);

		assert_non_null(r);
		trap_fails(r, "echo never", 60000, ERR_CONNECT, forced[i].said);
		remote_close(r);
	}
}

/* A sudo that says what sudo says; the real one is in the laboratory. */
static void trap_18_what_sudo_refuses_is_told(void **state)
{
	static const struct { const char *sudo, *said; } sudos[] = {
		{ "echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1", "requiretty" },
		{ "echo 'sudo: a password is required' >&2; exit 1", "password" },
		{ "echo 'me is not in the sudoers file.' >&2; exit 1", "sudoers" },
	};
	auto_free char *options = NULL;

	(void)state;
	SYSTEM("mkdir -p %s/bin && printf '#!/bin/sh\\necho 1000\\n' >%s/bin/id && chmod +x %s/bin/id", sshd.dir,
	       sshd.dir, sshd.dir); /* whoever runs this is not root */
	assert_true(asprintf(&options, "command=\"PATH=%s/bin:$PATH; export PATH; exec sh -c "
			     "\\\"$SSH_ORIGINAL_COMMAND\\\"\"", sshd.dir) > 0);
	for (size_t i = 0; i < sizeof(sudos) / sizeof(*sudos); i++) {
		auto_err struct err err = ERR_INIT;
		auto_free char *script = NULL;
		struct remote *r = trap_forced(&sshd, options, &err);

		assert_non_null(r);
		assert_true(asprintf(&script, "#!/bin/sh\n%s\n", sudos[i].sudo) > 0);
		sshd_write(&sshd, "bin/sudo", script);
		SYSTEM("chmod +x %s/bin/sudo", sshd.dir);
		r->root = REMOTE_ROOT_SUDO;
		trap_fails(r, "echo never", 60000, ERR_CONNECT, sudos[i].said);
		remote_close(r);
	}
}

static void trap_19_a_command_that_reads_its_input_finds_the_end(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	(void)state;
	trap_prints(node, "cat; echo end", "end\n");
	assert_int_equal(trap_exec(node, "cat; echo end", NULL, 0, &res, &err), 0);
	assert_string_equal(buf_str(&res.out), "end\n");
}

/* setup's sshd has both. */
static void trap_20_a_banner_and_a_version_addendum_do_no_harm(void **state)
{
	(void)state;
	SYSTEM("ssh-keyscan -p %d 127.0.0.1 2>&1 | grep -q of-a-hardening-guide", sshd.port);
	trap_prints(node, "echo in", "in\n");
}

/* Under the thread sanitizer this shows more. */
static void trap_21_threads_connect_at_once(void **state)
{
	(void)state;
	connect_at_once(&sshd, 6);
}

static void trap_22_an_agent_that_hangs_keeps_nobody_longer_than_the_timeout(void **state)
{
	struct sockaddr_un { sa_family_t family; char path[108]; } addr = { .family = AF_UNIX };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_free char *path = sshd_path(&sshd, "agent");
	auto_err struct err err = ERR_INIT;
	int64_t begun = clock_ms();
	auto_client struct sshd_client c;
	struct remote *r;

	(void)state;
	snprintf(addr.path, sizeof(addr.path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 4), 0); /* and nobody accepts */
	sshd_client_init(&c, &sshd, "id");
	c.options.identity_agent = path;
	c.options.identity_files = NULL;
	c.options.connect_timeout_ms = 1500;
	r = ssh_connect(&c.options, &err);
	remote_close(r); /* a key of the user's own may be taken here */
	assert_true(clock_ms() - begun < 20000);
}

/* A listener whose queue is full answers no more than a dead machine. */
static void trap_23_connecting_to_a_black_hole_ends_in_time(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(addr);
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;
	int filling[8];
	int64_t begun;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	for (int i = 0; i < 8; i++) {
		filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(filling[i], (struct sockaddr *)&addr, len);
	}
	sshd_client_init(&c, &sshd, "id");
	c.options.port = ntohs(addr.sin_port);
	c.options.connect_timeout_ms = 700;
	begun = clock_ms();
	assert_null(ssh_connect(&c.options, &err));
	assert_non_null(strstr(err.msg, "no answer"));
	assert_in_range(clock_ms() - begun, 600, 20000);
	for (int i = 0; i < 8; i++)
		close(filling[i]);
}

/* A number alone helps nobody. */
static void trap_24_no_number_of_libssh2_is_all_that_is_said(void **state)
{
	static const struct { const char *extra, *said; } servers[] = {
		{ "MACs hmac-sha1\nCiphers aes128-ctr", "no common MAC" },
		{ "AuthorizedKeysFile none", "ssh-copy-id" },
		{ "AllowUsers nobody-else", "ssh-copy-id" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		auto_err struct err err = ERR_INIT;
		auto_client struct sshd_client c;
		struct sshd other;

		sshd_prepare(&other);
		sshd_start(&other, servers[i].extra);
		sshd_know(&other, "ed25519");
		sshd_client_init(&c, &other, "id");
		assert_null(ssh_connect(&c.options, &err));
		if (!strstr(err.msg, servers[i].said) || strstr(err.msg, "libssh2 error"))
			fail_msg("%s", err.msg);
		sshd_remove(&other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trap_02_writing_to_a_command_that_ended_returns),
		cmocka_unit_test(trap_03_much_on_stderr_does_not_block_stdout),
		cmocka_unit_test(trap_04_exit_status_zero_alone_is_no_success),
		cmocka_unit_test(trap_05_a_process_that_keeps_the_output_meets_the_deadline),
		cmocka_unit_test(trap_06_what_ran_ends_with_its_connection),
		cmocka_unit_test(trap_09_channels_of_one_session_do_not_disturb_each_other),
		cmocka_unit_test(trap_10_connections_dropped_by_max_startups_come_through),
		cmocka_unit_test(trap_11_nodes_behind_a_bastion_share_its_connection),
		cmocka_unit_test(trap_12_one_channel_at_a_time_is_enough),
		cmocka_unit_test(trap_13_scripts_may_be_longer_than_a_command_line),
		cmocka_unit_test(trap_14_what_a_login_shell_says_is_not_the_scripts),
		cmocka_unit_test(trap_15_sbin_is_in_the_path_of_scripts),
		cmocka_unit_test(trap_16_any_login_shell_passes_values_as_they_are),
		cmocka_unit_test(trap_17_a_forced_command_is_told),
		cmocka_unit_test(trap_18_what_sudo_refuses_is_told),
		cmocka_unit_test(trap_19_a_command_that_reads_its_input_finds_the_end),
		cmocka_unit_test(trap_20_a_banner_and_a_version_addendum_do_no_harm),
		cmocka_unit_test(trap_21_threads_connect_at_once),
		cmocka_unit_test(trap_22_an_agent_that_hangs_keeps_nobody_longer_than_the_timeout),
		cmocka_unit_test(trap_23_connecting_to_a_black_hole_ends_in_time),
		cmocka_unit_test(trap_24_no_number_of_libssh2_is_all_that_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
