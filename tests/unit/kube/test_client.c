#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "server.h"

static struct kube *open_server(const struct server *s)
{
	return open_at("127.0.0.1", s->port, &test_ca, NULL, "");
}

/* kube_healthy against one answer; the error's text, or NULL when healthy.  Caller frees. */
static char *ask(const char *answer, enum err_kind *kind)
{
	auto_err struct err err = ERR_INIT;
	struct server s;
	struct kube *k;

	server_start(&s);
	s.answers[0] = answer;
	k = open_server(&s);
	if (kube_healthy(k, 15000, &err) == 0)
		*kind = ERR_NONE;
	else
		*kind = err.kind;
	kube_close(k);
	server_stop(&s);
	return TAKE(err.msg);
}

static void a_server_that_says_ok_is_healthy(void **state)
{
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = s.answers[1] = ANSWER_OK;
	struct kube *k = open_server(&s);

	assert_healthy(k);
	assert_healthy(k);
	kube_close(k);
	server_stop(&s);
}

static void the_client_certificate_is_shown_and_the_connection_kept(void **state)
{
	struct server s;

	(void)state;
	server_start(&s);
	for (int i = 0; i < 3; i++)
		s.answers[i] = ANSWER_OK;
	struct kube *k = open_server(&s);

	for (int i = 0; i < 3; i++)
		assert_healthy(k);
	kube_close(k);
	assert_int_equal(s.connections, 1);
	assert_string_equal(s.client[0], "kubernetes-admin");
	assert_non_null(strstr(buf_str(&s.request[0]), "GET /livez HTTP/1.1\r\n"));
	server_stop(&s);
}

static void an_old_server_is_asked_for_healthz(void **state)
{
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = server_json("404 Not Found", "{}");
	s.answers[1] = ANSWER_OK;
	struct kube *k = open_server(&s);

	assert_healthy(k);
	kube_close(k);
	assert_non_null(strstr(buf_str(&s.request[1]), "GET /healthz HTTP/1.1\r\n"));
	server_stop(&s);
}

static void a_failing_check_is_named(void **state)
{
	enum err_kind kind;
	auto_free char *msg = ask(server_json("500 Internal Server Error",
		"[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed\n"), &kind);

	(void)state;
	assert_int_equal(kind, ERR_UNHEALTHY);
	assert_string_equal(msg, "the API server answers on /livez, but not with ok: "
				 "etcd failed: reason withheld");
}

static void the_apis_own_words_are_passed_on(void **state)
{
	enum err_kind kind;
	auto_free char *msg = ask(server_json("403 Forbidden",
		"{\"kind\":\"Status\",\"message\":\"livez is forbidden:\\u001b[31m User\"}"), &kind);

	(void)state;
	assert_int_equal(kind, ERR_FAILED);
	assert_non_null(strstr(msg, ": GET /livez: livez is forbidden: [31m User, HTTP 403"));
}

static void a_refused_client_certificate_is_a_refused_login(void **state)
{
	enum err_kind kind;
	auto_free char *msg = ask(server_json("401 Unauthorized", "{}"), &kind);

	(void)state;
	assert_int_equal(kind, ERR_CONNECT);
	assert_non_null(strstr(msg, "the client certificate of 'admin.conf' is refused"));
}

/* Asks with an expired client certificate; the error's text.  Caller frees. */
static char *ask_expired(int verify, enum err_kind *kind)
{
	auto_err struct err err = ERR_INIT;
	struct cert good = test_client;
	struct server s;

	test_client = cert_make(&(struct cert_spec){ .cn = "kubernetes-admin", .by = &test_ca,
						     .from_s = -7200, .to_s = -3600 });
	server_start(&s);
	SSL_CTX_set_verify(s.tls, verify, NULL);
	s.answers[0] = server_json("401 Unauthorized", "{}");
	struct kube *k = open_server(&s);

	assert_int_equal(kube_healthy(k, 15000, &err), -1);
	*kind = err.kind;
	kube_close(k);
	server_stop(&s);
	cert_release(&test_client);
	test_client = good;
	return TAKE(err.msg);
}

static void an_expired_client_certificate_is_named_with_its_day(void **state)
{
	enum err_kind kind;
	auto_free char *msg = ask_expired(SSL_VERIFY_NONE, &kind);

	(void)state;
	assert_int_equal(kind, ERR_CONNECT);
	assert_non_null(strstr(msg, "the client certificate of 'admin.conf' expired on 20"));
}

static void a_client_certificate_refused_in_the_handshake_is_told(void **state)
{
	enum err_kind kind;
	auto_free char *msg = ask_expired(SSL_VERIFY_PEER, &kind);

	(void)state;
	assert_int_equal(kind, ERR_CONNECT);
	assert_non_null(strstr(msg, "the server refuses the client certificate of 'admin.conf'"));
	assert_non_null(strstr(msg, "certificate expired"));
}

static void a_redirect_is_not_followed(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct server s;
	char answer[200];

	(void)state;
	server_start(&s);
	snprintf(answer, sizeof(answer), "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:%d/other"
		 "\r\nContent-Length: 0\r\n\r\n", s.port);
	s.answers[0] = answer;
	s.answers[1] = ANSWER_OK;
	struct kube *k = open_server(&s);

	assert_int_equal(kube_healthy(k, 15000, &err), -1);
	assert_non_null(strstr(err.msg, "the answer is a redirect (HTTP 302)"));
	kube_close(k);
	assert_int_equal(s.requests, 1);
	server_stop(&s);
}

static void garbage_is_not_taken_for_the_api(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_kube_nodes struct kube_nodes nodes = { NULL, 0 };
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = server_json("200 OK", "{\"items\": [");
	s.answers[1] = server_json("200 OK", "[1]");
	struct kube *k = open_server(&s);

	assert_int_equal(kube_list_nodes(k, &nodes, &err), -1);
	assert_non_null(strstr(err.msg, "the answer is not JSON (line 1:"));
	err_clear(&err);
	assert_int_equal(kube_list_nodes(k, &nodes, &err), -1);
	assert_non_null(strstr(err.msg, "the answer is no JSON object"));
	kube_close(k);
	server_stop(&s);
}

static void what_is_not_http_is_an_error(void **state)
{
	enum err_kind kind;
	auto_free char *msg = ask("SSH-2.0-OpenSSH_9.2\r\n", &kind);

	(void)state;
	assert_int_equal(kind, ERR_CONNECT);
	assert_non_null(msg);
}

static void an_endless_answer_is_cut_off(void **state)
{
	enum err_kind kind;
	auto_free char *msg = ask(ANSWER_ENDLESS, &kind);

	(void)state;
	assert_int_equal(kind, ERR_FAILED);
	assert_non_null(strstr(msg, "the answer is larger than 33554432 bytes"));
}

static void a_closed_connection_is_told(void **state)
{
	enum err_kind kind;
	auto_free char *msg = ask(ANSWER_HANG_UP, &kind);

	(void)state;
	assert_int_equal(kind, ERR_CONNECT);
	assert_non_null(strstr(msg, "the connection was lost"));
}

static void a_server_that_does_not_answer_is_given_up_in_time(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct server s;
	int64_t start;

	(void)state;
	server_start(&s);
	s.answers[0] = ANSWER_STALL;
	struct kube *k = open_server(&s);

	start = clock_ms();
	assert_int_equal(kube_healthy(k, 300, &err), -1);
	assert_in_range(clock_ms() - start, 250, 10000);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, "connected, but there was no answer in time"));
	kube_close(k);
	server_stop(&s);
}

static void expect_refusal(const struct cert *shown, const struct cert *ca, const char *message)
{
	auto_err struct err err = ERR_INIT;
	struct server s;

	server_start_with(&s, shown);
	s.answers[0] = ANSWER_OK;
	struct kube *k = open_at("127.0.0.1", s.port, ca, NULL, "");

	assert_int_equal(kube_healthy(k, 15000, &err), -1);
	kube_close(k);
	assert_int_equal(err.kind, ERR_CONNECT);
	if (!strstr(err.msg, message))
		fail_msg("%s", err.msg);
	assert_int_equal(s.requests, 0);
	server_stop(&s);
}

static void another_ca_is_told_from_other_faults(void **state)
{
	/* All CAs that kubeadm makes have one name. */
	static const char *const names[] = { "kubernetes", "somebody else" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct cert foreign = cert_make(&(struct cert_spec){
				.cn = names[i % 2], .ca = 1, .rsa = i / 2 });

		expect_refusal(&test_server, &foreign, "is not signed by the CA in 'admin.conf'");
		cert_release(&foreign);
	}
}

static void a_name_missing_in_the_certificate_is_told(void **state)
{
	struct cert c = cert_make(&(struct cert_spec){ .cn = "x", .by = &test_ca, .san = "DNS:other" });

	(void)state;
	expect_refusal(&c, &test_ca, "does not hold the name '127.0.0.1'");
	cert_release(&c);
}

static void an_expired_server_certificate_is_told(void **state)
{
	struct cert c = cert_make(&(struct cert_spec){ .cn = "x", .by = &test_ca,
			.san = "IP:127.0.0.1", .from_s = -7200, .to_s = -3600 });

	(void)state;
	expect_refusal(&c, &test_ca, "has expired");
	cert_release(&c);
}

static void a_certificate_from_the_future_points_to_the_clocks(void **state)
{
	struct cert c = cert_make(&(struct cert_spec){ .cn = "x", .by = &test_ca,
			.san = "IP:127.0.0.1", .from_s = 1800 });

	(void)state;
	expect_refusal(&c, &test_ca, "compare the clocks");
	cert_release(&c);
}

static void a_port_nobody_listens_on_is_told(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_close int fd = -1;
	struct kube *k = open_at("127.0.0.1", closed_port(&fd), &test_ca, NULL, "");

	(void)state;
	assert_int_equal(kube_healthy(k, 15000, &err), -1);
	kube_close(k);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, "cannot connect: Connection refused"));
}

static void another_target_is_checked_for_the_same_name(void **state)
{
	struct server one, two;

	(void)state;
	server_start(&one);
	server_start(&two);
	one.answers[0] = one.answers[1] = two.answers[0] = ANSWER_OK;
	struct kube *k = open_at("10.0.0.9", 6443, &test_ca, NULL, "");

	kube_connect_to(k, "127.0.0.1", one.port);
	assert_healthy(k);
	kube_connect_to(k, "127.0.0.1", two.port);
	assert_healthy(k);
	kube_connect_to(k, "127.0.0.1", one.port);
	assert_healthy(k);
	kube_close(k);
	assert_int_equal(one.requests, 2);
	assert_int_equal(two.requests, 1);
	assert_non_null(strstr(buf_str(&two.request[0]), "Host: 10.0.0.9:6443\r\n"));
	server_stop(&one);
	server_stop(&two);
}

static void tls_server_name_is_what_the_certificate_is_checked_for(void **state)
{
	struct cert c = cert_make(&(struct cert_spec){ .cn = "x", .by = &test_ca, .san = "DNS:inner" });
	struct server s;

	(void)state;
	server_start_with(&s, &c);
	s.answers[0] = ANSWER_OK;
	struct kube *k = open_at("127.0.0.1", s.port, &test_ca, NULL, "    tls-server-name: inner\n");

	assert_healthy(k);
	kube_close(k);
	server_stop(&s);
	cert_release(&c);
}

static void a_proxy_in_the_environment_is_not_used(void **state)
{
	enum err_kind kind;

	(void)state;
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	auto_free char *msg = ask(ANSWER_OK, &kind);

	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
	assert_null(msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_says_ok_is_healthy),
		cmocka_unit_test(the_client_certificate_is_shown_and_the_connection_kept),
		cmocka_unit_test(an_old_server_is_asked_for_healthz),
		cmocka_unit_test(a_failing_check_is_named),
		cmocka_unit_test(the_apis_own_words_are_passed_on),
		cmocka_unit_test(a_refused_client_certificate_is_a_refused_login),
		cmocka_unit_test(an_expired_client_certificate_is_named_with_its_day),
		cmocka_unit_test(a_client_certificate_refused_in_the_handshake_is_told),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(garbage_is_not_taken_for_the_api),
		cmocka_unit_test(what_is_not_http_is_an_error),
		cmocka_unit_test(an_endless_answer_is_cut_off),
		cmocka_unit_test(a_closed_connection_is_told),
		cmocka_unit_test(a_server_that_does_not_answer_is_given_up_in_time),
		cmocka_unit_test(another_ca_is_told_from_other_faults),
		cmocka_unit_test(a_name_missing_in_the_certificate_is_told),
		cmocka_unit_test(an_expired_server_certificate_is_told),
		cmocka_unit_test(a_certificate_from_the_future_points_to_the_clocks),
		cmocka_unit_test(a_port_nobody_listens_on_is_told),
		cmocka_unit_test(another_target_is_checked_for_the_same_name),
		cmocka_unit_test(tls_server_name_is_what_the_certificate_is_checked_for),
		cmocka_unit_test(a_proxy_in_the_environment_is_not_used),
	};

	return cmocka_run_group_tests(tests, make_test_certs, release_test_certs);
}
