#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
	snprintf(url, sizeof(url), "https://127.0.0.1:%d", server.port);
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

static const char *sent(int i)
{
	return buf_str(&server.request[i]);
}

static const char *sent_body(int i)
{
	const char *end = strstr(sent(i), "\r\n\r\n");

	return end ? end + 4 : "";
}

static void assert_sent(int i, const char *line)
{
	if (strncmp(sent(i), line, strlen(line)))
		fail_msg("sent '%.80s' instead of '%s'", sent(i), line);
}

static const char first_page[] =
	"{\"kind\":\"NodeList\",\"metadata\":{\"continue\":\"a/b=\"},\"items\":["
	"{\"metadata\":{\"name\":\"m1\",\"labels\":{\"node-role.kubernetes.io/master\":\"\"}},"
	"\"spec\":{\"taints\":[{\"key\":\"node-role.kubernetes.io/master\",\"effect\":\"NoSchedule\"},"
	"{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoExecute\"}]},"
	"\"status\":{\"addresses\":[{\"type\":\"Hostname\",\"address\":\"m1\"},"
	"{\"type\":\"InternalIP\",\"address\":\"10.0.0.1\"},{\"type\":\"InternalIP\",\"address\":\"fd00::1\"}],"
	"\"conditions\":[{\"type\":\"MemoryPressure\",\"status\":\"False\"},"
	"{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"KubeletReady\"}],"
	"\"nodeInfo\":{\"kubeletVersion\":\"v1.20.2\"}}}]}";

static const char second_page[] =
	"{\"kind\":\"NodeList\",\"metadata\":{},\"items\":["
	"{\"metadata\":{\"name\":\"w1\"},\"status\":{\"conditions\":[{\"type\":\"Ready\","
	"\"status\":\"False\",\"reason\":\"KubeletNotReady\",\"message\":\"cni config uninitialized\"}]}},"
	"{\"metadata\":{\"name\":\"w2\"}}, 7]}";

static void nodes_of_all_pages_are_read(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_kube_nodes struct kube_nodes l = { NULL, 0 };

	(void)state;
	server.answers[0] = server_json("200 OK", first_page);
	server.answers[1] = server_json("200 OK", second_page);
	assert_int_equal(kube_list_nodes(kube, &l, &err), 0);
	assert_sent(0, "GET /api/v1/nodes?limit=500 HTTP");
	assert_sent(1, "GET /api/v1/nodes?limit=500&continue=a%2Fb%3D HTTP");
	assert_int_equal(l.n, 4);
	assert_string_equal(l.v[0].name, "m1");
	assert_string_equal(l.v[0].version, "v1.20.2");
	assert_string_equal(l.v[0].internal_ip, "10.0.0.1");
	assert_true(l.v[0].ready && l.v[0].control_plane);
	assert_string_equal(l.v[0].not_ready_reason, "");
	assert_int_equal(l.v[0].labels.n, 1);
	assert_string_equal(l.v[0].labels.v[0], "node-role.kubernetes.io/master=");
	assert_int_equal(l.v[0].ntaints, 2);
	assert_string_equal(l.v[0].taints[0].key, "node-role.kubernetes.io/master");
	assert_string_equal(l.v[0].taints[1].value, "v");
	assert_string_equal(l.v[0].taints[1].effect, "NoExecute");
	assert_false(l.v[1].ready || l.v[1].control_plane);
	assert_string_equal(l.v[1].not_ready_reason, "KubeletNotReady: cni config uninitialized");
	assert_string_equal(l.v[2].not_ready_reason, "");
	assert_string_equal(l.v[3].name, "");
}

static void a_failing_list_leaves_the_result_alone(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct kube_nodes l = { NULL, 0 };

	(void)state;
	server.answers[0] = server_json("200 OK", first_page);
	server.answers[1] = server_json("410 Gone", "{\"message\":\"the token is too old\"}");
	assert_int_equal(kube_list_nodes(kube, &l, &err), -1);
	assert_non_null(strstr(err.msg, "the token is too old, HTTP 410"));
	assert_null(l.v);
}

static const char tainted[] =
	"{\"metadata\":{\"name\":\"m1\",\"resourceVersion\":\"41\"},\"spec\":{\"taints\":["
	"{\"key\":\"a\",\"effect\":\"NoSchedule\",\"timeAdded\":\"2026-01-01T00:00:00Z\"},"
	"{\"key\":\"b\",\"value\":\"1\",\"effect\":\"NoExecute\"}]}}";

static void a_taint_is_taken_away_and_the_others_stay_whole(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed = false;

	(void)state;
	server.answers[0] = server_json("200 OK", tainted);
	server.answers[1] = server_json("200 OK", "{}");
	assert_int_equal(kube_set_taint(kube, "m1", "b", "NoExecute", false, &changed, &err), 0);
	assert_true(changed);
	assert_sent(0, "GET /api/v1/nodes/m1 HTTP");
	assert_sent(1, "PATCH /api/v1/nodes/m1 HTTP");
	assert_non_null(strcasestr(sent(1), "content-type: application/merge-patch+json\r\n"));
	assert_string_equal(sent_body(1), "{\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":"
		"\"NoSchedule\",\"timeAdded\":\"2026-01-01T00:00:00Z\"}]},"
		"\"metadata\":{\"resourceVersion\":\"41\"}}");
}

static void a_taint_is_added_to_the_others(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed = false;

	(void)state;
	server.answers[0] = server_json("200 OK",
		"{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{}}");
	server.answers[1] = server_json("200 OK", "{}");
	assert_int_equal(kube_set_taint(kube, "m1", "k", "NoSchedule", true, &changed, &err), 0);
	assert_true(changed);
	assert_string_equal(sent_body(1), "{\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":"
		"\"NoSchedule\"}]},\"metadata\":{\"resourceVersion\":\"7\"}}");
}

static void a_taint_with_another_value_is_replaced(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed = false;

	(void)state;
	server.answers[0] = server.answers[1] = server_json("200 OK", tainted);
	server.answers[2] = server_json("200 OK", "{}");
	assert_int_equal(kube_set_taint_value(kube, "m1", "b", "1", "NoExecute", true, &changed, &err),
			 0);
	assert_false(changed);
	assert_int_equal(kube_set_taint_value(kube, "m1", "b", "2", "NoExecute", true, &changed, &err),
			 0);
	assert_true(changed);
	assert_string_equal(sent_body(2), "{\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":"
		"\"NoSchedule\",\"timeAdded\":\"2026-01-01T00:00:00Z\"},{\"key\":\"b\",\"value\":"
		"\"2\",\"effect\":\"NoExecute\"}]},\"metadata\":{\"resourceVersion\":\"41\"}}");
}

static void what_is_as_wanted_is_not_written(void **state)
{
	static const char *const labels[] = { "x/y", "z", NULL };
	auto_err struct err err = ERR_INIT;
	bool changed = true;

	(void)state;
	server.answers[0] = server.answers[1] = server_json("200 OK", tainted);
	server.answers[2] = server_json("200 OK", "{\"metadata\":{\"labels\":{\"x/y\":\"z\"}}}");
	assert_int_equal(kube_set_taint(kube, "m1", "a", "NoSchedule", true, &changed, &err), 0);
	assert_false(changed);
	/* The same key with another effect is another taint. */
	assert_int_equal(kube_set_taint(kube, "m1", "a", "NoExecute", false, &changed, &err), 0);
	assert_false(changed);
	assert_int_equal(kube_set_labels(kube, "m1", labels, &changed, &err), 0);
	assert_false(changed);
	assert_int_equal(server.requests, 3);
}

static void a_conflict_with_another_writer_is_tried_again(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed = false;

	(void)state;
	server.answers[0] = server.answers[2] = server_json("200 OK", tainted);
	server.answers[1] = server_json("409 Conflict", "{\"reason\":\"Conflict\"}");
	server.answers[3] = server_json("500 Internal Server Error",
		"{\"message\":\"etcdserver: leader changed\"}");
	server.answers[4] = server_json("200 OK",
		"{\"metadata\":{\"name\":\"m1\",\"resourceVersion\":\"42\"},\"spec\":{\"taints\":["
		"{\"key\":\"b\",\"effect\":\"NoExecute\"}]}}");
	server.answers[5] = server_json("200 OK", "{}");
	assert_int_equal(kube_set_taint(kube, "m1", "b", "NoExecute", false, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(server.requests, 6);
	assert_string_equal(sent_body(5), "{\"spec\":{\"taints\":[]},"
					  "\"metadata\":{\"resourceVersion\":\"42\"}}");
}

/* libcurl itself tries once more on a connection that it had used before. */
static void a_connection_that_is_lost_on_the_way_is_tried_again(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed = false;

	(void)state;
	server.answers[0] = server.answers[3] = server_json("200 OK", tainted);
	server.answers[1] = server.answers[2] = ANSWER_HANG_UP;
	server.answers[4] = server_json("200 OK", "{}");
	assert_int_equal(kube_set_taint(kube, "m1", "b", "NoExecute", false, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(server.requests, 5);
	assert_sent(2, "PATCH ");
	assert_sent(4, "PATCH ");
}

static void a_change_that_was_made_without_an_answer_is_a_change(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed = false;

	(void)state;
	server.answers[0] = server_json("200 OK", tainted);
	server.answers[1] = server.answers[2] = ANSWER_HANG_UP;
	server.answers[3] = server_json("200 OK", "{\"metadata\":{\"name\":\"m1\"},\"spec\":{}}");
	assert_int_equal(kube_set_taint(kube, "m1", "b", "NoExecute", false, &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(server.requests, 4);
}

static void a_server_that_never_answered_is_not_waited_for(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed;

	(void)state;
	server.answers[0] = ANSWER_HANG_UP;
	assert_int_equal(kube_set_taint(kube, "m1", "b", "NoExecute", false, &changed, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_int_equal(server.requests, 1);
}

static void a_run_that_ends_does_not_wait_for_the_server(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed;
	int stop = 1;

	(void)state;
	server.answers[0] = server_json("200 OK", tainted);
	server.answers[1] = server.answers[2] = ANSWER_HANG_UP;
	kube_stop_when(kube, &stop);
	assert_int_equal(kube_set_taint(kube, "m1", "b", "NoExecute", false, &changed, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_int_equal(server.requests, 3);
}

static void a_node_that_does_not_exist_is_not_tried_again(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed;

	(void)state;
	server.answers[0] = server_json("404 Not Found",
		"{\"kind\":\"Status\",\"message\":\"nodes \\\"m9\\\" not found\"}");
	assert_int_equal(kube_set_taint(kube, "m9", "b", "NoExecute", false, &changed, &err), -1);
	assert_int_equal(err.kind, ERR_FAILED);
	assert_non_null(strstr(err.msg, "GET /api/v1/nodes/m9: nodes \"m9\" not found, HTTP 404"));
	assert_int_equal(server.requests, 1);
}

static void a_node_name_cannot_leave_its_place_in_the_path(void **state)
{
	auto_err struct err err = ERR_INIT;
	bool changed;

	(void)state;
	server.answers[0] = server_json("404 Not Found", "{}");
	assert_int_equal(kube_set_taint(kube, "../x?y", "b", "NoExecute", false, &changed, &err), -1);
	assert_sent(0, "GET /api/v1/nodes/..%2Fx%3Fy HTTP");
}

static void labels_that_differ_are_set(void **state)
{
	static const char *const pairs[] = { "same", "1", "other", "2", "new", "\"3\"", NULL };
	auto_err struct err err = ERR_INIT;
	bool changed = false;

	(void)state;
	server.answers[0] = server_json("200 OK", "{\"metadata\":{\"resourceVersion\":\"5\","
		"\"labels\":{\"same\":\"1\",\"other\":\"1\",\"mine\":\"x\"}}}");
	server.answers[1] = server_json("200 OK", "{}");
	assert_int_equal(kube_set_labels(kube, "m1", pairs, &changed, &err), 0);
	assert_true(changed);
	assert_string_equal(sent_body(1), "{\"metadata\":{\"labels\":{\"other\":\"2\",\"new\":"
		"\"\\\"3\\\"\"},\"resourceVersion\":\"5\"}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nodes_of_all_pages_are_read, start, stop),
		cmocka_unit_test_setup_teardown(a_failing_list_leaves_the_result_alone, start, stop),
		cmocka_unit_test_setup_teardown(a_taint_is_taken_away_and_the_others_stay_whole, start,
						stop),
		cmocka_unit_test_setup_teardown(a_taint_is_added_to_the_others, start, stop),
		cmocka_unit_test_setup_teardown(a_taint_with_another_value_is_replaced, start, stop),
		cmocka_unit_test_setup_teardown(what_is_as_wanted_is_not_written, start, stop),
		cmocka_unit_test_setup_teardown(a_conflict_with_another_writer_is_tried_again, start, stop),
		cmocka_unit_test_setup_teardown(a_connection_that_is_lost_on_the_way_is_tried_again, start, stop),
		cmocka_unit_test_setup_teardown(a_change_that_was_made_without_an_answer_is_a_change, start, stop),
		cmocka_unit_test_setup_teardown(a_server_that_never_answered_is_not_waited_for, start, stop),
		cmocka_unit_test_setup_teardown(a_run_that_ends_does_not_wait_for_the_server, start, stop),
		cmocka_unit_test_setup_teardown(a_node_that_does_not_exist_is_not_tried_again, start, stop),
		cmocka_unit_test_setup_teardown(a_node_name_cannot_leave_its_place_in_the_path, start, stop),
		cmocka_unit_test_setup_teardown(labels_that_differ_are_set, start, stop),
	};

	return cmocka_run_group_tests(tests, make_test_certs, release_test_certs);
}
