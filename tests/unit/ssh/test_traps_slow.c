/* The traps that take seconds each, all at the same time: one process for each. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/time.h>

#include "traps.h"

/* Why a process left: cmocka cannot fail a test from there. */
#define HOLD(condition) do { \
	if (!(condition)) { \
		print_error("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
		_exit(1); \
	} \
} while (0)
#define SKIPPED 77

static void notice(int sig)
{
	(void)sig;
}

/* Signals as a resized terminal or an ended child send them, with and without SA_RESTART. */
static void send_signals(int flags)
{
	struct sigaction sa = { .sa_handler = notice, .sa_flags = flags };
	struct itimerval often = { { 0, 100000 }, { 0, 100000 } };

	HOLD(!sigaction(SIGALRM, &sa, NULL));
	HOLD(!setitimer(ITIMER_REAL, &often, NULL));
}

/* libssh2's blocking calls end at the first signal, and at the first keep-alive that is due. */
static void be_silent(struct sshd *d)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "sleep 4; echo on" };
	struct remote *r = sshd_connect(d, "id", &err);

	HOLD(r);
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		send_signals(flags);
		if (remote_run(r, &cmd, &res, &err) < 0)
			print_error("%s\n", err.msg);
		HOLD(res.status == 0 && !strcmp(buf_str(&res.out), "on\n"));
	}
	remote_close(r);
}

static void assert_lost_in_time(struct remote *r, const char *script)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = script };
	int64_t begun = clock_ms();

	HOLD(remote_run(r, &cmd, &res, &err) < 0);
	print_message("after %d ms: %s\n", (int)(clock_ms() - begun), err.msg);
	HOLD(err.kind == ERR_CONNECT && strstr(err.msg, "the connection is lost"));
	HOLD(clock_ms() - begun < 25000); /* 10 s, and what a busy machine adds */
	begun = clock_ms();
	remote_close(r);
	HOLD(clock_ms() - begun < 10000);
}

static void be_stopped(struct sshd *d)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r = sshd_connect(d, "id", &err);

	HOLD(r);
	assert_lost_in_time(r, "kill -STOP $PPID; sleep 60");
}

/* In a network of its own, whose only cable is pulled; d's server is outside of it. */
static void be_cut(struct sshd *unused)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r;
	struct sshd d;

	(void)unused;
	if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up") != 0)
		_exit(SKIPPED);
	sshd_prepare(&d);
	sshd_start(&d, NULL);
	sshd_know(&d, "ed25519");
	r = sshd_connect(&d, "id", &err);
	HOLD(r);
	assert_lost_in_time(r, "(sleep 0.5; ip link set lo down) & sleep 60");
	sshd_remove(&d);
}

static struct trial {
	void (*run)(struct sshd *d);
	struct sshd d;
	pid_t pid;
} trials[] = { { .run = be_silent }, { .run = be_stopped }, { .run = be_cut } };

static int setup(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	assert_int_equal(ssh_init(&err), 0);
	for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++) {
		struct trial *t = &trials[i];

		sshd_prepare(&t->d);
		sshd_start(&t->d, NULL);
		sshd_know(&t->d, "ed25519");
		t->pid = fork();
		if (!t->pid) {
			t->run(&t->d);
			_exit(0);
		}
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++) {
		/* one that is stopped does not end by itself */
		SYSTEM("pkill -KILL -P %d sshd || :", (int)trials[i].d.pid);
		sshd_remove(&trials[i].d);
	}
	return 0;
}

static void assert_holds(size_t i)
{
	int status;

	assert_int_equal(waitpid(trials[i].pid, &status, 0), trials[i].pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		print_message("NOT TESTED: a network namespace needs root\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void trap_01_a_long_silence_and_signals_do_no_harm(void **state)
{
	(void)state;
	assert_holds(0);
}

static void trap_07_a_server_that_stopped_is_noticed(void **state)
{
	(void)state;
	assert_holds(1);
}

static void trap_08_a_pulled_cable_is_noticed(void **state)
{
	(void)state;
	assert_holds(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trap_01_a_long_silence_and_signals_do_no_harm),
		cmocka_unit_test(trap_07_a_server_that_stopped_is_noticed),
		cmocka_unit_test(trap_08_a_pulled_cable_is_noticed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
