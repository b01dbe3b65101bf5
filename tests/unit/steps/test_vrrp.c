#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "remote/fake.h"
#include "steps/steps.h"

/* Files that hactl wrote, as facts tell them: VRRP version 2 with a password, and version 3. */
#define OLD_FILE "file_keepalived.conf=IyBXcml0dGVuIGJ5IGhhY3RsCnZycnBfaW5zdGFuY2UgeCB7Cgl2ZXJzaW9uIDIKCWF1dGhfcGFzcyBhYmNkZWZnaAp9Cg==\n"
#define NEW_FILE "file_keepalived.conf=IyBXcml0dGVuIGJ5IGhhY3RsCnZycnBfaW5zdGFuY2UgeCB7Cgl2ZXJzaW9uIDMKfQo=\n"

static const char yaml[] =
	"apiVersion: hactl/v1\nkind: Cluster\nname: t\nendpoint: 10.0.0.9:6443\ncontrolPlane:\n"
	"  - {name: m1, address: 10.0.0.11}\n  - {name: m2, address: 10.0.0.12}\n"
	"  - {name: m3, address: 10.0.0.13}\n";

static const char *const *answers; /* of the nodes; NULL: unreachable */

static struct remote *connect_fake(void *ctx, const struct inv_node *n, const char *address, bool *untrusted,
				   struct err *err)
{
	const char *extra = answers[n->name[1] - '1'];
	auto_buf struct buf facts = BUF_INIT;
	struct remote *r;

	(void)ctx, (void)address;
	*untrusted = false;
	if (!extra) {
		err_set(err, ERR_CONNECT, "no route");
		return NULL;
	}
	buf_printf(&facts, "addr=eth0 10.0.0.1%c/24\nclock_begin=1.0\nclock=1.0\n%send=1\n", n->name[1], extra);
	r = remote_fake();
	remote_fake_answer(r, "put end 1", 0, buf_str(&facts), NULL);
	return r;
}

static enum steps_part helper(const void *ctx, const struct inv_node *n)
{
	(void)ctx, (void)n;
	return STEPS_HELPER;
}

static void collect(void *ctx, const struct plan_event *e)
{
	if (e->type == PLAN_NOTE || e->type == PLAN_WARNING)
		strs_printf(ctx, "%s: %s", e->node ? e->node : "-", e->text);
}

/* The version that three nodes with these facts get; more is added to hactl.yaml. */
static int version_of(const char *const facts[3], const char *more, struct strs *notes, char **password)
{
	static const struct plan_phase *const phases[] = { &steps_connect, &steps_look, &steps_password, NULL };
	char path[] = "/tmp/vrrp-XXXXXX";
	auto_err struct err err = ERR_INIT;
	struct inventory inv = { 0 };
	struct steps_run run;
	const struct steps_options opt = { .connect = connect_fake, .log_dir = "/nonexistent" };
	int fd = mkstemp(path), version;

	answers = facts;
	assert_true(dprintf(fd, "%s%s", yaml, more) > 0);
	close(fd);
	assert_int_equal(inventory_load(path, &inv, &err), 0);
	unlink(path);
	assert_int_equal(steps_run_init(&run, &inv, &opt, helper, NULL, &err), 0);
	run.plan.observer = (struct plan_observer){ .event = collect, .ctx = notes };
	run.plan.parallel = 1;
	assert_int_equal(plan_run(&run.plan, phases, &err), 0);
	version = run.vrrp_version;
	if (password)
		*password = run.vrrp_password ? strdup(run.vrrp_password) : NULL;
	steps_run_release(&run);
	inventory_release(&inv);
	return version;
}

#define VERSION(want, a, b, c, more)                                                   \
	do {                                                                           \
		auto_strs struct strs n = STRS_INIT;                                   \
		assert_int_equal(version_of((const char *const[]){ a, b, c }, more, &n, NULL), want); \
	} while (0)
#define GOOD "keepalived=2.2.7\n"

static void new_nodes_take_version_3(void **state)
{
	(void)state;
	VERSION(3, GOOD, GOOD, GOOD, "");
	VERSION(3, GOOD, "", GOOD, ""); /* keepalived is to be installed */
	VERSION(3, GOOD, NULL, GOOD, "");
}

static void one_old_keepalived_keeps_all_on_version_2_and_is_named(void **state)
{
	static const char *const facts[] = { GOOD, "keepalived=1.3.5\n", GOOD };
	auto_strs struct strs notes = STRS_INIT;

	(void)state;
	assert_int_equal(version_of(facts, "", &notes, NULL), 2);
	assert_int_equal(notes.n, 1);
	assert_string_equal(notes.v[0], "m2: keepalived is older than 2.0, it is 1.3.5: VRRP version 2 with adverts "
					"every 1 s, so a failover takes seconds");
}

static void a_given_password_means_version_2(void **state)
{
	(void)state;
	VERSION(2, GOOD, GOOD, GOOD, "vip: {password: s3cret}\n");
}

static void the_version_changes_only_where_all_nodes_are_there(void **state)
{
	(void)state;
	VERSION(3, OLD_FILE GOOD, OLD_FILE GOOD, OLD_FILE GOOD, "");
	VERSION(2, OLD_FILE GOOD, OLD_FILE GOOD, NULL, "");
	VERSION(2, NEW_FILE GOOD, NEW_FILE GOOD, NEW_FILE GOOD, "vip: {password: s3cret}\n");
	VERSION(3, NEW_FILE GOOD, NULL, NEW_FILE GOOD, "vip: {password: s3cret}\n");
}

static void version_2_reads_its_password_back_and_version_3_has_none(void **state)
{
	static const char *const old[] = { OLD_FILE GOOD, OLD_FILE GOOD, NULL };
	static const char *const new[] = { GOOD, GOOD, GOOD };
	auto_strs struct strs notes = STRS_INIT;
	auto_free char *password = NULL, *none = NULL;

	(void)state;
	assert_int_equal(version_of(old, "", &notes, &password), 2);
	assert_string_equal(password, "abcdefgh");
	assert_int_equal(version_of(new, "", &notes, &none), 3);
	assert_null(none);
}

static void version_2_takes_whole_seconds_from_a_finer_interval(void **state)
{
	struct inventory inv = { .vip = { .advert_ms = 1500, .check_ms = 300, .fall = 4, .rise = 5 } };

	(void)state;
	assert_int_equal(steps_vrrp_timing(&inv, 2).advert_ms, 2000);
	assert_int_equal(steps_vrrp_timing(&inv, 3).advert_ms, 1500);
	assert_int_equal(steps_vrrp_timing(&inv, 3).check_ms, 300);
	inv.vip.advert_ms = 0;
	assert_int_equal(steps_vrrp_timing(&inv, 2).advert_ms, 1000);
	assert_int_equal(steps_vrrp_timing(&inv, 3).advert_ms, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_nodes_take_version_3),
		cmocka_unit_test(one_old_keepalived_keeps_all_on_version_2_and_is_named),
		cmocka_unit_test(a_given_password_means_version_2),
		cmocka_unit_test(the_version_changes_only_where_all_nodes_are_there),
		cmocka_unit_test(version_2_reads_its_password_back_and_version_3_has_none),
		cmocka_unit_test(version_2_takes_whole_seconds_from_a_finer_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
