#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "sshd.h"

static struct sshd sshd;

static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_prepare(&sshd);
	return ssh_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&sshd);
	return 0;
}

/* Tries a port, and says what must be in the refusal. */
static void assert_fails(const char *host, int port, int timeout_ms, const char *a, const char *b)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;

	sshd.port = port;
	sshd_client_init(&c, &sshd, "id");
	c.options.host = host;
	c.options.connect_timeout_ms = timeout_ms;
	assert_null(ssh_connect(&c.options, &err));
	assert_int_equal(err.kind, ERR_CONNECT);
	if (!strstr(err.msg, a) || !strstr(err.msg, b))
		print_error("%s\n", err.msg);
	assert_non_null(strstr(err.msg, a));
	assert_non_null(strstr(err.msg, b));
}

static void a_closed_port_is_told_with_the_systems_reason(void **state)
{
	int port;

	(void)state;
	close(listen_anywhere(&port));
	assert_fails("127.0.0.1", port, 5000, "127.0.0.1: Connection refused", "sshd running there?");
}

static void a_name_that_has_no_address_is_told(void **state)
{
	(void)state;
	assert_fails("no such name", 22, 5000, "the name 'no such name' has no address", "numeric address");
}

static void a_server_that_says_nothing_runs_into_the_timeout(void **state)
{
	int64_t start = clock_ms();
	int port;
	auto_close int fd = listen_anywhere(&port);

	(void)state;
	assert_fails("127.0.0.1", port, 400, "no answer in time", "key exchange");
	assert_true(clock_ms() - start < 3000);
	assert_true(fd >= 0);
}

/* Drops the first connections, as sshd does beyond MaxStartups, and hands on the others. */
struct dropper {
	int fd, drop, seen;
	const char *says;
};

static void *drop_connections(void *arg)
{
	struct dropper *d = arg;
	int fd;

	for (; d->seen < d->drop && (fd = accept(d->fd, NULL, NULL)) >= 0; d->seen++) {
		char hello[100];

		dprintf(fd, "%s\r\n", d->says);
		(void)!read(fd, hello, sizeof(hello)); /* unread, it would be a reset */
		close(fd);
	}
	return NULL;
}

static void a_dropped_connection_is_tried_again(void **state)
{
	struct dropper d = { .drop = 100, .says = "Exceeded MaxStartups" };
	pthread_t thread;
	int port;

	(void)state;
	d.fd = listen_anywhere(&port);
	assert_int_equal(pthread_create(&thread, NULL, drop_connections, &d), 0);
	assert_fails("127.0.0.1", port, 1500, "dropped before the login (it said 'Exceeded MaxStartups')",
		     "MaxStartups large enough?");
	shutdown(d.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(d.fd);
	assert_true(d.seen >= 2);
}

static void *hang_up_soon(void *fd)
{
	clock_poll_pause(&(struct clock_poll){ INT64_MAX, 300, 300 });
	shutdown(*(int *)fd, SHUT_RDWR);
	return NULL;
}

/* sshd refuses all others while one connection has not logged in. */
static void a_connection_that_comes_through_later_logs_in(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	auto_close int hog = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf log = BUF_INIT;
	struct remote *r;
	pthread_t thread;
	char byte;

	(void)state;
	sshd_start(&sshd, "MaxStartups 1:100:1");
	sshd_know(&sshd, "ed25519");
	addr.sin_port = htons((uint16_t)sshd.port);
	assert_int_equal(connect(hog, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(recv(hog, &byte, 1, 0), 1);
	assert_int_equal(pthread_create(&thread, NULL, hang_up_soon, &hog), 0);
	r = sshd_connect(&sshd, "id", &err);
	pthread_join(thread, NULL);
	assert_non_null(r);
	remote_close(r);
	sshd_read(&sshd, "log", &log);
	assert_non_null(strstr(buf_str(&log), "MaxStartups"));
	sshd_stop(&sshd);
}

static void a_name_with_several_addresses_is_tried_until_one_answers(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;
	struct remote *r;

	(void)state;
	sshd_start(&sshd, NULL); /* does not listen on ::1 */
	sshd_client_init(&c, &sshd, "id");
	c.options.host = "localhost";
	c.options.unknown_hosts = SSH_UNKNOWN_ADD;
	r = ssh_connect(&c.options, &err);
	assert_non_null(r);
	remote_close(r);
	sshd_stop(&sshd);
}

static void what_both_sides_know_is_told_when_nothing_is_common(void **state)
{
	(void)state;
	sshd_start(&sshd, "KexAlgorithms sntrup761x25519-sha512@openssh.com");
	sshd_know(&sshd, "ed25519");
	assert_fails("127.0.0.1", sshd.port, 5000,
		     "no common key exchange: sshd offers 'sntrup761x25519-sha512@openssh.com", "curve25519-sha256");
	sshd_stop(&sshd);
	sshd_start(&sshd, "MACs hmac-sha1\nCiphers aes128-ctr");
	sshd_know(&sshd, "ed25519");
	assert_fails("127.0.0.1", sshd.port, 5000, "no common MAC: sshd offers 'hmac-sha1'", "MACs in sshd_config");
	sshd_stop(&sshd);
}

static void a_server_that_is_no_sshd_is_told(void **state)
{
	struct dropper d = { .drop = 100, .says = "HTTP/1.1 400 Bad Request" };
	pthread_t thread;
	int port;

	(void)state;
	d.fd = listen_anywhere(&port);
	assert_int_equal(pthread_create(&thread, NULL, drop_connections, &d), 0);
	assert_fails("127.0.0.1", port, 700, "dropped before the login", "is it sshd that listens there");
	shutdown(d.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(d.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_port_is_told_with_the_systems_reason),
		cmocka_unit_test(a_name_that_has_no_address_is_told),
		cmocka_unit_test(a_server_that_says_nothing_runs_into_the_timeout),
		cmocka_unit_test(a_dropped_connection_is_tried_again),
		cmocka_unit_test(a_connection_that_comes_through_later_logs_in),
		cmocka_unit_test(a_name_with_several_addresses_is_tried_until_one_answers),
		cmocka_unit_test(what_both_sides_know_is_told_when_nothing_is_common),
		cmocka_unit_test(a_server_that_is_no_sshd_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
