#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kube/kube.h"

static const char admin[] =
	"apiVersion: v1\n"
	"clusters:\n"
	"- cluster:\n"
	"    certificate-authority-data: Q0E=\n"
	"    server: https://10.0.0.9:6443\n"
	"  name: kubernetes\n"
	"contexts:\n"
	"- context:\n"
	"    cluster: kubernetes\n"
	"    user: kubernetes-admin\n"
	"  name: kubernetes-admin@kubernetes\n"
	"current-context: kubernetes-admin@kubernetes\n"
	"kind: Config\n"
	"preferences: {}\n"
	"users:\n"
	"- name: kubernetes-admin\n"
	"  user:\n"
	"    client-certificate-data: Q0VSVA==\n"
	"    client-key-data: S0VZ\n";

static void expect(const char *old, const char *context, const char *result)
{
	auto_err struct err err = ERR_INIT;
	auto_wipe struct buf out = BUF_INIT;

	if (kube_merge_config("config", old, strlen(old), admin, strlen(admin), context, &out, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(buf_str(&out), result);
	assert_int_equal(out.len, strlen(result));
}

static void expect_error(const char *old, const char *message)
{
	auto_err struct err err = ERR_INIT;
	auto_wipe struct buf out = BUF_INIT;

	buf_puts(&out, "as it was");
	if (kube_merge_config("config", old, strlen(old), admin, strlen(admin), "prod", &out, &err) == 0)
		fail_msg("%s", buf_str(&out));
	if (!strstr(err.msg, message))
		fail_msg("%s", err.msg);
	assert_string_equal(buf_str(&out), "as it was");
}

#define CLUSTER \
	"- cluster:\n" \
	"    certificate-authority-data: Q0E=\n" \
	"    server: https://10.0.0.9:6443\n" \
	"  name: prod\n"
#define CONTEXT \
	"- context:\n" \
	"    cluster: prod\n" \
	"    user: prod\n" \
	"  name: prod\n"
#define USER \
	"- user:\n" \
	"    client-certificate-data: Q0VSVA==\n" \
	"    client-key-data: S0VZ\n" \
	"  name: prod\n"

static void an_empty_file_becomes_a_kubeconfig(void **state)
{
	static const char result[] =
		"apiVersion: v1\nkind: Config\nclusters:\n" CLUSTER "contexts:\n" CONTEXT
		"users:\n" USER "current-context: prod\n";

	(void)state;
	expect("", "prod", result);
	expect("# mine\n", "prod", "# mine\n"
		"apiVersion: v1\nkind: Config\nclusters:\n" CLUSTER "contexts:\n" CONTEXT
		"users:\n" USER "current-context: prod\n");
}

static void merging_twice_changes_nothing(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_wipe struct buf once = BUF_INIT;

	(void)state;
	assert_int_equal(kube_merge_config("config", "", 0, admin, strlen(admin), "prod", &once, &err), 0);
	expect(buf_str(&once), "prod", buf_str(&once));
}

static void without_a_context_the_names_stay(void **state)
{
	(void)state;
	expect(admin, NULL, admin);
}

static void the_lists_of_kubectl_grow_at_their_end(void **state)
{
	static const char old[] =
		"apiVersion: v1\n"
		"clusters:\n"
		"- cluster: # at home\n"
		"    server: https://home\n"
		"    extensions: [{name: x, extension: {a: 1}}]\n"
		"  name: home # that's it\n"
		"contexts:\n"
		"- context: {cluster: home, user: me}\n"
		"  name: home\n"
		"current-context: home\n"
		"kind: Config\n"
		"users:\n"
		"- name: me\n"
		"  user:\n"
		"    exec:\n"
		"      args: [a, 'b']\n"
		"      command: |\n"
		"        aws\n"
		"\n"
		"# the end\n";

	(void)state;
	expect(old, "prod",
		"apiVersion: v1\n"
		"clusters:\n"
		"- cluster: # at home\n"
		"    server: https://home\n"
		"    extensions: [{name: x, extension: {a: 1}}]\n"
		"  name: home # that's it\n"
		CLUSTER
		"contexts:\n"
		"- context: {cluster: home, user: me}\n"
		"  name: home\n"
		CONTEXT
		"current-context: prod\n"
		"kind: Config\n"
		"users:\n"
		"- name: me\n"
		"  user:\n"
		"    exec:\n"
		"      args: [a, 'b']\n"
		"      command: |\n"
		"        aws\n"
		USER
		"\n"
		"# the end\n");
}

static void an_entry_of_the_same_name_is_replaced_in_its_place(void **state)
{
	static const char old[] =
		"clusters:\n"
		"  - name: prod\n"
		"    cluster: {server: https://old}\n"
		"  - name: home\n"
		"    cluster: {server: https://home}\n"
		"contexts:\n"
		"  - {name: prod, context: {cluster: a, user: b}} # c\n"
		"users:\n"
		"  - name: prod\n"
		"    user:\n"
		"      token: |\n"
		"        abc\n"
		"current-context: ''\n";

	(void)state;
	expect(old, "prod",
		"clusters:\n"
		"  - cluster:\n"
		"      certificate-authority-data: Q0E=\n"
		"      server: https://10.0.0.9:6443\n"
		"    name: prod\n"
		"  - name: home\n"
		"    cluster: {server: https://home}\n"
		"contexts:\n"
		"  - {\"name\": \"prod\", \"context\": {cluster: prod, user: prod}} # c\n"
		"users:\n"
		"  - user:\n"
		"      client-certificate-data: Q0VSVA==\n"
		"      client-key-data: S0VZ\n"
		"    name: prod\n"
		"current-context: prod\n");
}

static void lists_that_are_empty_are_filled(void **state)
{
	(void)state;
	expect("apiVersion: v1\nclusters: []\ncontexts: null # none\nusers:\nkind: Config\n"
	       "current-context:\npreferences: {}\n", "prod",
	       "apiVersion: v1\nclusters:\n" CLUSTER
	       "contexts:\n- context:\n    cluster: prod\n    user: prod\n  name: prod # none\n"
	       "users:\n" USER "kind: Config\ncurrent-context: prod\npreferences: {}\n");
}

static void a_file_in_json_stays_json(void **state)
{
	(void)state;
	expect("{\"kind\": \"Config\", \"clusters\": [{\"name\": \"a\", \"cluster\": {}}], \"users\": []}\n",
	       "prod",
	       "{\"kind\": \"Config\", \"clusters\": [{\"name\": \"a\", \"cluster\": {}}, "
	       "{\"name\": \"prod\", \"cluster\": {certificate-authority-data: Q0E=, "
	       "server: https://10.0.0.9:6443}}], \"users\": [{\"name\": \"prod\", \"user\": "
	       "{client-certificate-data: Q0VSVA==, client-key-data: S0VZ}}], "
	       "\"contexts\": [{\"name\": \"prod\", \"context\": {cluster: prod, user: prod}}], "
	       "\"current-context\": prod}\n");
}

static void a_last_line_without_its_end_gets_one(void **state)
{
	(void)state;
	expect("kind: Config\nclusters: []\ncontexts: []\nusers:\n- name: me\n  user: {}", "prod",
	       "kind: Config\nclusters:\n" CLUSTER "contexts:\n" CONTEXT
	       "users:\n- name: me\n  user: {}\n" USER "current-context: prod\n");
}

static void a_context_is_quoted_where_yaml_would_read_something_else(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_wipe struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(kube_merge_config("config", "", 0, admin, strlen(admin), "no", &out, &err), 0);
	assert_non_null(strstr(buf_str(&out), "current-context: \"no\"\n"));
	assert_int_equal(kube_merge_config("config", "", 0, admin, strlen(admin), "1.20", &out, &err), 0);
	assert_non_null(strstr(buf_str(&out), "    cluster: \"1.20\"\n"));
	assert_int_equal(kube_merge_config("config", "", 0, admin, strlen(admin), "a: \"b\"", &out, &err),
			 0);
	assert_non_null(strstr(buf_str(&out), "current-context: \"a: \\\"b\\\"\"\n"));
}

static void anchors_that_others_use_are_not_broken(void **state)
{
	(void)state;
	expect_error("clusters:\n- name: prod\n  cluster: &c {server: https://a}\n"
		     "- name: b\n  cluster: *c\ncontexts: []\nusers: []\n", "laid out in a way");
}

static void anchors_elsewhere_do_not_matter(void **state)
{
	(void)state;
	expect("clusters:\n- name: a\n  cluster: &c {server: https://a}\n- name: b\n  cluster: *c\n",
	       "prod",
	       "clusters:\n- name: a\n  cluster: &c {server: https://a}\n- name: b\n  cluster: *c\n"
	       CLUSTER "contexts:\n" CONTEXT "users:\n" USER "current-context: prod\n");
}

static void what_is_no_kubeconfig_is_left_alone(void **state)
{
	(void)state;
	expect_error("- a\n", "config:1:1: a kubeconfig is a map");
	expect_error("a: b\n---\nc: d\n", "more than one document");
	expect_error("clusters: {a: b}\n", "'clusters' must be a list");
	expect_error("clusters: [\n", "config:");
	expect_error("a: 1\na: 2\n", "config:2:1");
}

static void a_new_kubeconfig_must_be_whole(void **state)
{
	static const char *const bad[] = { "", "current-context: x\n", "[]", "current-context: x\n"
		"contexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c}]\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		auto_err struct err err = ERR_INIT;
		auto_wipe struct buf out = BUF_INIT;

		assert_int_equal(kube_merge_config("config", "", 0, bad[i], strlen(bad[i]), NULL, &out,
						   &err), -1);
		assert_non_null(strstr(err.msg, "the new kubeconfig"));
	}
}

static void windows_line_ends_stay(void **state)
{
	(void)state;
	expect("clusters:\r\n- name: a\r\n  cluster: {}\r\ncontexts: []\r\nusers: []\r\n"
	       "current-context: a\r\n", "prod",
	       "clusters:\r\n- name: a\r\n  cluster: {}\r\n" CLUSTER "contexts:\n- context:\n"
	       "    cluster: prod\n    user: prod\n  name: prod\r\nusers:\n- user:\n"
	       "    client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ\n  name: prod\r\n"
	       "current-context: prod\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_becomes_a_kubeconfig),
		cmocka_unit_test(merging_twice_changes_nothing),
		cmocka_unit_test(without_a_context_the_names_stay),
		cmocka_unit_test(the_lists_of_kubectl_grow_at_their_end),
		cmocka_unit_test(an_entry_of_the_same_name_is_replaced_in_its_place),
		cmocka_unit_test(lists_that_are_empty_are_filled),
		cmocka_unit_test(a_file_in_json_stays_json),
		cmocka_unit_test(a_last_line_without_its_end_gets_one),
		cmocka_unit_test(a_context_is_quoted_where_yaml_would_read_something_else),
		cmocka_unit_test(anchors_that_others_use_are_not_broken),
		cmocka_unit_test(anchors_elsewhere_do_not_matter),
		cmocka_unit_test(what_is_no_kubeconfig_is_left_alone),
		cmocka_unit_test(a_new_kubeconfig_must_be_whole),
		cmocka_unit_test(windows_line_ends_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
