#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "steps/facts.h"

static const char whole[] =
	"hostname=m1\n"
	"os=Debian GNU/Linux 12 (bookworm)\n"
	"os_id=debian \n"
	"systemd=yes\n"
	"addr=lo 127.0.0.1/8\n"
	"addr=eth0 10.0.0.11/24\n"
	"addr=eth0 fd00::11/64\n"
	"swap=1\n"
	"listen=6443 kube-apiserver\n"
	"listen=22 sshd\n"
	"keepalived=2.2.7\n"
	"keepalived_active=active\n"
	"file_keepalived.conf=IyBXcml0dGVu\n"
	"mode_keepalived.conf=600\n"
	"cri_socket=/run/containerd/containerd.sock\n"
	"cri_socket=/run/crio/crio.sock\n"
	"has=admin.conf\n"
	"pki=etcd/ca.key 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef 600\n"
	"kubeadm=v1.20.2\n"
	"something-newer=1\n"
	"clock_begin=999.500000000\n"
	"clock=1000.500000000\n"
	"end=1\n";

static void what_the_script_prints_is_understood(void **state)
{
	struct facts f = { 0 };
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(facts_parse(whole, &f, &err), 0);
	assert_string_equal(f.hostname, "m1");
	assert_true(f.systemd);
	assert_int_equal(f.swaps, 1);
	assert_true(f.keepalived_active);
	assert_false(f.keepalived_enabled);
	assert_string_equal(buf_str(&f.keepalived_conf), "# Written");
	assert_int_equal(f.keepalived_conf_mode, 0600);
	assert_string_equal(f.cri_socket, "/run/containerd/containerd.sock");
	assert_true(f.has_admin_conf);
	assert_false(f.has_kubelet_conf);
	assert_int_equal(f.kubeadm.minor, 20);
	assert_int_equal(f.clock_early_ms, 1000500);
	assert_int_equal(f.clock_late_ms, 999500);
	assert_string_equal(f.machine_id, "");
	assert_null(f.begun);
	facts_release(&f);
}

static void things_are_found_by_name(void **state)
{
	struct facts f = { 0 };
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(facts_parse(whole, &f, &err), 0);
	assert_string_equal(facts_addr(&f, "10.0.0.11")->interface, "eth0");
	assert_int_equal(facts_addr(&f, "fd00:0:0::11")->prefix, 64);
	assert_null(facts_addr(&f, "10.0.0.1"));
	assert_string_equal(facts_listener(&f, 6443), "kube-apiserver");
	assert_null(facts_listener(&f, 644));
	assert_int_equal(facts_pki(&f, "etcd/ca.key")->mode, 0600);
	assert_null(facts_pki(&f, "ca.key"));
	facts_release(&f);
}

static void a_script_that_broke_off_is_an_error(void **state)
{
	struct facts f = { 0 };
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(facts_parse("hostname=m1\n", &f, &err), -1);
	assert_string_equal(err.msg, "the fact-gathering script ended early");
	facts_release(&f);
}

static void whole_seconds_are_an_interval(void **state)
{
	struct facts f = { 0 };
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(facts_parse("clock_begin=1000\nclock=1002\nend=1\n", &f, &err), 0);
	assert_int_equal(f.clock_late_ms, 1000999);
	assert_int_equal(f.clock_early_ms, 1002000);
	facts_release(&f);
}

static void nonsense_is_named(void **state)
{
	struct facts f = { 0 };
	auto_err struct err err = ERR_INIT, other = ERR_INIT;

	(void)state;
	assert_int_equal(facts_parse("pki=ca.crt\nend=1\n", &f, &err), -1);
	assert_string_equal(err.msg, "facts: 'pki=ca.crt' is not a name, a checksum and a mode");
	assert_int_equal(facts_parse("clock=soon\nend=1\n", &f, &other), -1);
	assert_string_equal(other.msg, "facts: 'clock=soon' is no time");
	facts_release(&f);
}

static void subnets_are_compared_bit_by_bit(void **state)
{
	(void)state;
	assert_true(facts_same_subnet("10.0.0.9", "10.0.0.200", 24));
	assert_false(facts_same_subnet("10.0.1.9", "10.0.0.200", 24));
	assert_true(facts_same_subnet("10.0.1.9", "10.0.0.200", 23));
	assert_true(facts_same_subnet("fd00::1", "fd00::ffff:1", 64));
	assert_false(facts_same_subnet("fd00::1", "10.0.0.1", 0));
	assert_true(facts_same_address("fd00::1", "fd00:0::1"));
	assert_false(facts_same_address("10.0.0.1", "10.0.0.11"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_script_prints_is_understood),
		cmocka_unit_test(things_are_found_by_name),
		cmocka_unit_test(a_script_that_broke_off_is_an_error),
		cmocka_unit_test(whole_seconds_are_an_interval),
		cmocka_unit_test(nonsense_is_named),
		cmocka_unit_test(subnets_are_compared_bit_by_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
