#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kubeadm/kubeadm.h"

static void versions_are_read_as_kubeadm_prints_them(void **state)
{
	static const char *const bad[] = { "", "v", "1.20", "v1.20.x", "1.2.3 ", "v1.20.2\x1b", "1.999999.1",
					   "stable" };
	struct kubeadm_version v = { 0, 0, 0 };
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(kubeadm_parse_version("v1.31.4-rc.1+a1b2", &v, &err), 0);
	assert_true(v.major == 1 && v.minor == 31 && v.patch == 4);
	assert_int_equal(kubeadm_parse_version("1.20.2", &v, &err), 0);
	assert_true(v.major == 1 && v.minor == 20 && v.patch == 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_err struct err why = ERR_INIT;

		assert_int_equal(kubeadm_parse_version(bad[i], &v, &why), -1);
		assert_non_null(strstr(why.msg, "is no Kubernetes version"));
	}
	assert_int_equal(v.minor, 20);
}

static enum kubeadm_api api_for(int minor)
{
	const struct kubeadm_version v = { 1, minor, 0 };
	auto_err struct err err = ERR_INIT;
	enum kubeadm_api api = KUBEADM_NONE;

	assert_int_equal(kubeadm_api_for(&v, &api, &err), 0);
	return api;
}

static void each_kubeadm_gets_the_newest_version_it_reads_without_a_flag(void **state)
{
	(void)state;
	assert_int_equal(api_for(13), KUBEADM_V1BETA1);
	assert_int_equal(api_for(14), KUBEADM_V1BETA1);
	assert_int_equal(api_for(15), KUBEADM_V1BETA2);
	assert_int_equal(api_for(20), KUBEADM_V1BETA2);
	assert_int_equal(api_for(22), KUBEADM_V1BETA3);
	assert_int_equal(api_for(30), KUBEADM_V1BETA3);
	assert_int_equal(api_for(31), KUBEADM_V1BETA4);
	assert_int_equal(api_for(40), KUBEADM_V1BETA4);
}

static void a_kubeadm_before_1_13_is_refused(void **state)
{
	const struct kubeadm_version v = { 1, 12, 3 };
	auto_err struct err err = ERR_INIT;
	enum kubeadm_api api;

	(void)state;
	assert_int_equal(kubeadm_api_for(&v, &api, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_non_null(strstr(err.msg, "kubeadm 1.12.3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_read_as_kubeadm_prints_them),
		cmocka_unit_test(each_kubeadm_gets_the_newest_version_it_reads_without_a_flag),
		cmocka_unit_test(a_kubeadm_before_1_13_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
