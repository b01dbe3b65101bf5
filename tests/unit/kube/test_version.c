#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "server.h"

static struct server server;
static char base[64], ca_file[] = "/tmp/hactl-test-ca.XXXXXX";

static int start(void **state)
{
	(void)state;
	server_start(&server);
	SSL_CTX_set_verify(server.tls, SSL_VERIFY_NONE, NULL);
	snprintf(base, sizeof(base), "https://127.0.0.1:%d/release", server.port);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	server_stop(&server);
	return 0;
}

static int trust_test_ca(void **state)
{
	auto_err struct err err = ERR_INIT;
	int fd = mkstemp(ca_file);

	if (fd < 0 || close(fd) || make_test_certs(state) ||
	    file_write(ca_file, test_ca.cert_pem, strlen(test_ca.cert_pem), 0600, &err) < 0)
		return -1;
	return setenv("SSL_CERT_FILE", ca_file, 1);
}

static int forget_test_ca(void **state)
{
	return unlink(ca_file) || unsetenv("SSL_CERT_FILE") || release_test_certs(state);
}

static const char *text(const char *body)
{
	return server_json("200 OK", body);
}

static void expect(const char *version, const char *result)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *out = NULL;

	if (kube_resolve_version(version, base, &out, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(out, result);
}

static void expect_error(const char *version, const char *url, enum err_kind kind, const char *message)
{
	auto_err struct err err = ERR_INIT;
	char *out = NULL;

	assert_int_equal(kube_resolve_version(version, url, &out, &err), -1);
	if (!strstr(err.msg, message))
		fail_msg("%s", err.msg);
	assert_int_equal(err.kind, kind);
	assert_null(out);
}

static void a_literal_version_is_not_looked_up(void **state)
{
	static const char *const literal[] = { "v1.31.4", "1.20.2", "v1.32.0-rc.1", "v1.20.2+debian" };

	(void)state;
	for (size_t i = 0; i < sizeof(literal) / sizeof(literal[0]); i++)
		expect(literal[i], literal[i]);
	assert_int_equal(server.requests, 0);
}

static void a_label_is_looked_up_under_the_base_url(void **state)
{
	(void)state;
	server.answers[0] = text("v1.31.4\n");
	server.answers[1] = text("v1.30.9");
	server.answers[2] = text("v1.33.0-alpha.1");
	expect("stable", "v1.31.4");
	expect("stable-1.30", "v1.30.9");
	expect("latest-1", "v1.33.0-alpha.1");
	assert_non_null(strstr(buf_str(&server.request[0]), "GET /release/stable.txt HTTP"));
	assert_non_null(strstr(buf_str(&server.request[1]), "GET /release/stable-1.30.txt HTTP"));
	assert_non_null(strstr(buf_str(&server.request[2]), "GET /release/latest-1.txt HTTP"));
}

static void a_mirror_it_is_sent_to_is_followed(void **state)
{
	char answer[200];

	(void)state;
	snprintf(answer, sizeof(answer), "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:%d/cdn/s"
		 "\r\nContent-Length: 0\r\n\r\n", server.port);
	server.answers[0] = answer;
	server.answers[1] = text("v1.31.4");
	expect("stable", "v1.31.4");
}

static void a_redirect_to_plain_http_is_not_followed(void **state)
{
	char answer[200];

	(void)state;
	snprintf(answer, sizeof(answer), "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/cdn/s"
		 "\r\nContent-Length: 0\r\n\r\n", server.port);
	server.answers[0] = answer;
	server.answers[1] = text("v1.31.4");
	expect_error("stable", base, ERR_CONNECT, "/stable.txt");
	assert_int_equal(server.requests, 1);
}

static void an_answer_that_is_no_version_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "<html>Log in to the Wi-Fi</html>", "1.31.4", "v1.31", "v1.31.4 ", "v1.31.4\nv1.2.3",
		"v1.31.4;reboot", "v1.31.4-", "v99999.1.1", "v1.31.4-\x1b[31m",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		server.answers[i] = text(bad[i]);
		expect_error("stable", base, ERR_FAILED, "is no version");
	}
}

static void a_long_answer_is_cut_off(void **state)
{
	char body[66] = "v1.31.4-";

	(void)state;
	memset(body + 8, 'a', 57);
	server.answers[0] = text(body);
	server.answers[1] = ANSWER_ENDLESS;
	expect_error("stable", base, ERR_FAILED, "the answer is larger than 64 bytes");
	expect_error("stable", base, ERR_FAILED, "the answer is larger than 64 bytes");
}

static void a_version_nobody_published_is_told(void **state)
{
	(void)state;
	server.answers[0] = server_json("404 Not Found", "no");
	expect_error("stable-1.99", base, ERR_FAILED, "/release/stable-1.99.txt: HTTP 404");
}

static void what_is_neither_version_nor_label_is_not_asked_for(void **state)
{
	static const char *const bad[] = { "", "v1", "stable-", "stable-x", "stable-1.2.3", "stable/../x",
					   "latest-1.", "stables", "v1.31.4/../../x" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_error(bad[i], base, ERR_CONFIG, "is neither a version");
	assert_int_equal(server.requests, 0);
}

static void offline_the_address_and_the_way_out_are_named(void **state)
{
	(void)state;
	/* Port 1 on this machine stands for a network that is not there. */
	expect_error("stable", "https://127.0.0.1:1/release", ERR_CONNECT,
		     "a literal version such as v1.31.4 needs no look-up");
	expect_error("stable", "https://127.0.0.1:1/release", ERR_CONNECT,
		     "https://127.0.0.1:1/release/stable.txt: cannot connect");
}

static void a_server_nobody_vouches_for_is_not_believed(void **state)
{
	(void)state;
	assert_int_equal(setenv("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt", 1), 0);
	server.answers[0] = text("v1.31.4");
	expect_error("stable", base, ERR_CONNECT, "stable.txt");
	assert_int_equal(server.requests, 0);
	assert_int_equal(setenv("SSL_CERT_FILE", ca_file, 1), 0);
}

static void plain_http_is_not_spoken(void **state)
{
	(void)state;
	expect_error("stable", "http://127.0.0.1:1/release", ERR_CONNECT, "stable.txt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_literal_version_is_not_looked_up, start, stop),
		cmocka_unit_test_setup_teardown(a_label_is_looked_up_under_the_base_url, start, stop),
		cmocka_unit_test_setup_teardown(a_mirror_it_is_sent_to_is_followed, start, stop),
		cmocka_unit_test_setup_teardown(a_redirect_to_plain_http_is_not_followed, start, stop),
		cmocka_unit_test_setup_teardown(an_answer_that_is_no_version_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(a_long_answer_is_cut_off, start, stop),
		cmocka_unit_test_setup_teardown(a_version_nobody_published_is_told, start, stop),
		cmocka_unit_test_setup_teardown(what_is_neither_version_nor_label_is_not_asked_for, start,
						stop),
		cmocka_unit_test_setup_teardown(offline_the_address_and_the_way_out_are_named, start, stop),
		cmocka_unit_test_setup_teardown(a_server_nobody_vouches_for_is_not_believed, start, stop),
		cmocka_unit_test_setup_teardown(plain_http_is_not_spoken, start, stop),
	};

	return cmocka_run_group_tests(tests, trust_test_ca, forget_test_ca);
}
