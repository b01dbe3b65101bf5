#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "inventory/inventory.h"

/* Writes a new file and reads it back. */
static void round_trip(const struct inventory_init *o, struct inventory *inv)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf text = BUF_INIT;
	char path[] = "/tmp/hactl-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(inventory_write_new(o, &text, &err), 0);
	assert_int_equal(file_write(path, text.data, text.len, 0600, &err), 0);
	if (inventory_load(path, inv, &err) < 0)
		fail_msg("%s\n%s", err.msg, buf_str(&text));
	unlink(path);
}

static void the_example_can_be_read(void **state)
{
	auto_inventory struct inventory inv = { 0 };
	const struct inventory_init o = { NULL, NULL, NULL, NULL };

	(void)state;
	round_trip(&o, &inv);
	assert_int_equal(inv.ncontrol_plane, 3);
	assert_int_equal(inv.nnodes, 3);
	assert_int_equal(inv.warnings.n, 0);
	assert_string_equal(inv.nodes[0].name, "m1");
	assert_string_equal(inv.vip.address, "192.0.2.9");
	assert_null(inv.nodes[2].ssh.user); /* ssh_config may know it */
}

static void what_all_hosts_have_alike_is_said_once(void **state)
{
	auto_inventory struct inventory inv = { 0 };
	static const char *const masters[] = { "ops@10.0.0.1:2222", "ops@10.0.0.2:2222", "ops@h.example.com:2222", NULL };
	static const char *const workers[] = { "ops@10.0.0.21:2222", NULL };
	const struct inventory_init o = { "10.0.0.9/24", "prod", masters, workers };

	(void)state;
	round_trip(&o, &inv);
	assert_string_equal(inv.name, "prod");
	assert_string_equal(inv.ssh.user, "ops");
	assert_int_equal(inv.ssh.port, 2222);
	assert_int_equal(inv.vip.prefix, 24);
	assert_string_equal(inv.nodes[1].name, "m2");
	assert_string_equal(inv.nodes[2].name, "h");
	assert_string_equal(inv.nodes[3].name, "w1");
	assert_string_equal(inv.nodes[3].ssh.user, "ops");
	assert_false(inv.nodes[3].control_plane);
}

static void what_differs_is_said_at_the_node(void **state)
{
	auto_inventory struct inventory inv = { 0 };
	static const char *const masters[] = { "ops@m1.a", "m1.b:2222", "root@m3.a", NULL };
	const struct inventory_init o = { "10.0.0.9", NULL, masters, NULL };

	(void)state;
	round_trip(&o, &inv);
	assert_string_equal(inv.nodes[0].ssh.user, "ops");
	assert_int_equal(inv.nodes[0].ssh.port, 0);
	assert_string_equal(inv.nodes[1].name, "m1.b"); /* m1 is taken */
	assert_null(inv.nodes[1].ssh.user);
	assert_int_equal(inv.nodes[1].ssh.port, 2222);
}

static void names_that_yaml_takes_for_something_else_stay_names(void **state)
{
	auto_inventory struct inventory inv = { 0 };
	static const char *const masters[] = { "[fd00::]:22", "null", "no", "1e3x", "0x1f", NULL };
	const struct inventory_init o = { "fd00::9", "true", masters, NULL };

	(void)state;
	round_trip(&o, &inv);
	assert_string_equal(inv.name, "true");
	assert_string_equal(inv.endpoint, "[fd00::9]:6443");
	assert_string_equal(inv.nodes[0].address, "fd00::");
	assert_string_equal(inv.nodes[1].name, "null");
	assert_string_equal(inv.nodes[4].address, "0x1f");
	assert_ptr_equal(inventory_node(&inv, "no"), &inv.nodes[2]);
	assert_null(inventory_node(&inv, "m9"));
}

static void refused(const char *vip, const char *host, const char *worker, const char *message)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf text = BUF_INIT;
	const char *const masters[] = { host, NULL }, *const workers[] = { worker, NULL };
	const struct inventory_init o = { vip, NULL, masters, workers };

	assert_int_equal(inventory_write_new(&o, &text, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	if (!strstr(err.msg, message))
		fail_msg("%s", err.msg);
	assert_int_equal(text.len, 0);
}

static void hosts_that_cannot_be_are_refused(void **state)
{
	(void)state;
	refused(NULL, "m1", NULL, "--vip is missing");
	refused("10.0.0.300", "m1", NULL, "--vip '10.0.0.300'");
	refused("10.0.0.9", "root@", NULL, "'root@' is no [USER@]HOST[:PORT]");
	refused("10.0.0.9", "m1:0", NULL, "'m1:0' is no [USER@]HOST[:PORT]");
	refused("10.0.0.9", "-oProxyCommand=x", NULL, "is no [USER@]HOST[:PORT]");
	refused("10.0.0.9", "-x@m1", NULL, "'-x' is no user");
	refused("10.0.0.9", "a}\nb@m1", NULL, "is no user");
	refused("10.0.0.9", "10.0.0.9", NULL, "'10.0.0.9' is the virtual IP");
	refused("10.0.0.9", "fd00::1", NULL, "must both be IPv4 or both IPv6");
	refused("10.0.0.9", "10.0.0.1", "10.0.0.1:23", "'10.0.0.1' is given twice");
	refused("10.0.0.9", NULL, "w1", "no control-plane node");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_can_be_read),
		cmocka_unit_test(what_all_hosts_have_alike_is_said_once),
		cmocka_unit_test(what_differs_is_said_at_the_node),
		cmocka_unit_test(names_that_yaml_takes_for_something_else_stay_names),
		cmocka_unit_test(hosts_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
