#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "remote/fake.h"
#include "steps/probe.h"

/* Three control-plane nodes and a worker that were seen, and what each has tried. */
struct lab {
	struct inventory inv;
	struct inv_node inv_nodes[4];
	struct steps_run run;
	struct steps_node nodes[4];
	struct strs told;
};

static char *addresses[] = { (char *)"10.0.0.11", (char *)"10.0.0.12", (char *)"10.0.0.13", (char *)"10.0.0.51" };
static const char *const names[] = { "m1", "m2", "m3", "w1" };

static struct lab *make(void)
{
	struct lab *l = calloc(1, sizeof(*l));

	for (int i = 0; i < 4; i++) {
		l->inv_nodes[i] = (struct inv_node){ .name = names[i], .address = addresses[i], .control_plane = i < 3 };
		l->nodes[i] = (struct steps_node){ .inv = &l->inv_nodes[i], .run = &l->run, .address = addresses[i],
						   .remote = remote_fake() };
	}
	l->inv = (struct inventory){ .nodes = l->inv_nodes, .nnodes = 4, .ncontrol_plane = 3, .endpoint = "10.0.0.9:6443",
				     .endpoint_host = "10.0.0.9", .endpoint_port = 6443 };
	l->inv.vip.address = "10.0.0.9";
	l->inv.vip.virtual_router_id = 51;
	l->run = (struct steps_run){ .inv = &l->inv, .nodes = l->nodes, .n = 4 };
	l->run.kubeadm.bind_port = 6443;
	return l;
}

static void end(struct lab *l)
{
	for (int i = 0; i < 4; i++) {
		steps_probe_free(l->nodes[i].probe);
		remote_close(l->nodes[i].remote);
	}
	strs_release(&l->told);
	free(l);
}

/* What node i would print where all is well; extra comes after, and the last word on a pair holds. */
static void tried(struct lab *l, int i, const char *without, const char *extra)
{
	auto_buf struct buf b = BUF_INIT;

	for (int j = 0; j < 4; j++) {
		int ports[PROBE_PORTS];
		size_t n = steps_probe_ports(&l->nodes[i], &l->nodes[j], ports);

		for (size_t p = 0; p < n; p++) {
			auto_buf struct buf line = BUF_INIT;

			buf_printf(&line, "net_open=%s %d ", addresses[j], ports[p]);
			if (!strstr(without, buf_str(&line)))
				buf_printf(&b, "%sok\n", buf_str(&line));
		}
		if (j < 3 && j != i && !strstr(without, names[j]))
			buf_printf(&b, "net_heard=%s\n", addresses[j]);
	}
	buf_printf(&b, "%snet_end=1\ndisk=200 1.000 4.000\nprobe_end=1\n", extra);
	steps_probe_free(l->nodes[i].probe);
	l->nodes[i].probe = steps_probe_parse(buf_str(&b));
}

static void all_tried(struct lab *l)
{
	for (int i = 0; i < 4; i++)
		tried(l, i, "", "");
}

static void collect(void *ctx, const struct plan_event *e)
{
	if (e->type == PLAN_PROBLEM || e->type == PLAN_WARNING)
		strs_printf(ctx, "%s%s: %s", e->type == PLAN_WARNING ? "warning " : "", e->node ? e->node : "all", e->text);
}

static int judge(struct plan_node *n, bool *done, struct err *err)
{
	(void)err;
	*done = true;
	steps_judge_probes(n->data);
	return 0;
}

static void assert_told(struct lab *l, ...)
{
	static const struct plan_step steps[] = { { .name = "judge", .title = "judge", .check = judge }, { .name = NULL } };
	static const struct plan_phase phase = { .name = "judge", .scope = PLAN_ONCE, .steps = steps };
	const struct plan_phase *const phases[] = { &phase, NULL };
	struct plan_node node = { .name = "all", .data = &l->run };
	auto_err struct err err = ERR_INIT;
	const char *want;
	size_t i = 0;
	va_list ap;

	l->run.plan = (struct plan){ .nodes = &node, .n = 1, .observer = { .event = collect, .ctx = &l->told } };
	assert_int_equal(plan_run(&l->run.plan, phases, &err), 0);
	va_start(ap, l);
	for (; (want = va_arg(ap, const char *)); i++)
		if (i >= l->told.n || !strstr(l->told.v[i], want))
			fail_msg("wanted '%s', got '%s'", want, i < l->told.n ? l->told.v[i] : "nothing");
	va_end(ap);
	if (i != l->told.n)
		fail_msg("not wanted: '%s'", l->told.v[i]);
}

static void what_gets_through_is_no_problem(void **state)
{
	struct lab *l = make();

	(void)state;
	all_tried(l);
	assert_told(l, NULL);
	assert_int_equal(steps_probe_port(&l->nodes[0], &l->nodes[1], 2380), PROBE_OPEN);
	assert_int_equal(steps_probe_port(&l->nodes[3], &l->nodes[1], 2380), PROBE_NOT_MADE);
	assert_int_equal(steps_probe_vrrp(&l->nodes[0], &l->nodes[1]), PROBE_OPEN);
	end(l);
}

static void a_blocked_port_names_who_cannot_reach_whom_and_how(void **state)
{
	struct lab *l = make();

	(void)state;
	all_tried(l);
	tried(l, 0, "net_open=10.0.0.12 2380 ", "net_open=10.0.0.12 2380 timeout\n");
	tried(l, 2, "net_open=10.0.0.12 2380 ", "net_open=10.0.0.12 2380 timeout\n");
	tried(l, 3, "net_open=10.0.0.11 6443 ", "net_open=10.0.0.11 6443 refused\n");
	assert_told(l, "m1: its TCP port 6443 cannot be reached from w1: refused on the way",
		    "m2: its TCP port 2380 cannot be reached from m1, m3: no answer", NULL);
	end(l);
}

static void haproxys_port_is_tried_from_everywhere_when_it_is_not_the_api_servers(void **state)
{
	struct lab *l = make();

	(void)state;
	l->inv.load_balancer = INV_LB_HAPROXY;
	l->inv.endpoint_port = 8443;
	all_tried(l);
	tried(l, 3, "net_open=10.0.0.12 8443 ", "net_open=10.0.0.12 8443 timeout\n");
	assert_told(l, "m2: its TCP port 8443 cannot be reached from w1: no answer", NULL);
	end(l);
}

static void a_refusal_where_nobody_could_listen_says_nothing(void **state)
{
	struct lab *l = make();

	(void)state;
	all_tried(l);
	tried(l, 0, "net_open=10.0.0.12 2380 ", "net_open=10.0.0.12 2380 refused\n");
	tried(l, 1, "", "net_listen=2380 Address already in use\n");
	assert_told(l, NULL);
	assert_int_equal(steps_probe_port(&l->nodes[0], &l->nodes[1], 2380), PROBE_NOT_MADE);
	strs_add(&l->nodes[1].facts.listening, "2380 etcd");
	assert_int_equal(steps_probe_port(&l->nodes[0], &l->nodes[1], 2380), PROBE_REFUSED);
	strs_release(&l->nodes[1].facts.listening);
	end(l);
}

static void vrrp_that_does_not_get_through_is_a_problem_of_who_does_not_hear_it(void **state)
{
	struct lab *l = make();

	(void)state;
	all_tried(l);
	tried(l, 1, "m3", "");
	assert_told(l, "m2: VRRP (IP protocol 112) from m3 does not get through to it", NULL);
	end(l);
}

static void a_stranger_with_our_router_id_is_told_once_and_a_free_one_offered(void **state)
{
	struct lab *l = make();

	(void)state;
	for (int i = 0; i < 4; i++)
		tried(l, i, "", "net_vrrp=10.0.0.77 51 2\nnet_vrrp=10.0.0.78 52 3\nnet_vrrp=10.0.0.12 51 3\n");
	assert_told(l, "m1: hears VRRP adverts of virtual router ID 51 from 10.0.0.77, which is no node of this cluster", NULL);
	end(l);
}

static void checks_that_could_not_be_made_are_named_and_are_no_problem(void **state)
{
	struct lab *l = make();

	(void)state;
	all_tried(l);
	steps_probe_free(l->nodes[1].probe);
	l->nodes[1].probe = steps_probe_parse("net_none=neither perl nor python3 is there\nprobe_end=1\n");
	tried(l, 0, "net_open=10.0.0.12 2380 ", "net_open=10.0.0.12 2380 refused\n");
	assert_told(l, "warning m2: ports and protocol 112 to and from it were not checked: neither perl nor python3 is there",
		    "warning m2: the speed of etcd's disk was not checked", NULL);
	end(l);
}

static void a_slow_disk_is_a_warning_an_awful_one_a_problem(void **state)
{
	struct lab *l = make();

	(void)state;
	all_tried(l);
	l->nodes[0].probe->write_p99_ms = 11;
	l->nodes[1].probe->write_p99_ms = 1500;
	l->nodes[2].probe->write_p99_ms = 1500;
	l->nodes[2].probe->writes = 3;
	assert_told(l, "warning m1: etcd's disk is slow: one write in a hundred takes 11 ms", "m2: etcd's disk is too slow",
		    "warning m3: etcd's disk is slow", NULL);
	end(l);
}

static void the_endpoint_must_be_reached_from_every_node_once_there_is_a_cluster(void **state)
{
	struct lab *l = make();

	(void)state;
	all_tried(l);
	tried(l, 3, "", "net_open=10.0.0.9 6443 timeout\n");
	assert_told(l, NULL); /* there is no API yet */
	l->run.api = (struct kube *)l;
	assert_told(l, "w1: the endpoint 10.0.0.9:6443 answers here, but cannot be reached from the node", NULL);
	end(l);
}

/* Every node is asked once, and those whose pair failed in the first round once more. */
static void pairs_that_fail_are_tried_once_more(void **state)
{
	struct lab *l = make();

	(void)state;
	for (int i = 0; i < 4; i++)
		remote_fake_answer(l->nodes[i].remote, "probe_end", 0, "net_end=1\nprobe_end=1\ndisk=9 1.0 2.0\n", NULL);
	steps_try_network(&l->run); /* nobody heard anybody */
	for (int i = 0; i < 4; i++)
		assert_int_equal(remote_fake_scripts(l->nodes[i].remote)->n, 2);
	assert_non_null(strstr(remote_fake_scripts(l->nodes[0].remote)->v[0], "disk='yes'"));
	assert_non_null(strstr(remote_fake_scripts(l->nodes[0].remote)->v[1], "disk='no'"));
	assert_non_null(strstr(remote_fake_scripts(l->nodes[3].remote)->v[0], "targets='10.0.0.11/6443,10.0.0.12/6443,10.0.0.13/6443'"));
	assert_int_equal(l->nodes[0].probe->writes, 9);
	end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_gets_through_is_no_problem),
		cmocka_unit_test(a_blocked_port_names_who_cannot_reach_whom_and_how),
		cmocka_unit_test(haproxys_port_is_tried_from_everywhere_when_it_is_not_the_api_servers),
		cmocka_unit_test(a_refusal_where_nobody_could_listen_says_nothing),
		cmocka_unit_test(vrrp_that_does_not_get_through_is_a_problem_of_who_does_not_hear_it),
		cmocka_unit_test(a_stranger_with_our_router_id_is_told_once_and_a_free_one_offered),
		cmocka_unit_test(checks_that_could_not_be_made_are_named_and_are_no_problem),
		cmocka_unit_test(a_slow_disk_is_a_warning_an_awful_one_a_problem),
		cmocka_unit_test(the_endpoint_must_be_reached_from_every_node_once_there_is_a_cluster),
		cmocka_unit_test(pairs_that_fail_are_tried_once_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
