#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "over.h"
#include "../ssh/sshd.h"

static struct sshd sshd;

static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_prepare(&sshd);
	sshd_start(&sshd, NULL);
	sshd_know(&sshd, "ed25519");
	return ssh_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&sshd);
	return 0;
}

/* ssh processes to a port, and the directory of their sockets. */
static int masters(int port, char dir[100])
{
	char command[200], line[4000];
	int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "pgrep -af 'ssh -N .* -p %d '", port);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, " -S /");

		if (!at)
			continue; /* pgrep's own shell */
		n++;
		if (dir)
			snprintf(dir, 100, "%.*s", (int)(strcspn(at + 4, " ") - 2), at + 4);
	}
	pclose(f);
	return n;
}

/* Connects in another process, which waits until it is killed. */
static pid_t connect_elsewhere(int port)
{
	struct clock_poll p = clock_poll_start(20000, 50);
	auto_client struct sshd_client c;
	pid_t pid;

	sshd_client_init(&c, &sshd, "id");
	c.options.port = port;
	c.options.connect_timeout_ms = 60000;
	pid = fork();
	if (!pid) {
		auto_err struct err err = ERR_INIT;

		(void)!ssh_connect(&c.options, &err);
		pause();
		_exit(0);
	}
	while (!masters(port, NULL))
		assert_true(clock_poll_pause(&p));
	return pid;
}

static void assert_nothing_stays(int port, const char *dir)
{
	struct clock_poll p = clock_poll_start(10000, 50);

	assert_true(dir[0] == '/');
	while (masters(port, NULL) || access(dir, F_OK) == 0)
		assert_true(clock_poll_pause(&p));
}

static void closing_leaves_no_process_and_no_directory(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r[2];
	char dir[100] = "";

	(void)state;
	r[0] = sshd_connect(&sshd, "id", &err);
	r[1] = sshd_connect(&sshd, "id", &err);
	assert_true(r[0] && r[1]);
	assert_int_equal(masters(sshd.port, dir), 2);
	remote_close(r[0]);
	assert_int_equal(masters(sshd.port, dir), 1);
	assert_int_equal(access(dir, F_OK), 0);
	remote_close(r[1]);
	assert_int_equal(masters(sshd.port, NULL), 0);
	assert_int_equal(access(dir, F_OK), -1);
}

static void a_failure_leaves_no_process_and_no_directory(void **state)
{
	auto_close int fd = listen_anywhere(&(int){ 0 });
	struct sockaddr_in addr;
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;

	(void)state;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &(socklen_t){ sizeof(addr) }), 0);
	sshd_client_init(&c, &sshd, "id");
	c.options.port = ntohs(addr.sin_port);
	c.options.connect_timeout_ms = 300;
	assert_null(ssh_connect(&c.options, &err));
	assert_int_equal(masters(c.options.port, NULL), 0);
}

static void a_program_that_is_killed_leaves_nothing(void **state)
{
	char dir[100] = "";
	pid_t pid = connect_elsewhere(sshd.port);

	(void)state;
	assert_int_equal(masters(sshd.port, dir), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_nothing_stays(sshd.port, dir);
}

static void a_program_that_is_killed_while_it_connects_leaves_nothing(void **state)
{
	char dir[100] = "";
	int port;
	auto_close int fd = listen_anywhere(&port);
	pid_t pid = connect_elsewhere(port);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(masters(port, dir), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_nothing_stays(port, dir);
}

static void only_the_user_can_reach_the_sockets(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r = sshd_connect(&sshd, "id", &err);
	char dir[100] = "";
	struct stat st;

	(void)state;
	assert_non_null(r);
	assert_int_equal(masters(sshd.port, dir), 1);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, geteuid());
	remote_close(r);
}

static void interrupt_now(int sig)
{
	(void)sig;
	remote_interrupt(true);
}

static void a_signal_ends_connecting(void **state)
{
	int port;
	auto_close int fd = listen_anywhere(&port);
	auto_err struct err err = ERR_INIT;
	int64_t begun = clock_ms();
	auto_client struct sshd_client c;

	(void)state;
	assert_true(fd >= 0);
	sshd_client_init(&c, &sshd, "id");
	c.options.port = port;
	signal(SIGALRM, interrupt_now);
	ualarm(300000, 0);
	assert_null(ssh_connect(&c.options, &err));
	remote_interrupt(false);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	assert_true(clock_ms() - begun < 9000);
}

static void *connect_and_run(void *arg)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "echo in" };
	struct remote *r = sshd_connect(&sshd, "id", &err);

	(void)arg;
	if (!r || remote_run(r, &cmd, &res, &err) < 0)
		return strdup(err.msg);
	remote_close(r);
	return NULL;
}

static void many_connect_at_once(void **state)
{
	pthread_t threads[6];
	char *why[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, connect_and_run, NULL), 0);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], (void **)&why[i]);
	for (int i = 0; i < 6; i++)
		if (why[i])
			fail_msg("%s", why[i]);
	assert_int_equal(masters(sshd.port, NULL), 0);
}

/* Dead though its machine lives: nothing but the missing answer tells. */
static void a_server_that_stopped_is_noticed_in_ten_seconds(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "kill -STOP $PPID; echo $PPID; sleep 30" };
	struct remote *r = sshd_connect(&sshd, "id", &err);
	int64_t begun = clock_ms();

	(void)state;
	assert_non_null(r);
	assert_int_equal(remote_run(r, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	if (!strstr(err.msg, "the connection is lost") || !strstr(err.msg, "not responding"))
		fail_msg("%s", err.msg);
	assert_in_range(clock_ms() - begun, 5000, 25000); /* 9 s, and what a busy machine adds */
	begun = clock_ms();
	remote_close(r);
	assert_true(clock_ms() - begun < 10000);
	SYSTEM("pkill -KILL -P %d sshd || :", (int)sshd.pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_leaves_no_process_and_no_directory),
		cmocka_unit_test(a_failure_leaves_no_process_and_no_directory),
		cmocka_unit_test(a_program_that_is_killed_leaves_nothing),
		cmocka_unit_test(a_program_that_is_killed_while_it_connects_leaves_nothing),
		cmocka_unit_test(only_the_user_can_reach_the_sockets),
		cmocka_unit_test(a_signal_ends_connecting),
		cmocka_unit_test(many_connect_at_once),
		cmocka_unit_test(a_server_that_stopped_is_noticed_in_ten_seconds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
