#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "remote/log.h"
#include "apply.h"

static void a_bootstrap_makes_a_cluster_and_the_next_one_changes_nothing(void **state)
{
	struct sim s;

	(void)state;
	sim_start(&s);
	assert_applies(&s, true);
	assert_applies(&s, false);
	sim_stop(&s);
}

static void a_kubeadm_that_takes_too_long_is_named_with_its_time_and_the_likely_cause(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct told told;
	struct sim s;

	(void)state;
	sim_start(&s);
	s.late = "verb='\\''join'\\''";
	for (int i = 0; i < SIM_NODES; i++)
		remote_fake_answer(s.nodes[i].fake, "section kubelet", 0, "== disk\nfull /var/lib/etcd (/, 0 KiB free)\n", "");
	assert_int_equal(apply(&s, &told, &err), -1);
	assert_int_equal(err.kind, ERR_REMOTE);
	assert_string_equal(told.step, "join-control-plane");
	assert_non_null(strstr(err.msg, told.node));
	if (!strstr(err.msg, "kubeadm join did not end within 900 s (timeouts.kubeadm)"))
		fail_msg("%s", err.msg);
	assert_non_null(strstr(err.msg, "likely cause: "));
	assert_non_null(strstr(err.msg, "the same command waits for its end"));
	/* the kubeadm that goes on needs it */
	assert_int_equal(s.tokens_ended, 0);
	/* the other one goes on, and becomes a member */
	assert_int_equal((s.nodes[1].member == SIM_STARTED) + (s.nodes[2].member == SIM_STARTED), 1);
	assert_applies(&s, true);
	assert_int_equal(s.tokens_ended, 1);
	sim_stop(&s);
}

/* A cluster whose node looks as if its init or join had not ended; what apply says of it. */
static void assert_left_alone(struct sim *s, struct sim_node *n, const char *begun, const char *why)
{
	auto_err struct err err = ERR_INIT;
	struct told told;

	strcpy(n->begun, begun);
	assert_int_equal(apply(s, &told, &err), -1);
	assert_string_equal(told.step, "ask");
	if (!strstr(err.msg, why))
		fail_msg("%s", err.msg);
	assert_string_equal(n->begun, begun);
	assert_true(n->kubelet_conf && n->etcd);
}

static void a_node_of_a_living_cluster_is_taken_apart_only_with_a_yes_for_it(void **state)
{
	struct sim s;

	(void)state;
	sim_start(&s);
	assert_applies(&s, true);
	s.nodes[1].apiserver = false; /* moved away for repairs */
	assert_left_alone(&s, &s.nodes[1], "join", "m2: an earlier kubeadm join did not finish, yet it is part of a living cluster");
	s.yes_m2 = true;
	s.nodes[2].apiserver = false;
	assert_left_alone(&s, &s.nodes[2], "join", "'--yes m3' has it taken away");
	s.nodes[2].apiserver = true;
	*s.nodes[2].begun = '\0';
	strcpy(s.nodes[1].begun, "join");
	s.nodes[1].apiserver = false;
	assert_applies(&s, true);
	sim_stop(&s);
}

static void the_first_node_is_left_alone_when_others_have_joined_it(void **state)
{
	struct sim s;

	(void)state;
	sim_start(&s);
	assert_applies(&s, true);
	s.nodes[0].listed = false;
	assert_left_alone(&s, &s.nodes[0], "init", "other nodes have joined its cluster");
	sim_stop(&s);
}

/* ---- the log ---- */

/* As a run keeps it. */
struct kept {
	pthread_mutex_t lock;
	struct buf text;
};

static void keep(void *ctx, const struct remote_record *rec)
{
	struct kept *k = ctx;

	pthread_mutex_lock(&k->lock);
	remote_record_text(rec, SIZE_MAX, &k->text);
	pthread_mutex_unlock(&k->lock);
}

static void assert_absent(const struct kept *k, const char *what, const char *secret)
{
	auto_buf struct buf base64 = BUF_INIT;

	assert_true(secret && strlen(secret) >= 8);
	if (strstr(buf_str(&k->text), secret))
		fail_msg("the log shows %s", what);
	pki_base64_encode(secret, strlen(secret), &base64);
	if (strstr(buf_str(&k->text), buf_str(&base64)))
		fail_msg("the log shows %s in base64", what);
}

/* A line in the middle is enough to tell a key. */
static void assert_no_key(const struct kept *k, const char *what, const char *pem)
{
	const char *line = strchr(pem, '\n') + 1;
	auto_free char *second = strndup(line, strcspn(line, "\n"));

	assert_absent(k, what, second);
	assert_absent(k, what, pem);
}

static void the_log_of_a_bootstrap_names_every_call_and_no_secret(void **state)
{
	static const char token[] = "abcdef.0123456789abcdef";
	static const char key[] = "f8902e114ef118304e561c3ecd4d0b543adc226b7a07f675f56564185ffe0c07";
	struct kept k = { PTHREAD_MUTEX_INITIALIZER, BUF_INIT };
	struct remote_log log = { keep, &k };
	auto_free char *said = NULL;
	const char *conf;
	mode_t mode;
	struct sim s;

	(void)state;
	sim_start(&s);
	s.log = &log;
	s.password = "pa55w0rd";
	assert_true(asprintf(&said, "kubeadm join 127.0.1.9:6443 --token %s \\\n  --certificate-key %s\n%s", token, key, s.ca.key_pem) > 0);
	for (int i = 0; i < SIM_NODES; i++)
		remote_fake_answer(s.nodes[i].fake, "kubeadm init --config \"$config\"", 0, said, s.sa.key_pem);
	assert_applies(&s, true);
	assert_applies(&s, false);
	assert_non_null(strstr(buf_str(&k.text), "m1: kubeadm-run.sh: begins\n    verb=init\n"));
	assert_non_null(strstr(buf_str(&k.text), "m3: kubeadm-run.sh: status 0 ("));
	assert_non_null(strstr(buf_str(&k.text), "    out| kubeadm join 127.0.1.9:6443 --token ***"));
	assert_non_null(strstr(buf_str(&k.text), "m2: put /etc/kubernetes/pki/"));
	assert_non_null(strstr(buf_str(&k.text), "m1: get /etc/kubernetes/admin.conf"));
	assert_absent(&k, "a token", token);
	assert_absent(&k, "a certificate key", key);
	assert_no_key(&k, "the CA's key", s.ca.key_pem);
	assert_no_key(&k, "etcd's CA's key", s.etcd_ca.key_pem);
	assert_no_key(&k, "the key of service accounts", s.sa.key_pem);
	assert_no_key(&k, "the front proxy's CA's key", s.front.key_pem);
	assert_no_key(&k, "the administrator's key", s.client.key_pem);
	conf = remote_fake_text(s.nodes[0].fake, "/etc/keepalived/keepalived.conf", &mode);
	assert_non_null(strstr(conf, s.password));
	assert_absent(&k, "keepalived.conf", conf);
	assert_absent(&k, "the password of VRRP", s.password);
	buf_wipe(&k.text);
	sim_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bootstrap_makes_a_cluster_and_the_next_one_changes_nothing),
		cmocka_unit_test(a_node_of_a_living_cluster_is_taken_apart_only_with_a_yes_for_it),
		cmocka_unit_test(the_first_node_is_left_alone_when_others_have_joined_it),
		cmocka_unit_test(a_kubeadm_that_takes_too_long_is_named_with_its_time_and_the_likely_cause),
		cmocka_unit_test(the_log_of_a_bootstrap_names_every_call_and_no_secret),
	};

	return cmocka_run_group_tests(tests, setup, cleanup);
}
