#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kube/etcd.h"
#include "server.h"

/* What etcd 3.4.23 answers, but for the names. */
#define STATUS "{\"header\":{\"cluster_id\":\"2197681671502810121\",\"member_id\":\"18164219111581318612\",\"raft_term\":\"7\"}," \
	"\"version\":\"3.4.23\",\"dbSize\":\"1875968\",\"leader\":\"8071343210903762700\",\"raftIndex\":\"1247\",\"dbSizeInUse\":\"1871872\"}"
#define MEMBERS "{\"header\":{},\"members\":[{\"ID\":\"4592659175624878512\",\"name\":\"m3\",\"peerURLs\":[\"https://10.0.0.13:2380\"]," \
	"\"clientURLs\":[\"https://10.0.0.13:2379\"]},{\"ID\":\"18164219111581318612\",\"peerURLs\":[\"https://10.0.0.12:2380\"]}," \
	"{\"ID\":\"1\",\"name\":\"m1\",\"peerURLs\":[],\"isLearner\":true}]}"

struct way {
	struct server *s;
	int calls, fail;
};

static int dial(void *ctx, const char *host, int port, int *fd, struct err *err)
{
	struct way *w = ctx;
	int pair[2];

	(void)port;
	w->calls++;
	assert_string_equal(host, "127.0.0.1");
	if (w->fail)
		return err_set(err, ERR_FAILED, "administratively prohibited");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	server_take(w->s, pair[1]);
	*fd = pair[0];
	return 0;
}

static struct kube *open_etcd(int port, const struct kube_dial *d)
{
	struct buf ca = BUF_INIT, cert = BUF_INIT, key = BUF_INIT;
	auto_err struct err err = ERR_INIT;

	buf_puts(&ca, test_ca.cert_pem);
	buf_puts(&cert, test_client.cert_pem);
	buf_puts(&key, test_client.key_pem);
	struct kube *k = etcd_open("127.0.0.1", port, &ca, &cert, &key, d, &err);

	buf_release(&ca);
	buf_release(&cert);
	buf_wipe(&key);
	assert_non_null(k);
	return k;
}

static void a_member_tells_its_state_and_leader(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct etcd_state e;
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = server_json("200 OK", STATUS);
	s.answers[1] = server_json("200 OK", "{\"header\":{\"member_id\":\"5\"},\"version\":\"3.5.1\",\"isLearner\":true}");
	struct kube *k = open_etcd(s.port, NULL);

	assert_int_equal(etcd_state(k, 5000, &e, &err), 0);
	assert_true(e.id == 18164219111581318612u && e.leader == 8071343210903762700u);
	assert_string_equal(e.version, "3.4.23");
	assert_int_equal(e.db_size, 1875968);
	assert_int_equal(e.db_used, 1871872);
	assert_false(e.learner);
	assert_non_null(strstr(buf_str(&s.request[0]), "POST /v3/maintenance/status "));
	assert_string_equal(s.client[0], "kubernetes-admin");
	assert_int_equal(etcd_state(k, 5000, &e, &err), 0);
	assert_true(e.learner && e.leader == 0 && e.id == 5);
	kube_close(k);
	server_stop(&s);
}

static void members_that_never_started_have_no_name_and_learners_are_marked(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_etcd_members struct etcd_members l = { NULL, 0 };
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = server_json("200 OK", MEMBERS);
	struct kube *k = open_etcd(s.port, NULL);

	assert_int_equal(etcd_list_members(k, 5000, &l, &err), 0);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[0].name, "m3");
	assert_string_equal(l.v[0].client_url, "https://10.0.0.13:2379");
	assert_string_equal(l.v[1].name, "");
	assert_string_equal(l.v[1].peer_url, "https://10.0.0.12:2380");
	assert_string_equal(l.v[2].peer_url, "");
	assert_true(l.v[2].learner && !l.v[0].learner);
	assert_non_null(strstr(buf_str(&s.request[0]), "\"linearizable\":false"));
	kube_close(k);
	server_stop(&s);
}

static void a_member_is_taken_out_by_its_whole_id(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = server_json("200 OK", "{\"header\":{},\"members\":[]}");
	s.answers[1] = server_json("503 Service Unavailable", "{\"error\":\"etcdserver: unhealthy cluster\",\"message\":\"etcdserver: unhealthy cluster\",\"code\":14}");
	struct kube *k = open_etcd(s.port, NULL);

	assert_int_equal(etcd_remove_member(k, 5000, 18164219111581318612u, &err), 0);
	assert_non_null(strstr(buf_str(&s.request[0]), "POST /v3/cluster/member/remove "));
	assert_non_null(strstr(buf_str(&s.request[0]), "{\"ID\":\"18164219111581318612\"}"));
	assert_int_equal(etcd_remove_member(k, 5000, 1, &err), -1);
	assert_non_null(strstr(err.msg, "unhealthy cluster"));
	kube_close(k);
	server_stop(&s);
}

static void a_member_that_is_gone_already_is_removed_and_a_server_without_gateway_removes_nothing(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = server_json("404 Not Found", "{\"error\":\"etcdserver: member not found\",\"message\":\"etcdserver: member not found\",\"code\":5}");
	s.answers[1] = server_json("404 Not Found", "404 page not found");
	struct kube *k = open_etcd(s.port, NULL);

	assert_int_equal(etcd_remove_member(k, 5000, 1, &err), 0);
	assert_int_equal(etcd_remove_member(k, 5000, 1, &err), -1);
	assert_non_null(strstr(err.msg, "gateway"));
	kube_close(k);
	server_stop(&s);
}

static void alarms_are_named_with_their_member(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_strs struct strs l = STRS_INIT;
	struct server s;

	(void)state;
	server_start(&s);
	s.answers[0] = server_json("200 OK", "{}");
	s.answers[1] = server_json("200 OK", "{\"alarms\":[{\"memberID\":\"255\",\"alarm\":\"NOSPACE\"}]}");
	struct kube *k = open_etcd(s.port, NULL);

	assert_int_equal(etcd_list_alarms(k, 5000, &l, &err), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(etcd_list_alarms(k, 5000, &l, &err), 0);
	assert_string_equal(l.v[0], "NOSPACE ff");
	kube_close(k);
	server_stop(&s);
}

static void what_is_no_answer_of_etcd_is_an_error(void **state)
{
	static const char *const answers[] = { "[]", "{", "\"ok\"" };
	struct etcd_state e;
	struct server s;

	(void)state;
	server_start(&s);
	for (int i = 0; i < 3; i++)
		s.answers[i] = server_json("200 OK", answers[i]);
	s.answers[3] = server_json("404 Not Found", "404 page not found");
	s.answers[4] = server_json("503 Service Unavailable", "{\"error\":\"etcdserver: no leader\"}");
	struct kube *k = open_etcd(s.port, NULL);

	for (int i = 0; i < 5; i++) {
		auto_err struct err err = ERR_INIT;

		assert_int_equal(etcd_state(k, 5000, &e, &err), -1);
		if (i == 3)
			assert_string_equal(err.msg, "etcd has no JSON gateway (/v3/maintenance/status)");
	}
	kube_close(k);
	server_stop(&s);
}

/* Something else may listen on that port of the machine that hactl runs on. */
static void with_a_tunnel_the_direct_way_is_never_tried(void **state)
{
	auto_err struct err err = ERR_INIT, refused = ERR_INIT;
	struct server s, other;
	struct way w = { .s = &s };
	const struct kube_dial d = { dial, &w };
	struct etcd_state e;

	(void)state;
	server_start(&s);
	server_start(&other);
	s.answers[0] = server_json("200 OK", STATUS);
	struct kube *k = open_etcd(other.port, &d);

	assert_int_equal(etcd_state(k, 5000, &e, &err), 0);
	w.fail = 1;
	assert_int_equal(etcd_state(k, 5000, &e, &refused), -1);
	assert_int_equal(refused.kind, ERR_CONNECT);
	assert_non_null(strstr(refused.msg, "administratively prohibited"));
	assert_int_equal(w.calls, 2);
	assert_int_equal(other.connections, 0);
	kube_close(k);
	server_stop(&s);
	server_stop(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_tells_its_state_and_leader),
		cmocka_unit_test(members_that_never_started_have_no_name_and_learners_are_marked),
		cmocka_unit_test(a_member_is_taken_out_by_its_whole_id),
		cmocka_unit_test(a_member_that_is_gone_already_is_removed_and_a_server_without_gateway_removes_nothing),
		cmocka_unit_test(alarms_are_named_with_their_member),
		cmocka_unit_test(what_is_no_answer_of_etcd_is_an_error),
		cmocka_unit_test(with_a_tunnel_the_direct_way_is_never_tried),
	};

	return cmocka_run_group_tests(tests, make_test_certs, release_test_certs);
}
