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
#include "base/file.h"
#include "base/mask.h"
#include "remote/fake.h"
#include "steps/steps.h"

/* What a good node's facts are, but for %s: its number twice. */
static const char good[] =
	"hostname=m%d\nmachine_id=id%d\nos=Debian GNU/Linux 12\nos_id=debian \nsystemd=yes\n"
	"addr=eth0 10.0.0.1%d/24\nswap=0\nkeepalived=2.2.7\ncurl=yes\nkubeadm=v1.20.2\nkubelet=v1.20.2\n"
	"cri_socket=/run/containerd/containerd.sock\nvip_answers=no\n";

static const char *second; /* of two VIPs; NULL: there is one */

static const char yaml[] =
	"apiVersion: hactl/v1\nkind: Cluster\nname: t\nendpoint: 10.0.0.9:6443\ncontrolPlane:\n"
	"  - {name: m1, address: 10.0.0.11}\n  - {name: m2, address: 10.0.0.12}\n"
	"  - {name: m3, address: 10.0.0.13}\n";

static struct remote *fakes[3];
static int stranger; /* the number of the node whose host key is refused; 0: none */

static struct remote *connect_fake(void *ctx, const struct inv_node *n, const char *address, bool *untrusted,
				   struct err *err)
{
	(void)ctx;
	(void)address;
	*untrusted = stranger == n->name[1] - '0';
	if (!fakes[n->name[1] - '1'])
		err_set(err, ERR_CONNECT, "no route");
	return fakes[n->name[1] - '1'];
}

static enum steps_part everyone(const void *ctx, const struct inv_node *n)
{
	(void)ctx;
	(void)n;
	return STEPS_TARGET;
}

static void collect(void *ctx, const struct plan_event *e)
{
	if (e->type == PLAN_PROBLEM)
		strs_printf(ctx, "%s: %s (%s)", e->node, e->text, e->more);
}

/* Runs the checks over three nodes; extra[i] is added to the facts of node i, NULL: unreachable. */
static int check(const char *const extra[3], struct strs *problems, struct err *err)
{
	static const struct plan_phase *const phases[] = {
		&steps_connect, &steps_look, &steps_cluster, &steps_preflight, NULL,
	};
	char path[] = "/tmp/preflight-XXXXXX";
	struct inventory inv = { 0 };
	struct steps_run run;
	const struct steps_options opt = { .connect = connect_fake, .log_dir = "/nonexistent" };
	int fd = mkstemp(path), rc;

	assert_true(write(fd, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
	if (second)
		dprintf(fd, "vip: {address: [10.0.0.9, '%s']}\n", second);
	close(fd);
	for (int i = 0; i < 3; i++) {
		auto_buf struct buf facts = BUF_INIT;
		int64_t now = clock_wall_ms();

		fakes[i] = extra[i] ? remote_fake() : NULL;
		if (!extra[i])
			continue;
		buf_printf(&facts, good, i + 1, i + 1, i + 1);
		buf_printf(&facts, "clock_begin=%lld.%03d000000\nclock=%lld.%03d000000\n%send=1\n", (long long)(now / 1000),
			   (int)(now % 1000), (long long)(now / 1000), (int)(now % 1000), extra[i]);
		remote_fake_answer(fakes[i], "put end 1", strcmp(extra[i], "SILENT") ? 0 : 1, buf_str(&facts), "no\n");
	}
	assert_int_equal(inventory_load(path, &inv, err), 0);
	unlink(path);
	assert_int_equal(steps_run_init(&run, &inv, &opt, everyone, NULL, err), 0);
	run.plan.observer = (struct plan_observer){ .event = collect, .ctx = problems };
	run.plan.parallel = 1;
	rc = plan_run(&run.plan, phases, err);
	steps_run_release(&run);
	inventory_release(&inv);
	return rc;
}

#define CHECK(a, b, c)                                            \
	auto_strs struct strs problems = STRS_INIT;               \
	auto_err struct err err = ERR_INIT;                       \
	const char *const extra[] = { a, b, c };                  \
	int rc = check(extra, &problems, &err)

static void good_nodes_pass(void **state)
{
	CHECK("", "", "");
	(void)state;

	assert_int_equal(rc, 0);
	assert_int_equal(problems.n, 0);
}

static void every_problem_of_every_node_is_listed(void **state)
{
	CHECK("swap=1\n", "keepalived=\n", "listen=6443 nginx\nlisten=10250 other\n");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(err.kind, ERR_FAILED);
	assert_string_equal(err.msg, "4 problems found; nothing was changed");
	assert_string_equal(problems.v[0], "m1: swap is on (swapoff -a, and take it out of /etc/fstab)");
	assert_string_equal(problems.v[1], "m2: keepalived is not installed (apt-get install -y keepalived (or run hactl with --install))");
	assert_string_equal(problems.v[2], "m3: port 10250 is taken by 'other' (stop it, or let it use another port)");
	assert_string_equal(problems.v[3], "m3: port 6443 is taken by 'nginx' (stop it, or let it use another port)");
}

static void what_carried_the_vip_before_is_to_be_taken_away(void **state)
{
	CHECK("file_kube-vip.yaml=IyBXcml0dGVuIGJ5IGhhY3RsOgo=\n", "file_kube-vip.yaml=a2luZDogUG9k\n", "");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(problems.n, 1);
	assert_string_equal(problems.v[0], "m1: hactl's manifest of kube-vip is still there, but vip.provider is another: both would carry a virtual IP "
					   "(rm /etc/kubernetes/manifests/kube-vip.yaml)");
}

static void a_node_out_of_reach_does_not_hide_the_problems_of_the_others(void **state)
{
	CHECK("swap=1\n", NULL, "");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_string_equal(err.msg, "2 failures, first: m2: no route");
	assert_int_equal(problems.n, 1);
	assert_non_null(strstr(problems.v[0], "m1: swap is on"));
}

static void no_script_runs_anywhere_once_a_host_key_is_refused(void **state)
{
	stranger = 2;
	CHECK("swap=1\n", NULL, "");
	stranger = 0;
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_string_equal(err.msg, "m2: no route");
	assert_int_equal(problems.n, 0);
}

static void a_node_that_tells_nothing_does_not_hide_the_problems_of_the_others(void **state)
{
	CHECK("swap=1\n", "SILENT", "");
	(void)state;

	assert_int_equal(rc, -1);
	assert_non_null(strstr(err.msg, "m2: "));
	assert_int_equal(problems.n, 1);
	assert_non_null(strstr(problems.v[0], "m1: swap is on"));
}

static void a_cloned_machine_is_found(void **state)
{
	CHECK("", "hostname=m1\nmachine_id=id1\n", "");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(problems.n, 2);
	assert_non_null(strstr(problems.v[0], "m2: has the hostname of m1: 'm1'"));
	assert_non_null(strstr(problems.v[1], "m2: has the machine-id of m1"));
}

static void a_clock_that_is_off_is_found_whichever_it_is(void **state)
{
	auto_free char *late = NULL;

	assert_true(asprintf(&late, "clock_begin=%lld.0\nclock=%lld.0\n", (long long)(clock_wall_ms() / 1000 + 60),
			     (long long)(clock_wall_ms() / 1000 + 60)) > 0);
	CHECK(late, "", "");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(problems.n, 1);
	assert_true(!strncmp(problems.v[0], "m1: the clock is 5", 18) || !strncmp(problems.v[0], "m1: the clock is 6", 18));
	assert_non_null(strstr(problems.v[0], "s ahead of that of"));
}

static void a_vip_of_somebody_else_is_found(void **state)
{
	CHECK("vip_answers=yes\n", "", "");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(problems.n, 1);
	assert_string_equal(problems.v[0], "m1: the VIP 10.0.0.9 answers already, and none of the nodes holds it (choose a VIP that is free)");
}

static void the_second_vip_is_looked_at_as_the_first_is(void **state)
{
	second = "fd00::9";
	CHECK("addr=eth0 fd00::11/64\n", "addr=eth0 fd00::12/64\nsecond_vip_answers=yes\n", "");
	(void)state;

	second = NULL;
	assert_int_equal(rc, -1);
	assert_int_equal(problems.n, 2);
	assert_string_equal(problems.v[0], "m3: interface 'eth0' has no address in the subnet of the VIP fd00::9 "
			    "(give the interface one, or the VIP its own prefix length: vip.address: [..., ADDRESS/LEN])");
	assert_string_equal(problems.v[1], "m2: the VIP fd00::9 answers already, and none of the nodes holds it (choose a VIP that is free)");
}

static void a_vip_that_one_of_them_holds_is_ours(void **state)
{
	CHECK("vip_answers=yes\n", "addr=eth0 10.0.0.9/24\n", "");
	(void)state;

	assert_int_equal(rc, 0);
	assert_int_equal(problems.n, 0);
}

static void a_name_of_the_endpoint_must_be_the_vip_and_not_only_begin_like_it(void **state)
{
	CHECK("endpoint_addresses=10.0.0.9 \n", "endpoint_addresses=10.0.0.91 \n", "endpoint_addresses=10.0.0.8 10.0.0.9 \n");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(problems.n, 1);
	assert_non_null(strstr(problems.v[0], "m2: the endpoint's name"));
}

static void a_foreign_keepalived_conf_is_not_touched(void **state)
{
	CHECK("file_keepalived.conf=Z2xvYmFsX2RlZnMge30K\n", "", "file_keepalived.conf=Z2xvYmFsX2RlZnMge30K\nkeepalived_untouched=yes\n");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(problems.n, 1);
	assert_string_equal(problems.v[0], "m1: in /etc/keepalived, keepalived.conf was written by somebody else (--force replaces it and keeps a copy beside it)");
}

static void remains_of_another_cluster_are_found_but_not_our_own_half_done_work(void **state)
{
	CHECK("manifests=etcd.yaml \n", "manifests=etcd.yaml \nbegun=join\n", "etcd_data=yes\n");
	(void)state;

	assert_int_equal(rc, -1);
	assert_int_equal(problems.n, 2);
	assert_non_null(strstr(problems.v[0], "m1: /etc/kubernetes/manifests holds the remains"));
	assert_non_null(strstr(problems.v[1], "m3: /var/lib/etcd holds the remains"));
}

static void secrets_are_masked_in_what_people_see(void **state)
{
	char text[] = "auth_pass s3cret12\n--token abcdef.0123456789abcdef x\n"
		      "caCertHashes: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
		      "key 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";

	(void)state;
	mask_secrets(text);
	assert_string_equal(text,
		"auth_pass ********\n--token *********************** x\n"
		"caCertHashes: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
		"key ****************************************************************\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_nodes_pass),
		cmocka_unit_test(every_problem_of_every_node_is_listed),
		cmocka_unit_test(what_carried_the_vip_before_is_to_be_taken_away),
		cmocka_unit_test(a_node_out_of_reach_does_not_hide_the_problems_of_the_others),
		cmocka_unit_test(no_script_runs_anywhere_once_a_host_key_is_refused),
		cmocka_unit_test(a_node_that_tells_nothing_does_not_hide_the_problems_of_the_others),
		cmocka_unit_test(a_cloned_machine_is_found),
		cmocka_unit_test(a_clock_that_is_off_is_found_whichever_it_is),
		cmocka_unit_test(a_vip_of_somebody_else_is_found),
		cmocka_unit_test(the_second_vip_is_looked_at_as_the_first_is),
		cmocka_unit_test(a_vip_that_one_of_them_holds_is_ours),
		cmocka_unit_test(a_name_of_the_endpoint_must_be_the_vip_and_not_only_begin_like_it),
		cmocka_unit_test(a_foreign_keepalived_conf_is_not_touched),
		cmocka_unit_test(remains_of_another_cluster_are_found_but_not_our_own_half_done_work),
		cmocka_unit_test(secrets_are_masked_in_what_people_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
