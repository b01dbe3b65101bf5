#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../kube/server.h"
#include "base/clock.h"
#include "probe/probe.h"

/* Seldom enough that a slow machine does not run out of the server's connections. */
#define EVERY_MS 150
#define LIMIT_MS 1500

/* Asks 127.0.0.1:port until there are n results, or 15 s have passed. */
static void ask(int port, const char *name, const struct cert *ca, size_t n, struct probe_log *out)
{
	const struct probe_target target = { "127.0.0.1", port, "/livez", EVERY_MS };
	struct clock_poll poll = clock_poll_start(15000, 20);
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf pem = BUF_INIT;
	struct probe *p;

	buf_puts(&pem, ca->cert_pem);
	p = probe_open(&(struct probe_options){ .targets = &target, .n = 1, .name = name, .ca = &pem,
						.limit_ms = LIMIT_MS }, &err);
	assert_non_null(p);
	do {
		probe_log_release(out);
		probe_read(p, 0, out);
	} while (out->n < n && clock_poll_pause(&poll));
	probe_close(p);
	assert_true(out->n >= n);
}

static enum probe_result first_result(const char *answer, const char *name, const struct cert *ca)
{
	auto_probe_log struct probe_log l = { 0 };
	struct server s;

	server_start(&s);
	for (int i = 0; i < SERVER_MAX; i++)
		s.answers[i] = answer;
	ask(s.port, name, ca, 1, &l);
	server_stop(&s);
	return l.v[0].result;
}

static void a_request_that_hangs_hides_nothing(void **state)
{
	auto_probe_log struct probe_log l = { 0 };
	int timeouts = 0, answers = 0;
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = ANSWER_STALL;
	for (int i = 1; i < SERVER_MAX; i++)
		s.answers[i] = ANSWER_OK;
	ask(s.port, "127.0.0.1", &test_ca, 5, &l);
	server_stop(&s);
	for (size_t i = 0; i < l.n; i++) {
		timeouts += l.v[i].result == PROBE_TIMEOUT;
		answers += l.v[i].result == PROBE_OK;
		if (l.v[i].result == PROBE_TIMEOUT)
			assert_true(l.v[i].took_ms >= LIMIT_MS - 5);
	}
	assert_true(answers >= 3);
	assert_int_equal(answers + timeouts, l.n);
}

static void results_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(first_result(ANSWER_OK, "127.0.0.1", &test_ca), PROBE_OK);
	assert_int_equal(first_result("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "127.0.0.1", &test_ca), PROBE_OK);
	assert_int_equal(first_result("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "127.0.0.1", &test_ca), PROBE_SICK);
	assert_int_equal(first_result(ANSWER_HANG_UP, "127.0.0.1", &test_ca), PROBE_LOST);
	assert_int_equal(first_result(ANSWER_STALL, "127.0.0.1", &test_ca), PROBE_TIMEOUT);
}

static void who_answers_without_a_certificate_of_the_cluster_is_foreign(void **state)
{
	struct cert other = cert_make(&(struct cert_spec){ .cn = "kubernetes", .ca = 1 });

	(void)state;
	assert_int_equal(first_result(ANSWER_OK, "other.test", &test_ca), PROBE_FOREIGN);
	assert_int_not_equal(first_result(ANSWER_OK, "127.0.0.1", &other), PROBE_OK);
	cert_release(&other);
}

static void nobody_there_is_refused_at_once(void **state)
{
	auto_probe_log struct probe_log l = { 0 };
	int fd, port = closed_port(&fd);

	(void)state;
	ask(port, "127.0.0.1", &test_ca, 3, &l);
	for (size_t i = 0; i < l.n; i++)
		assert_int_equal(l.v[i].result, PROBE_REFUSED);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_that_hangs_hides_nothing),
		cmocka_unit_test(results_are_told_apart),
		cmocka_unit_test(who_answers_without_a_certificate_of_the_cluster_is_foreign),
		cmocka_unit_test(nobody_there_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, make_test_certs, release_test_certs);
}
