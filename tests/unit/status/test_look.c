#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../certs.h"
#include "pki/pki.h"
#include "remote/fake.h"
#include "status/status.h"

static const char yaml[] =
	"apiVersion: hactl/v1\nkind: Cluster\nname: t\nendpoint: 10.0.0.9:6443\ncontrolPlane:\n"
	"  - {name: m1, address: 10.0.0.11}\n  - {name: m2, address: 10.0.0.12}\n"
	"  - {name: m3, address: 10.0.0.13}\n";

static bool away[3];    /* nodes that cannot be reached */
static bool holds[3];   /* nodes that carry the VIP */
static bool stopped[3]; /* their kubelet */
static int connections;
static struct cert ca;

/* Control-plane nodes whose admin.conf was never copied: what their sessions tell is all there is. */
static void teach(struct remote *r, int i)
{
	auto_buf struct buf b = BUF_INIT;

	buf_printf(&b, "status_kubelet=%s\nstatus_server=https://10.0.0.9:6443\nstatus_host_serial=None\nstatus_cert=apiserver.crt ",
		   stopped[i] ? "inactive" : "active");
	pki_base64_encode(ca.cert_pem, strlen(ca.cert_pem), &b);
	buf_printf(&b, "\nstatus_cert=broken.crt AAAA\nhostname=m%d\nsystemd=yes\naddr=eth0 10.0.0.1%d/24\n%skeepalived=2.2.7\ncurl=yes\n"
		   "keepalived_active=active\nhas=kubelet.conf\nclock_begin=1.0\nclock=1.0\nend=1\n", i + 1, i + 1,
		   holds[i] ? "addr=eth0 10.0.0.9/32\n" : "");
	remote_fake_answer(r, "status_%s", 0, buf_str(&b), NULL);
	remote_fake_answer(r, "section kubelet", 0, "== disk\nfull /var/lib/kubelet (/, 0 KiB free)\n== end\n", NULL);
}

static struct remote *connect_fake(void *ctx, const struct inv_node *n, const char *address, bool *untrusted, struct err *err)
{
	int i = n->name[1] - '1';
	struct remote *r;

	(void)ctx, (void)address, (void)untrusted;
	__atomic_add_fetch(&connections, 1, __ATOMIC_RELAXED);
	assert_in_range(n->ssh.connect_timeout_ms, 1, 4000);
	if (away[i]) {
		err_set(err, ERR_CONNECT, "no route");
		return NULL;
	}
	r = remote_fake();
	teach(r, i);
	return r;
}

static enum steps_part everyone(const void *ctx, const struct inv_node *n)
{
	(void)ctx, (void)n;
	return STEPS_TARGET;
}

struct fixture {
	struct inventory inv;
	struct steps_run run;
	struct status st;
};

static void begin(struct fixture *f)
{
	static const struct plan_phase *const none[] = { NULL };
	const struct steps_options opt = { .connect = connect_fake };
	char path[] = "/tmp/status-XXXXXX";
	auto_err struct err err = ERR_INIT;
	int fd = mkstemp(path);

	assert_true(write(fd, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
	close(fd);
	assert_int_equal(inventory_load(path, &f->inv, &err), 0);
	unlink(path);
	assert_int_equal(steps_run_init(&f->run, &f->inv, &opt, everyone, NULL, &err), 0);
	assert_int_equal(plan_run(&f->run.plan, none, &err), 0);
	status_init(&f->st, &f->run);
	connections = 0;
}

static void finish(struct fixture *f)
{
	status_release(&f->st);
	steps_run_release(&f->run);
	inventory_release(&f->inv);
	memset(away, 0, sizeof(away));
	memset(holds, 0, sizeof(holds));
	memset(stopped, 0, sizeof(stopped));
}

static bool says(const struct strs *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (strstr(l->v[i], text))
			return true;
	return false;
}

static void a_look_gathers_what_each_node_tells_and_names_those_that_do_not(void **state)
{
	struct fixture f = { .st = { 0 } };

	(void)state;
	away[1] = holds[0] = holds[2] = true;
	begin(&f);
	status_look(&f.st);
	assert_int_equal(f.st.reached, 2);
	assert_int_equal(f.st.holders, 2);
	assert_true(f.st.has_cluster && !f.st.listed_known && !f.st.members);
	assert_int_equal(f.st.nodes[1].ssh.answer, STATUS_BAD);
	assert_string_equal(f.st.nodes[1].ssh.why, "no route");
	assert_int_equal(f.st.nodes[0].ncerts, 1); /* what is no certificate is left out */
	assert_string_equal(f.st.nodes[0].certs[0].name, "apiserver.crt");
	assert_true(f.st.nodes[0].certs[0].expires > time(NULL));
	assert_int_equal(f.st.endpoint.answer, STATUS_UNASKED);
	assert_int_equal(f.st.nodes[0].keepalived_conf, STATUS_CONF_MISSING);
	assert_true(says(&f.st.problems, "m2: cannot be reached: no route"));
	assert_true(says(&f.st.problems, "held by 2 nodes at once: m1, m3"));
	assert_false(says(&f.st.risks, "run on one machine")); /* the serial number is none */
	finish(&f);
}

static void the_next_look_keeps_sessions_and_connects_to_those_that_are_back(void **state)
{
	struct fixture f = { .st = { 0 } };

	(void)state;
	away[2] = holds[0] = true;
	begin(&f);
	status_look(&f.st);
	assert_int_equal(connections, 3);
	away[2] = false;
	status_look(&f.st);
	assert_int_equal(connections, 4);
	assert_int_equal(f.st.reached, 3);
	assert_int_equal(f.st.holders, 1);
	assert_false(says(&f.st.problems, "cannot be reached"));
	finish(&f);
}

static void a_session_that_broke_is_opened_again(void **state)
{
	struct fixture f = { .st = { 0 } };

	(void)state;
	begin(&f);
	status_look(&f.st);
	remote_fake_fail(f.run.nodes[0].remote, 1);
	status_look(&f.st);
	assert_int_equal(f.st.reached, 2);
	status_look(&f.st);
	assert_int_equal(f.st.reached, 3);
	assert_int_equal(connections, 4);
	finish(&f);
}

static void a_node_that_does_not_do_its_part_is_asked_why(void **state)
{
	struct fixture f = { .st = { 0 } };

	(void)state;
	stopped[1] = true;
	begin(&f);
	status_look(&f.st);
	assert_true(says(&f.st.problems, "m2: likely cause: the file system of /var/lib/kubelet is full; free some space"));
	assert_false(says(&f.st.problems, "m1: likely cause"));
	finish(&f);
}

static void a_run_that_is_to_end_ends_the_look(void **state)
{
	struct fixture f = { .st = { 0 } };
	const int stop = 1;

	(void)state;
	begin(&f);
	f.run.plan.stop = &stop;
	status_look(&f.st); /* returns */
	remote_interrupt(false);
	finish(&f);
}

static int make_certs(void **state)
{
	(void)state;
	ca = cert_make(&(struct cert_spec){ .cn = "ca" });
	return 0;
}

static int release_certs(void **state)
{
	(void)state;
	cert_release(&ca);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_gathers_what_each_node_tells_and_names_those_that_do_not),
		cmocka_unit_test(the_next_look_keeps_sessions_and_connects_to_those_that_are_back),
		cmocka_unit_test(a_session_that_broke_is_opened_again),
		cmocka_unit_test(a_node_that_does_not_do_its_part_is_asked_why),
		cmocka_unit_test(a_run_that_is_to_end_ends_the_look),
	};

	return cmocka_run_group_tests(tests, make_certs, release_certs);
}
