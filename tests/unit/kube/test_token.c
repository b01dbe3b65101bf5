#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "server.h"

static struct server server;
static struct kube *kube;

static int start(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_wipe struct buf config = BUF_INIT;
	char url[64];

	(void)state;
	server_start(&server);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/prefix/", server.port);
	kubeconfig_for(&config, url, &test_ca, &test_client, "");
	kube = kube_open("admin.conf", buf_str(&config), config.len, NULL, &err);
	return kube ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	kube_close(kube);
	server_stop(&server);
	return 0;
}

static const char *at(json_t *o, const char *outer, const char *inner)
{
	const char *s = json_string_value(json_object_get(json_object_get(o, outer), inner));

	return s ? s : "";
}

static time_t rfc3339(const char *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);

	return end && !*end ? timegm(&tm) : -1;
}

static void a_token_is_the_secret_kubeadm_expects(void **state)
{
	auto_err struct err err = ERR_INIT;
	const char *request;
	json_t *o;

	(void)state;
	server.answers[0] = server_json("201 Created", "{}");
	assert_int_equal(kube_create_token(kube, "abc123.0123456789abcdef", 900, &err), 0);
	request = buf_str(&server.request[0]);
	assert_int_equal(strncmp(request, "POST /prefix/api/v1/namespaces/kube-system/secrets HTTP", 55),
			 0);
	o = json_loads(strstr(request, "\r\n\r\n") + 4, 0, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "type")),
			    "bootstrap.kubernetes.io/token");
	assert_string_equal(at(o, "metadata", "name"), "bootstrap-token-abc123");
	assert_string_equal(at(o, "metadata", "namespace"), "kube-system");
	assert_string_equal(at(o, "stringData", "token-id"), "abc123");
	assert_string_equal(at(o, "stringData", "token-secret"), "0123456789abcdef");
	assert_string_equal(at(o, "stringData", "usage-bootstrap-authentication"), "true");
	assert_string_equal(at(o, "stringData", "usage-bootstrap-signing"), "true");
	assert_string_equal(at(o, "stringData", "auth-extra-groups"),
			    "system:bootstrappers:kubeadm:default-node-token");
	assert_in_range(rfc3339(at(o, "stringData", "expiration")), time(NULL) + 890, time(NULL) + 901);
	json_decref(o);
}

static void the_answer_does_not_carry_the_secret_back(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	server.answers[0] = server_json("201 Created", "{}");
	assert_int_equal(kube_create_token(kube, "abc123.0123456789abcdef", 900, &err), 0);
	assert_non_null(strcasestr(buf_str(&server.request[0]),
				   "accept: application/json;as=PartialObjectMetadata"));
}

static void what_is_no_token_is_not_sent(void **state)
{
	static const char *const bad[] = {
		"", "abc123", "abc123.", "abc123.0123456789abcde", "abc123.0123456789abcdefg",
		"ABC123.0123456789abcdef", "abc12\".0123456789abcdef", "abc1234.123456789abcdef",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		auto_err struct err err = ERR_INIT;

		assert_int_equal(kube_create_token(kube, bad[i], 900, &err), -1);
		assert_non_null(strstr(err.msg, "not a bootstrap token"));
		assert_null(*bad[i] ? strstr(err.msg, bad[i]) : NULL);
	}
	assert_int_equal(server.requests, 0);
}

static void a_token_that_is_there_already_is_an_error_at_first(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	server.answers[0] = server_json("409 Conflict", "{\"message\":\"it already exists\"}");
	assert_int_equal(kube_create_token(kube, "abc123.0123456789abcdef", 900, &err), -1);
	assert_non_null(strstr(err.msg, "it already exists"));
	assert_null(strstr(err.msg, "0123456789abcdef"));
}

static void a_token_that_is_there_after_a_failed_try_is_ours(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	server.answers[0] = server_json("500 Internal Server Error",
					"{\"message\":\"etcdserver: request timed out\"}");
	server.answers[1] = server_json("409 Conflict", "{}");
	assert_int_equal(kube_create_token(kube, "abc123.0123456789abcdef", 900, &err), 0);
	assert_int_equal(server.requests, 2);
}

static void a_token_that_is_there_after_a_lost_answer_is_ours(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	server.answers[0] = server_json("200 OK", "{}");
	server.answers[1] = server.answers[2] = ANSWER_HANG_UP;
	server.answers[3] = server_json("409 Conflict", "{}");
	assert_int_equal(kube_delete_token(kube, "abc123", &err), 0);
	assert_int_equal(kube_create_token(kube, "abc123.0123456789abcdef", 900, &err), 0);
	assert_int_equal(server.requests, 4);
}

static void a_token_is_deleted_by_its_id(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	server.answers[0] = server_json("200 OK", "{}");
	assert_int_equal(kube_delete_token(kube, "abc123", &err), 0);
	assert_int_equal(strncmp(buf_str(&server.request[0]), "DELETE /prefix/api/v1/namespaces/"
				 "kube-system/secrets/bootstrap-token-abc123 HTTP", 79), 0);
}

static void a_token_that_is_gone_already_is_deleted(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	server.answers[0] = server_json("404 Not Found", "{}");
	server.answers[1] = server_json("403 Forbidden", "{\"message\":\"no\"}");
	assert_int_equal(kube_delete_token(kube, "abc123", &err), 0);
	assert_int_equal(kube_delete_token(kube, "abc123", &err), -1);
	assert_non_null(strstr(err.msg, "no, HTTP 403"));
}

static void an_id_that_is_none_is_not_sent(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(kube_delete_token(kube, "../../x", &err), -1);
	assert_int_equal(server.requests, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_token_is_the_secret_kubeadm_expects, start, stop),
		cmocka_unit_test_setup_teardown(the_answer_does_not_carry_the_secret_back, start, stop),
		cmocka_unit_test_setup_teardown(what_is_no_token_is_not_sent, start, stop),
		cmocka_unit_test_setup_teardown(a_token_that_is_there_already_is_an_error_at_first, start,
						stop),
		cmocka_unit_test_setup_teardown(a_token_that_is_there_after_a_failed_try_is_ours, start,
						stop),
		cmocka_unit_test_setup_teardown(a_token_that_is_there_after_a_lost_answer_is_ours, start, stop),
		cmocka_unit_test_setup_teardown(a_token_is_deleted_by_its_id, start, stop),
		cmocka_unit_test_setup_teardown(a_token_that_is_gone_already_is_deleted, start, stop),
		cmocka_unit_test_setup_teardown(an_id_that_is_none_is_not_sent, start, stop),
	};

	return cmocka_run_group_tests(tests, make_test_certs, release_test_certs);
}
