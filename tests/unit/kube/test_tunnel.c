#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server.h"

struct tunnel {
	struct server *s;
	int calls, fail;
	char host[128];
	int port;
};

static int dial(void *ctx, const char *host, int port, int *fd, struct err *err)
{
	struct tunnel *t = ctx;
	int pair[2];

	t->calls++;
	t->port = port;
	snprintf(t->host, sizeof(t->host), "%s", host);
	if (t->fail)
		return err_set(err, ERR_FAILED, "administratively prohibited");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	server_take(t->s, pair[1]);
	*fd = pair[0];
	return 0;
}

static void a_tunnel_is_used_when_the_direct_way_fails_and_kept_to(void **state)
{
	auto_close int fd = -1;
	int port = closed_port(&fd);
	struct server s;
	struct tunnel t = { .s = &s };
	const struct kube_dial d = { dial, &t };

	(void)state;
	server_start(&s);
	s.answers[0] = s.answers[1] = ANSWER_OK;
	struct kube *k = open_at("127.0.0.1", port, &test_ca, &d, "");

	assert_healthy(k);
	assert_int_equal(t.calls, 1);
	assert_string_equal(t.host, "127.0.0.1");
	assert_int_equal(t.port, port);
	assert_healthy(k);
	assert_int_equal(t.calls, 2);
	assert_string_equal(s.client[0], "kubernetes-admin");
	kube_close(k);
	server_stop(&s);
}

static void the_tunnel_is_closed_after_each_request(void **state)
{
	auto_close int fd = -1;
	int port = closed_port(&fd);
	struct server s;
	struct tunnel t = { .s = &s };
	const struct kube_dial d = { dial, &t };

	(void)state;
	server_start(&s);
	s.answers[0] = ANSWER_OK;
	struct kube *k = open_at("127.0.0.1", port, &test_ca, &d, "");

	assert_healthy(k);
	assert_int_equal(s.connections, 1);
	pthread_join(s.threads[0], NULL); /* ends only when the client hangs up */
	close(s.fds[0]);
	s.connections = 0;
	kube_close(k);
	server_stop(&s);
}

static void a_name_unknown_here_is_the_tunnels_to_resolve(void **state)
{
	/* A label this long is refused without asking any server. */
	static const char name[] = "a123456789b123456789c123456789d123456789e123456789f123456789"
				   "g123456789.test";
	struct cert c = cert_make(&(struct cert_spec){ .cn = "x", .by = &test_ca,
			.san = "DNS:a123456789b123456789c123456789d123456789e123456789f123456789"
			       "g123456789.test" });
	struct server s;
	struct tunnel t = { .s = &s };
	const struct kube_dial d = { dial, &t };

	(void)state;
	server_start_with(&s, &c);
	s.answers[0] = ANSWER_OK;
	struct kube *k = open_at(name, 6443, &test_ca, &d, "");

	assert_healthy(k);
	assert_string_equal(t.host, name);
	kube_close(k);
	server_stop(&s);
	cert_release(&c);
}

static void when_the_tunnel_fails_too_both_ways_are_told(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_close int fd = -1;
	struct tunnel t = { .fail = 1 };
	const struct kube_dial d = { dial, &t };
	struct kube *k = open_at("127.0.0.1", closed_port(&fd), &test_ca, &d, "");

	(void)state;
	assert_int_equal(kube_healthy(k, 15000, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, "Connection refused"));
	assert_non_null(strstr(err.msg, "administratively prohibited"));
	kube_close(k);
}

static void a_server_that_fails_after_connecting_does_not_open_the_tunnel(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct server s;
	struct tunnel t = { .s = &s };
	const struct kube_dial d = { dial, &t };

	(void)state;
	server_start(&s);
	s.answers[0] = ANSWER_HANG_UP;
	struct kube *k = open_at("127.0.0.1", s.port, &test_ca, &d, "");

	assert_int_equal(kube_healthy(k, 15000, &err), -1);
	assert_int_equal(t.calls, 0);
	kube_close(k);
	server_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_is_used_when_the_direct_way_fails_and_kept_to),
		cmocka_unit_test(the_tunnel_is_closed_after_each_request),
		cmocka_unit_test(a_name_unknown_here_is_the_tunnels_to_resolve),
		cmocka_unit_test(when_the_tunnel_fails_too_both_ways_are_told),
		cmocka_unit_test(a_server_that_fails_after_connecting_does_not_open_the_tunnel),
	};

	return cmocka_run_group_tests(tests, make_test_certs, release_test_certs);
}
