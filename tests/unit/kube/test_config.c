#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server.h"

static struct buf good;

static int make_good(void **state)
{
	if (make_test_certs(state))
		return -1;
	kubeconfig_for(&good, "https://10.0.0.9:6443", &test_ca, &test_client, "");
	return 0;
}

static int release_good(void **state)
{
	buf_wipe(&good);
	return release_test_certs(state);
}

/* The good kubeconfig with its first from replaced by to. */
static void expect_error(const char *from, const char *to, const char *message)
{
	auto_err struct err err = ERR_INIT;
	auto_wipe struct buf text = BUF_INIT;
	const char *at = strstr(buf_str(&good), from);

	assert_non_null(at);
	buf_add(&text, good.data, (size_t)(at - good.data));
	buf_puts(&text, to);
	buf_puts(&text, at + strlen(from));
	struct kube *k = kube_open("admin.conf", buf_str(&text), text.len, NULL, &err);

	if (k)
		fail_msg("'%s' was taken", to);
	if (!strstr(err.msg, message))
		fail_msg("%s", err.msg);
	assert_non_null(strstr(err.msg, "admin.conf"));
	assert_null(strstr(err.msg, "PRIVATE"));
}

static void the_kubeconfig_of_kubeadm_is_read(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct kube *k = kube_open("admin.conf", buf_str(&good), good.len, NULL, &err);

	(void)state;
	assert_non_null(k);
	kube_close(k);
}

static void a_server_may_be_an_ipv6_address_or_have_a_path(void **state)
{
	static const char *const urls[] = { "https://[fd00::9]:6443", "https://x.test/k8s/clusters/1/",
					    "https://x.test" };

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		auto_err struct err err = ERR_INIT;
		auto_wipe struct buf text = BUF_INIT;

		kubeconfig_for(&text, urls[i], &test_ca, &test_client, "");
		struct kube *k = kube_open("admin.conf", buf_str(&text), text.len, NULL, &err);

		assert_non_null(k);
		kube_close(k);
	}
}

static void what_is_no_https_address_is_located(void **state)
{
	static const char *const urls[] = { "http://10.0.0.9:6443", "10.0.0.9:6443", "https://",
		"https://user:word@10.0.0.9", "https://10.0.0.9:6443?x=1", "https://10.0.0.9:99999" };

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		expect_error("https://10.0.0.9:6443", urls[i], "is no server address");
	expect_error("https://10.0.0.9:6443", "", "no 'server'");
}

static void a_missing_part_is_named(void **state)
{
	(void)state;
	expect_error("current-context: c", "current-context: ''", "has no current-context");
	expect_error("current-context: c", "current-context: d", "no 'd' in 'contexts'");
	expect_error("cluster: test, ", "cluster: other, ", "no 'other' in 'clusters'");
	expect_error("user: admin", "user: nobody", "no 'nobody' in 'users'");
	expect_error("cluster: test, ", "", "a context needs a 'cluster' and a 'user'");
	expect_error("clusters:\n", "clusterz:\n", "no 'test' in 'clusters'");
	expect_error("client-key-data", "client-kex-data", "no 'client-key-data'");
	expect_error("certificate-authority-data", "authority-data", "no 'certificate-authority-data'");
}

static void a_file_that_is_no_kubeconfig_is_told(void **state)
{
	static const char *const texts[] = { "", "---\n", "[1, 2]\n", "just words\n", "a: {b\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		auto_err struct err err = ERR_INIT;

		assert_null(kube_open("admin.conf", texts[i], strlen(texts[i]), NULL, &err));
		assert_non_null(strstr(err.msg, "admin.conf"));
	}
}

static void what_would_make_the_connection_unsafe_or_other_is_refused(void **state)
{
	(void)state;
	expect_error("    server:", "    insecure-skip-tls-verify: true\n    server:",
		     "'insecure-skip-tls-verify' is not supported");
	expect_error("    server:", "    proxy-url: http://p\n    server:", "'proxy-url' is not supported");
	expect_error("    client-certificate-data", "    exec: {}\n    client-certificate-data",
		     "'exec' is not supported");
	expect_error("    client-certificate-data", "    client-key: a.key\n    client-certificate-data",
		     "'client-key' is not supported");
}

static void damaged_base64_is_located_and_not_shown(void **state)
{
	(void)state;
	expect_error("client-key-data: ", "client-key-data: '!'\n    x: ",
		     "'client-key-data' is not base64: bad character at byte 1");
	expect_error("certificate-authority-data: ", "certificate-authority-data: TUlJ\n    x: ",
		     "holds no certificate");
}

static void a_key_of_another_certificate_is_told(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_wipe struct buf text = BUF_INIT;
	struct cert mixed = test_client;

	(void)state;
	mixed.key_pem = test_server.key_pem;
	kubeconfig_for(&text, "https://10.0.0.9:6443", &test_ca, &mixed, "");
	assert_null(kube_open("admin.conf", buf_str(&text), text.len, NULL, &err));
	assert_string_equal(err.msg, "'admin.conf: client-key-data' does not belong to "
				     "'admin.conf: client-certificate-data'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kubeconfig_of_kubeadm_is_read),
		cmocka_unit_test(a_server_may_be_an_ipv6_address_or_have_a_path),
		cmocka_unit_test(what_is_no_https_address_is_located),
		cmocka_unit_test(a_missing_part_is_named),
		cmocka_unit_test(a_file_that_is_no_kubeconfig_is_told),
		cmocka_unit_test(what_would_make_the_connection_unsafe_or_other_is_refused),
		cmocka_unit_test(damaged_base64_is_located_and_not_shown),
		cmocka_unit_test(a_key_of_another_certificate_is_told),
	};

	return cmocka_run_group_tests(tests, make_good, release_good);
}
