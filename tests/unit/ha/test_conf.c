#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "ha/ha.h"

static const struct ha_peer peers4[] = {
	{ "m1", "10.230.255.11", "eth0", 24, 0 },
	{ "m2", "10.230.255.12", "eth0", 24, 0 },
	{ "m3", "10.230.255.13", "bond0.12", 24, 0 },
};

static const struct ha_peer peers6[] = {
	{ "m1", "fd00:10:230:255::11", "eth0", 64, 0 },
	{ "m2", "fd00:10:230:255::12", "eth0", 64, 0 },
	{ "m3", "fd00:10:230:255::13", "eth0", 64, 0 },
};

static const struct ha_vip vip4 = {
	.address = "10.230.255.168", .virtual_router_id = 51, .password = "s3cret", .unicast = true,
	.timing = { .version = 3, .advert_ms = 200, .check_ms = 200, .fall = 2, .rise = 2 },
	.api_port = 6443, .peers = peers4, .npeers = 3,
};
static const struct ha_vip vip6 = {
	.address = "fd00:10:230:255::168", .virtual_router_id = 51, .unicast = true,
	.timing = { .version = 3, .advert_ms = 200, .check_ms = 200, .fall = 2, .rise = 2 },
	.api_port = 6443, .peers = peers6, .npeers = 3,
};

static struct ha_vip with_version_2(void)
{
	struct ha_vip v = vip4;

	v.timing = ha_timing_default(2);
	return v;
}

static void text_equals_golden(const struct buf *got, const char *name)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf want = BUF_INIT;
	auto_free char *path = NULL;

	assert_true(asprintf(&path, "tests/golden/ha/%s", name) > 0);
	if (getenv("GOLDEN_WRITE"))
		assert_int_equal(file_write(path, buf_str(got), got->len, 0644, &err), 0);
	assert_int_equal(file_read(path, 1 << 16, &want, &err), 0);
	assert_string_equal(buf_str(got), buf_str(&want));
}

static void equals_golden(int (*write)(const struct ha_vip *, size_t, struct buf *, struct err *),
			  const struct ha_vip *v, size_t self, const char *name)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf got = BUF_INIT;

	assert_int_equal(write(v, self, &got, &err), 0);
	text_equals_golden(&got, name);
}

static void refused(const struct ha_vip *v, const char *message)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf conf = BUF_INIT;

	assert_int_equal(ha_keepalived_conf(v, 0, &conf, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_non_null(strstr(err.msg, message));
	assert_int_equal(conf.len, 0);
}

static void three_nodes_are_each_others_unicast_peers(void **state)
{
	(void)state;
	equals_golden(ha_keepalived_conf, &vip4, 0, "ipv4-m1.conf");
	equals_golden(ha_keepalived_conf, &vip4, 1, "ipv4-m2.conf");
	equals_golden(ha_keepalived_conf, &vip4, 2, "ipv4-m3.conf");
}

static void ipv6_takes_version_3_without_a_password(void **state)
{
	(void)state;
	equals_golden(ha_keepalived_conf, &vip6, 2, "ipv6-m3.conf");
}

static void version_2_has_the_password_and_whole_seconds(void **state)
{
	struct ha_vip v = with_version_2();

	(void)state;
	equals_golden(ha_keepalived_conf, &v, 1, "version2-m2.conf");
}

static void nobody_has_a_bonus_where_the_first_node_shall_preempt(void **state)
{
	struct ha_vip v = vip4;

	(void)state;
	v.timing.preempt = true;
	equals_golden(ha_keepalived_conf, &v, 0, "preempt-m1.conf");
}

static void a_second_vip_of_the_other_family_moves_along(void **state)
{
	struct ha_peer peers[3] = { peers4[0], peers4[1], peers4[2] };
	struct ha_vip v = vip4;

	(void)state;
	for (int i = 0; i < 3; i++)
		peers[i].second_prefix = 64;
	v.peers = peers;
	v.second = "fd00:10:230:255::168";
	equals_golden(ha_keepalived_conf, &v, 1, "both-m2.conf");
	v.second = "10.230.255.169";
	refused(&v, "not one of IPv4 and one of IPv6");
}

static void an_included_file_leaves_the_global_settings_to_others(void **state)
{
	struct ha_vip v = vip4;

	(void)state;
	v.included = true;
	equals_golden(ha_keepalived_conf, &v, 0, "included-m1.conf");
}

static int write_haproxy(const struct ha_vip *v, size_t self, struct buf *out, struct err *err)
{
	(void)self;
	return ha_haproxy_cfg(v, out, err);
}

static void haproxy_has_all_api_servers_and_is_what_the_check_asks(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct ha_vip v = vip4;

	(void)state;
	v.balancer_port = 8443;
	equals_golden(write_haproxy, &v, 0, "haproxy.cfg");
	equals_golden(ha_check_script, &v, 0, "haproxy-m1.sh");
	v = vip6;
	v.balancer_port = 8443;
	equals_golden(write_haproxy, &v, 0, "haproxy-ipv6.cfg");
	v.balancer_port = 6443;
	assert_int_equal(ha_haproxy_cfg(&v, &out, &err), -1);
	assert_non_null(strstr(err.msg, "cannot both listen on port 6443"));
}

static void kube_vip_is_a_static_pod_on_the_nodes_own_interface(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct ha_kube_vip k = {
		.address = "192.0.2.9", .interface = "bond0.12", .image = "example.com/kube-vip:v0.9.2",
		.kubeconfig = "/etc/kubernetes/admin.conf", .api_port = 6443,
	};

	(void)state;
	assert_int_equal(ha_kube_vip_manifest(&k, &out, &err), 0);
	text_equals_golden(&out, "kube-vip-m3.yaml");
	k.second = "2001:db8::9";
	buf_clear(&out);
	assert_int_equal(ha_kube_vip_manifest(&k, &out, &err), 0);
	assert_non_null(strstr(buf_str(&out), "{name: address, value: \"192.0.2.9,2001:db8::9\"}"));
	k.image = "a\"b";
	assert_int_equal(ha_kube_vip_manifest(&k, &out, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
}

static void slow_checks_take_a_run_of_whole_seconds(void **state)
{
	struct ha_vip v = vip4;

	(void)state;
	v.timing.check_ms = 1500;
	v.timing.fall = 4;
	assert_int_equal(ha_run_ms(&v.timing), 2000);
	equals_golden(ha_keepalived_conf, &v, 0, "slow-m1.conf");
	equals_golden(ha_check_script, &v, 0, "slow-m1.sh");
}

static void the_script_asks_the_node_itself(void **state)
{
	(void)state;
	equals_golden(ha_check_script, &vip4, 0, "ipv4-m1.sh");
	equals_golden(ha_check_script, &vip6, 1, "ipv6-m2.sh");
}

static void multicast_and_a_single_node_have_no_list_of_peers(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf multicast = BUF_INIT, single = BUF_INIT;
	struct ha_vip v = vip4;

	(void)state;
	v.unicast = false;
	assert_int_equal(ha_keepalived_conf(&v, 1, &multicast, &err), 0);
	assert_null(strstr(buf_str(&multicast), "unicast"));
	v = vip4;
	v.npeers = 1;
	assert_int_equal(ha_keepalived_conf(&v, 0, &single, &err), 0);
	assert_null(strstr(buf_str(&single), "unicast"));
}

static void a_password_is_read_back(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf conf = BUF_INIT;
	auto_free char *password = NULL, *none = NULL, *commented = NULL;
	const struct ha_vip v = with_version_2();

	(void)state;
	assert_int_equal(ha_keepalived_conf(&v, 1, &conf, &err), 0);
	assert_int_equal(ha_version_of(buf_str(&conf)), 2);
	assert_true(ha_is_ours(buf_str(&conf)));
	password = ha_password_of(buf_str(&conf));
	assert_string_equal(password, "s3cret");
	none = ha_password_of("vrrp_instance x {\n\tauth_pass\n\tpriority 100\n}\n");
	assert_null(none);
	commented = ha_password_of("# auth_pass old\nauth_pass new");
	assert_string_equal(commented, "new");
}

static void files_of_others_are_not_ours(void **state)
{
	(void)state;
	assert_false(ha_is_ours(""));
	assert_false(ha_is_ours("! Configuration File for keepalived\n"));
	assert_false(ha_is_ours("\n# Written by hactl\n"));
}

static void what_would_break_the_file_is_refused(void **state)
{
	struct ha_peer hostile[2] = { peers4[0], peers4[1] };
	struct ha_vip v = vip4;

	(void)state;
	v.timing = ha_timing_default(2);
	v.password = "123456789";
	refused(&v, "1 to 8 printable");
	v.password = "a\nb";
	refused(&v, "1 to 8 printable");
	v = vip4;
	v.virtual_router_id = 256;
	refused(&v, "virtualRouterID 256");
	v = vip4;
	v.address = "10.0.0.300";
	refused(&v, "'10.0.0.300' is no IPv4 or IPv6 address");
	v = vip4;
	v.address = peers4[1].address;
	refused(&v, "node m2: '10.230.255.12' is the VIP");
	v = vip4;
	v.peers = hostile;
	v.npeers = 2;
	hostile[1].interface = "eth0\n}";
	refused(&v, "no name of a network interface");
	hostile[1] = peers6[1];
	refused(&v, "is no IPv4 address");
	hostile[1] = peers4[1];
	hostile[1].name = "m2 {";
	refused(&v, "cannot be the name of a node");
	hostile[1] = peers4[1];
	hostile[1].prefix = 33;
	refused(&v, "/33 is no prefix length");
	v = vip4;
	v.npeers = ha_max_peers() + 1;
	refused(&v, "VRRP has priorities for 1 to 60");
}

static void timing_that_vrrp_cannot_have_is_refused(void **state)
{
	struct ha_vip v = vip4;

	(void)state;
	v.timing.advert_ms = 205;
	refused(&v, "version 3 takes 50 to 40000 ms in steps of 10");
	v.timing = ha_timing_default(2);
	v.timing.advert_ms = 1500;
	refused(&v, "version 2 takes 1000 to 40000 ms in steps of 1000");
	v.timing = ha_timing_default(4);
	refused(&v, "not 4");
	v = vip6;
	v.timing = ha_timing_default(2);
	refused(&v, "version 2 has no IPv6");
	v = vip4;
	v.timing.fall = 0;
	refused(&v, "fall 0");
}

static void hosts_that_would_run_as_shell_are_refused(void **state)
{
	static const char *const hosts[] = { "", "-x", "a'b", "$(id)", "a;b", "a b", "a/b" };

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		auto_err struct err err = ERR_INIT;
		auto_buf struct buf script = BUF_INIT;
		struct ha_vip v = vip4;

		v.check_host = hosts[i];
		assert_int_equal(ha_check_script(&v, 0, &script, &err), -1);
		assert_int_equal(err.kind, ERR_CONFIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_nodes_are_each_others_unicast_peers),
		cmocka_unit_test(ipv6_takes_version_3_without_a_password),
		cmocka_unit_test(version_2_has_the_password_and_whole_seconds),
		cmocka_unit_test(nobody_has_a_bonus_where_the_first_node_shall_preempt),
		cmocka_unit_test(a_second_vip_of_the_other_family_moves_along),
		cmocka_unit_test(an_included_file_leaves_the_global_settings_to_others),
		cmocka_unit_test(haproxy_has_all_api_servers_and_is_what_the_check_asks),
		cmocka_unit_test(kube_vip_is_a_static_pod_on_the_nodes_own_interface),
		cmocka_unit_test(slow_checks_take_a_run_of_whole_seconds),
		cmocka_unit_test(the_script_asks_the_node_itself),
		cmocka_unit_test(multicast_and_a_single_node_have_no_list_of_peers),
		cmocka_unit_test(a_password_is_read_back),
		cmocka_unit_test(files_of_others_are_not_ours),
		cmocka_unit_test(what_would_break_the_file_is_refused),
		cmocka_unit_test(timing_that_vrrp_cannot_have_is_refused),
		cmocka_unit_test(hosts_that_would_run_as_shell_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
