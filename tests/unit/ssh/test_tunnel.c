#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

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

static void assert_node_works(void)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "echo on" };

	if (remote_run(node, &cmd, &res, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(buf_str(&res.out), "on\n");
}

static void a_port_is_reached_as_seen_from_the_node(void **state)
{
	auto_err struct err err = ERR_INIT;
	char text[5] = "";
	int fd;

	(void)state;
	assert_int_equal(node->ops->tunnel(node, "127.0.0.1", sshd.port, &fd, &err), 0);
	assert_int_equal(recv(fd, text, 4, MSG_WAITALL), 4);
	assert_string_equal(text, "SSH-");
	close(fd);
	assert_node_works();
}

/* Sends back all it gets, once it has got the end. */
static void *echo(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	char chunk[65536];
	ssize_t n;

	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		for (ssize_t sent = 0, m; sent < n && (m = send(fd, chunk + sent, (size_t)(n - sent), MSG_NOSIGNAL)) > 0;)
			sent += m;
	close(fd);
	return NULL;
}

struct sender {
	int fd;
	const char *data;
	size_t len;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;

	for (ssize_t n; s->len && (n = send(s->fd, s->data, s->len, MSG_NOSIGNAL)) > 0;) {
		s->data += n;
		s->len -= (size_t)n;
	}
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

static void much_goes_both_ways_at_once(void **state)
{
	size_t len = 8 << 20;
	auto_err struct err err = ERR_INIT;
	auto_free char *data = malloc(len), *back = malloc(len);
	pthread_t echoing, sending;
	int port, fd;
	auto_close int listener = listen_anywhere(&port);
	struct sender s = { -1, data, len };

	(void)state;
	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 13 + i / 4093);
	assert_int_equal(pthread_create(&echoing, NULL, echo, &listener), 0);
	assert_int_equal(node->ops->tunnel(node, "127.0.0.1", port, &fd, &err), 0);
	s.fd = fd;
	assert_int_equal(pthread_create(&sending, NULL, send_all, &s), 0);
	assert_int_equal(recv(fd, back, len, MSG_WAITALL), (ssize_t)len);
	assert_memory_equal(back, data, len);
	assert_int_equal(recv(fd, back, 1, 0), 0);
	pthread_join(sending, NULL);
	pthread_join(echoing, NULL);
	close(fd);
	assert_node_works();
}

static void a_port_nobody_listens_on_is_an_error(void **state)
{
	auto_err struct err err = ERR_INIT;
	int port, fd = -1;

	(void)state;
	close(listen_anywhere(&port));
	assert_int_equal(node->ops->tunnel(node, "127.0.0.1", port, &fd, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, "nothing listens there"));
	assert_node_works();
}

/* OpenSSH does both at once. */
#ifdef OVER_OPENSSH
static void a_command_runs_while_a_tunnel_is_open(void **state)
{
	auto_err struct err err = ERR_INIT;
	int fd;

	(void)state;
	assert_int_equal(node->ops->tunnel(node, "127.0.0.1", sshd.port, &fd, &err), 0);
	assert_node_works();
	close(fd);
	assert_node_works();
}
#else
static void commands_wait_while_a_tunnel_is_open(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = ":", .timeout_ms = 300 };
	int fd;

	(void)state;
	assert_int_equal(node->ops->tunnel(node, "127.0.0.1", sshd.port, &fd, &err), 0);
	assert_int_equal(remote_run(node, &cmd, &res, &err), -1);
	assert_non_null(strstr(err.msg, "a tunnel keeps the connection busy"));
	close(fd);
	assert_node_works();
}

#endif

static void closing_the_connection_ends_its_tunnel(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r = sshd_connect(&sshd, "id", &err);
	char text[256];
	ssize_t n;
	int fd;

	(void)state;
	assert_non_null(r);
	assert_int_equal(r->ops->tunnel(r, "127.0.0.1", sshd.port, &fd, &err), 0);
	remote_close(r);
	while ((n = recv(fd, text, sizeof(text), 0)) > 0)
		;
	assert_int_equal(n, 0);
	close(fd);
}

/* Nor does letting it go get in the way of the tunnel's thread. */
static void what_is_held_ends_with_the_connection_at_the_latest(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct remote *r = sshd_connect(&sshd, "id", &err);
	char file[256];
	const struct remote_var vars[] = { { "file", file }, { NULL, NULL } };
	const struct remote_cmd held = { .script = hold_script, .vars = vars };
	int fd;

	(void)state;
	assert_non_null(r);
	snprintf(file, sizeof(file), "%s/held", sshd.dir);
	assert_int_equal(remote_hold(r, &held, &res, &err), 1);
	assert_int_equal(r->ops->tunnel(r, "127.0.0.1", sshd.port, &fd, &err), 0);
	assert_int_equal(remote_beat(r), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
		remote_unhold(r);
	}
	close(fd);
	remote_close(r);
	hold_wait(node, vars, "end\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_is_reached_as_seen_from_the_node),
		cmocka_unit_test(much_goes_both_ways_at_once),
		cmocka_unit_test(a_port_nobody_listens_on_is_an_error),
#ifdef OVER_OPENSSH
		cmocka_unit_test(a_command_runs_while_a_tunnel_is_open),
#else
		cmocka_unit_test(commands_wait_while_a_tunnel_is_open),
#endif
		cmocka_unit_test(closing_the_connection_ends_its_tunnel),
		cmocka_unit_test(what_is_held_ends_with_the_connection_at_the_latest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
