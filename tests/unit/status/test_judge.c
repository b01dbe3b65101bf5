#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "status/status.h"

#define NOW 1800000000
#define YEAR (365 * 86400)

/* A healthy cluster of n control-plane nodes and a worker, as a look would have found it. */
struct cluster {
	struct inventory inv;
	struct inv_node inv_nodes[8];
	struct steps_run run;
	struct steps_node steps[8];
	struct status st;
	struct kube_node listed[8];
	struct etcd_member members[8];
	struct etcd_members list;
};

static char *names[] = { (char *)"m1", (char *)"m2", (char *)"m3", (char *)"m4", (char *)"m5" };

static void make_node(struct cluster *c, size_t i, size_t n)
{
	bool master = i < n;
	struct status_node *s = &c->st.nodes[i];

	c->inv_nodes[i] = (struct inv_node){ .name = master ? names[i] : "w1", .address = "10.0.0.1", .control_plane = master };
	c->steps[i] = (struct steps_node){ .inv = &c->inv_nodes[i], .run = &c->run };
	c->steps[i].facts = (struct facts){ .has_admin_conf = master, .has_kubelet_conf = true, .has_etcd_manifest = master,
					    .keepalived_active = master, .keepalived_enabled = master };
	c->listed[i] = (struct kube_node){ .name = (char *)c->inv_nodes[i].name, .ready = true, .not_ready_reason = (char *)"" };
	s->inv = &c->inv_nodes[i];
	s->step = &c->steps[i];
	s->ssh.answer = STATUS_OK;
	s->kubelet_active = true;
	s->kubelet_server = strdup("https://10.0.0.9:6443");
	s->listed = &c->listed[i];
	s->certs = calloc(1, sizeof(*s->certs));
	s->certs[0] = (struct status_cert){ strdup("apiserver.crt"), NOW + YEAR };
	s->ncerts = 1;
	if (!master)
		return;
	s->api.answer = s->etcd_reply.answer = STATUS_OK;
	s->etcd = (struct etcd_state){ .id = i + 1, .leader = 1, .db_size = 1000000 };
	s->keepalived_conf = STATUS_CONF_SAME;
	c->members[i] = (struct etcd_member){ .id = i + 1, .name = names[i], .peer_url = (char *)"https://10.0.0.1:2380" };
}

static struct cluster *healthy(size_t n)
{
	struct cluster *c = calloc(1, sizeof(*c));

	c->inv = (struct inventory){ .path = (char *)"hactl.yaml", .name = "t", .endpoint = "10.0.0.9:6443", .endpoint_host = "10.0.0.9",
				     .schedulable = true, .nodes = c->inv_nodes, .nnodes = n + 1, .ncontrol_plane = n };
	c->inv.vip.address = "10.0.0.9";
	c->run = (struct steps_run){ .inv = &c->inv, .nodes = c->steps, .n = n + 1 };
	status_init(&c->st, &c->run);
	for (size_t i = 0; i <= n; i++)
		make_node(c, i, n);
	c->list = (struct etcd_members){ c->members, n };
	c->st.members = &c->list;
	c->st.leader = "m1";
	c->st.voting = c->st.running = (int)n;
	c->st.nodes[0].holds_vip = true;
	c->st.holders = 1;
	c->st.listed_known = c->st.has_cluster = true;
	c->st.reached = (int)n + 1;
	c->st.endpoint.answer = STATUS_OK;
	c->st.now = NOW;
	return c;
}

static void end(struct cluster *c)
{
	for (size_t i = 0; i < c->st.n; i++)
		c->st.nodes[i].listed = NULL;
	status_release(&c->st);
	free(c);
}

/* What st says is exactly these: NULL ends. */
static void assert_said(const struct strs *said, ...)
{
	const char *want;
	size_t i = 0;
	va_list ap;

	va_start(ap, said);
	for (; (want = va_arg(ap, const char *)); i++) {
		if (i >= said->n || !strstr(said->v[i], want))
			fail_msg("wanted '%s', got '%s'", want, i < said->n ? said->v[i] : "nothing");
	}
	va_end(ap);
	if (i != said->n)
		fail_msg("not wanted: '%s'", said->v[i]);
}

static void a_healthy_cluster_of_three_has_neither_problems_nor_risks(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	status_judge(&c->st);
	assert_said(&c->st.problems, NULL);
	assert_said(&c->st.risks, NULL);
	assert_int_equal(status_survives(&c->st), 1);
	end(c);
}

static void two_holders_and_none_are_problems_of_their_own(void **state)
{
	struct cluster *two = healthy(3), *none = healthy(3);

	(void)state;
	two->st.nodes[2].holds_vip = true;
	two->st.holders = 2;
	status_judge(&two->st);
	assert_said(&two->st.problems, "held by 2 nodes at once: m1, m3", NULL);
	none->st.nodes[0].holds_vip = false;
	none->st.holders = 0;
	status_judge(&none->st);
	assert_said(&none->st.problems, "held by no node;", NULL);
	end(two);
	end(none);
}

static void a_node_with_one_of_two_vips_is_a_problem(void **state)
{
	struct cluster *both = healthy(3), *one = healthy(3);

	(void)state;
	both->inv.vip.second = one->inv.vip.second = "fd00::9";
	both->st.nodes[0].holds_second = true;
	status_judge(&both->st);
	assert_said(&both->st.problems, NULL);
	one->st.nodes[1].holds_second = true;
	status_judge(&one->st);
	assert_said(&one->st.problems, "m1: holds the VIP 10.0.0.9 without fd00::9;", "m2: holds the VIP fd00::9 without 10.0.0.9;", NULL);
	end(both);
	end(one);
}

static void an_haproxy_that_stopped_is_a_problem_and_one_that_does_not_start_a_risk(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	c->inv.load_balancer = INV_LB_HAPROXY;
	for (int i = 0; i < 3; i++)
		c->steps[i].facts.haproxy_active = c->steps[i].facts.haproxy_enabled = true;
	c->steps[1].facts.haproxy_active = false;
	c->steps[2].facts.haproxy_enabled = false;
	status_judge(&c->st);
	assert_said(&c->st.problems, "m2: HAProxy does not run", NULL);
	assert_said(&c->st.risks, "m3: HAProxy will not start with the machine", NULL);
	end(c);
}

static void a_holder_that_was_not_reached_may_be_the_one(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	status_reply_set(&c->st.nodes[0].ssh, STATUS_BAD, 0, "no route");
	c->st.nodes[0].holds_vip = false;
	c->st.holders = 0;
	status_judge(&c->st);
	assert_said(&c->st.problems, "m1: cannot be reached: no route", NULL);
	end(c);
}

static void a_node_that_is_down_is_named_and_so_is_what_is_left(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	status_reply_set(&c->st.nodes[2].ssh, STATUS_BAD, 0, "no route");
	c->listed[2].ready = false;
	c->listed[2].not_ready_reason = (char *)"NodeStatusUnknown: Kubelet stopped posting";
	c->st.running = 2;
	status_judge(&c->st);
	assert_said(&c->st.problems, "m3: cannot be reached: no route", "m3: is not Ready: NodeStatusUnknown", NULL);
	assert_said(&c->st.risks, "etcd: 2 of 3 members answer: one failure more stops the cluster", NULL);
	assert_int_equal(status_survives(&c->st), 0);
	end(c);
}

static void lost_quorum_is_said_once_with_the_numbers(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	status_reply_set(&c->st.nodes[1].etcd_reply, STATUS_BAD, 0, "refused");
	status_reply_set(&c->st.nodes[2].etcd_reply, STATUS_BAD, 0, "refused");
	c->st.nodes[0].etcd.leader = 0;
	c->st.running = 0;
	status_judge(&c->st);
	assert_said(&c->st.problems, "m1: its etcd has no leader", "m2: its etcd: refused", "m3: its etcd: refused",
		    "no quorum that could be seen: 0 of 3 members answer, 2 are needed", NULL);
	assert_int_equal(status_survives(&c->st), -1);
	end(c);
}

static void members_that_never_started_learners_and_strangers_are_problems(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	c->members[0].name = (char *)"";
	c->members[1].learner = true;
	c->members[2].name = (char *)"old";
	status_judge(&c->st);
	assert_said(&c->st.problems, "the member at https://10.0.0.1:2380 has never started", "m2 is a learner still",
		    "'old' is no node of hactl.yaml", NULL);
	end(c);
}

static void an_alarm_is_told_once_although_each_member_knows_it(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	for (int i = 0; i < 3; i++)
		strs_add(&c->st.nodes[i].alarms, "NOSPACE 1");
	status_judge(&c->st);
	assert_said(&c->st.problems, "alarm NOSPACE 1: its database is full", NULL);
	end(c);
}

static void services_that_stand_still_are_problems(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	c->st.nodes[3].kubelet_active = false;
	c->steps[1].facts.keepalived_active = false;
	status_reply_set(&c->st.nodes[2].api, STATUS_BAD, 0, "connection refused");
	status_judge(&c->st);
	assert_said(&c->st.problems, "m2: keepalived does not run", "m3: its API server: connection refused", "w1: the kubelet does not run", NULL);
	end(c);
}

static void kube_vip_is_looked_for_where_it_carries_the_vip(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	c->inv.vip.provider = INV_VIP_KUBE_VIP;
	for (int i = 0; i < 3; i++)
		c->steps[i].facts = (struct facts){ .has_admin_conf = true, .has_kubelet_conf = true, .has_etcd_manifest = true,
						    .kube_vip_active = i == 0, .has_kube_vip = i < 2 };
	status_judge(&c->st);
	assert_said(&c->st.problems, "m2: kube-vip does not run; 'crictl ps -a'", "m3: kube-vip does not run; 'hactl apply' writes its manifest", NULL);
	end(c);
}

static void certificates_that_ended_are_problems_those_that_will_are_risks(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	c->st.nodes[0].certs[0].expires = NOW - 1;
	status_judge(&c->st);
	assert_said(&c->st.problems, "m1: the certificate of apiserver.crt has expired; 'kubeadm certs renew all'", NULL);
	assert_said(&c->st.risks, NULL);
	strs_release(&c->st.problems);
	c->st.nodes[0].certs[0].expires = NOW + YEAR;
	c->st.nodes[1].certs[0].expires = NOW + 29 * 86400 + 5;
	status_judge(&c->st);
	assert_said(&c->st.problems, NULL);
	assert_said(&c->st.risks, "m2: the certificate of apiserver.crt expires in 29 days", NULL);
	end(c);
}

static void single_points_of_failure_are_named(void **state)
{
	struct cluster *c = healthy(4);

	(void)state;
	for (int i = 0; i < 3; i++)
		c->st.nodes[i].hosts[1] = strdup("VMware-42 1d");
	c->st.nodes[3].hosts[1] = strdup("None");
	free(c->st.nodes[4].kubelet_server);
	c->st.nodes[4].kubelet_server = strdup("https://10.0.0.11:6443");
	c->inv.schedulable = false;
	status_judge(&c->st);
	assert_said(&c->st.problems, NULL);
	assert_said(&c->st.risks, "control plane: an even number", "w1: its kubelet speaks to https://10.0.0.11:6443, not to the endpoint",
		    "machines: m1, m2, m3 run on one machine", "w1 is the only node", NULL);
	end(c);
}

static void serial_numbers_that_say_nothing_and_single_neighbours_are_no_risk(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	for (int i = 0; i < 3; i++)
		c->st.nodes[i].hosts[2] = strdup("To Be Filled By O.E.M.");
	status_judge(&c->st);
	assert_said(&c->st.risks, NULL);
	end(c);
}

static void a_control_plane_node_that_nobody_looks_after_is_named(void **state)
{
	struct cluster *c = healthy(3);
	struct kube_node all[] = { c->listed[0], { .name = (char *)"m9", .control_plane = true }, { .name = (char *)"w9" } };

	(void)state;
	c->st.listed = (struct kube_nodes){ all, 3 };
	status_judge(&c->st);
	c->st.listed = (struct kube_nodes){ NULL, 0 };
	assert_said(&c->st.problems, NULL);
	assert_said(&c->st.risks, "m9: is a control-plane node that hactl.yaml does not name", NULL);
	end(c);
}

static void a_foreign_balancer_is_named_as_one_point_that_everything_goes_through(void **state)
{
	struct cluster *c = healthy(3);

	(void)state;
	c->inv.vip.provider = INV_VIP_NONE;
	c->inv.vip.address = NULL;
	c->st.holders = -1;
	status_judge(&c->st);
	assert_said(&c->st.problems, NULL);
	assert_said(&c->st.risks, "endpoint: everything goes through the balancer at 10.0.0.9:6443", NULL);
	end(c);
}

static void without_a_cluster_and_without_an_answer_that_is_all_that_is_said(void **state)
{
	struct cluster *no = healthy(3), *down = healthy(3);

	(void)state;
	no->st.has_cluster = false;
	status_judge(&no->st);
	assert_said(&no->st.problems, "there is no cluster yet; 'hactl apply' makes it", NULL);
	down->st.reached = 0;
	for (int i = 0; i < 4; i++)
		status_reply_set(&down->st.nodes[i].ssh, STATUS_BAD, 0, "no route");
	down->st.listed_known = false;
	status_judge(&down->st);
	assert_said(&down->st.problems, "no node can be reached", "m1: cannot be reached", "m2: cannot", "m3: cannot", "w1: cannot", NULL);
	end(no);
	end(down);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_cluster_of_three_has_neither_problems_nor_risks),
		cmocka_unit_test(two_holders_and_none_are_problems_of_their_own),
		cmocka_unit_test(a_node_with_one_of_two_vips_is_a_problem),
		cmocka_unit_test(an_haproxy_that_stopped_is_a_problem_and_one_that_does_not_start_a_risk),
		cmocka_unit_test(a_holder_that_was_not_reached_may_be_the_one),
		cmocka_unit_test(a_node_that_is_down_is_named_and_so_is_what_is_left),
		cmocka_unit_test(lost_quorum_is_said_once_with_the_numbers),
		cmocka_unit_test(members_that_never_started_learners_and_strangers_are_problems),
		cmocka_unit_test(an_alarm_is_told_once_although_each_member_knows_it),
		cmocka_unit_test(services_that_stand_still_are_problems),
		cmocka_unit_test(kube_vip_is_looked_for_where_it_carries_the_vip),
		cmocka_unit_test(certificates_that_ended_are_problems_those_that_will_are_risks),
		cmocka_unit_test(single_points_of_failure_are_named),
		cmocka_unit_test(a_control_plane_node_that_nobody_looks_after_is_named),
		cmocka_unit_test(serial_numbers_that_say_nothing_and_single_neighbours_are_no_risk),
		cmocka_unit_test(a_foreign_balancer_is_named_as_one_point_that_everything_goes_through),
		cmocka_unit_test(without_a_cluster_and_without_an_answer_that_is_all_that_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
