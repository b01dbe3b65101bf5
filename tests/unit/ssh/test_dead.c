/* Peers that stop answering while a command runs: sshd stopped, cable pulled, bastion stopped. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "sshd.h"

static struct sshd dead, living;

/* true: 127.0.0.1 is this program's own, and may be taken down.  Needs root. */
static bool own_network;

static void set_loopback(bool up)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = (short)(up ? IFF_UP | IFF_RUNNING : 0) };
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
}

static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	own_network = unshare(CLONE_NEWNET) == 0;
	if (own_network)
		set_loopback(true);
	sshd_prepare(&dead);
	sshd_prepare(&living);
	SYSTEM("cp %s/id.pub %s/authorized_keys", dead.dir, living.dir);
	sshd_start(&dead, NULL);
	sshd_know(&dead, "ed25519");
	sshd_start(&living, NULL);
	sshd_know(&living, "ed25519");
	return ssh_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&dead);
	sshd_remove(&living);
	return 0;
}

struct patient {
	struct remote *r;
	int ms;         /* until it was given up */
	char said[500];
	pthread_t thread;
};

static void *wait_for_it(void *arg)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "sleep 60", .timeout_ms = 40000 };
	struct patient *p = arg;
	int64_t start_ms = clock_ms();

	assert_int_equal(remote_run(p->r, &cmd, &res, &err), -1);
	p->ms = (int)(clock_ms() - start_ms);
	snprintf(p->said, sizeof(p->said), "%s", err.msg);
	return NULL;
}

static void patient_start(struct patient *p, const struct sshd *d, const struct ssh_options *via, int alive_ms)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c, key;

	sshd_client_init(&c, d, "id");
	sshd_client_init(&key, &dead, "id"); /* logs in everywhere */
	c.options.identity_files = key.options.identity_files;
	c.options.alive_interval_ms = alive_ms;
	c.options.alive_count = 3;
	c.options.via = via;
	p->r = ssh_connect(&c.options, &err);
	if (!p->r)
		fail_msg("%s", err.msg);
	p->r->root = REMOTE_ROOT_NONE;
	assert_int_equal(pthread_create(&p->thread, NULL, wait_for_it, p), 0);
}

static void assert_given_up(struct patient *p, int least_ms, int most_ms, const char *said)
{
	int64_t start_ms;

	pthread_join(p->thread, NULL);
	print_message("given up after %d ms\n", p->ms);
	if (p->ms < least_ms || p->ms > most_ms || !strstr(p->said, said))
		print_error("after %d ms: %s\n", p->ms, p->said);
	assert_in_range(p->ms, least_ms, most_ms);
	assert_non_null(strstr(p->said, said));
	start_ms = clock_ms();
	remote_close(p->r);
	assert_true(clock_ms() - start_ms < 2000);
}

static void assert_lives(void)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c, key;
	struct remote *r;

	sshd_client_init(&c, &living, "id");
	sshd_client_init(&key, &dead, "id");
	c.options.identity_files = key.options.identity_files;
	r = ssh_connect(&c.options, &err);
	if (!r)
		fail_msg("%s", err.msg);
	remote_close(r);
}

static void signal_sessions(const struct sshd *d, const char *name)
{
	SYSTEM("pkill -%s -P %d", name, (int)d->pid);
}

static void let_commands_start(void)
{
	clock_poll_pause(&(struct clock_poll){ INT64_MAX, 500, 500 });
}

static void a_stopped_sshd_is_noticed_in_ten_seconds_or_what_is_asked_for(void **state)
{
	struct patient usual = { 0 }, quick = { 0 };

	(void)state;
	patient_start(&usual, &dead, NULL, 0);
	patient_start(&quick, &dead, NULL, 1000);
	let_commands_start();
	signal_sessions(&dead, "STOP");
	assert_lives();
	assert_given_up(&quick, 3000, 8000, "nothing heard for 3 s");
	assert_given_up(&usual, 9000, 15000, "nothing heard for 9 s");
	signal_sessions(&dead, "KILL");
}

static void a_stopped_bastion_is_named(void **state)
{
	auto_client struct sshd_client bastion;
	struct ssh_share *share = ssh_share_new();
	struct patient p = { 0 };

	(void)state;
	sshd_client_init(&bastion, &dead, "id");
	bastion.options.alive_interval_ms = 1000;
	bastion.options.alive_count = 3;
	patient_start(&p, &living, &bastion.options, 0);
	let_commands_start();
	signal_sessions(&dead, "STOP");
	assert_given_up(&p, 3000, 8000, "the bastion is lost: ");
	assert_non_null(strstr(p.said, "nothing heard for 3 s"));
	signal_sessions(&dead, "KILL");
	ssh_share_free(share);
}

/* Nothing comes back from a node that is dead behind its bastion, and what is sent to it is taken. */
static void a_held_command_behind_a_bastion_is_known_to_be_lost(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_client struct sshd_client c, via;
	const struct remote_cmd cmd = { .script = "printf '\\n%s held\\n' \"$hactl_nonce\"; while read -r x; do :; done" };
	struct clock_poll poll = clock_poll_start(30000, 100);
	struct remote *r;

	(void)state;
	sshd_client_init(&via, &living, "id");
	sshd_client_init(&c, &dead, "id");
	via.options.identity_files = c.options.identity_files;
	c.options.via = &via.options;
	r = ssh_connect(&c.options, &err);
	if (!r)
		fail_msg("%s", err.msg);
	r->root = REMOTE_ROOT_NONE;
	assert_int_equal(remote_hold(r, &cmd, &res, &err), 1);
	for (struct clock_poll calm = clock_poll_start(8000, 100); clock_poll_pause(&calm);)
		assert_int_equal(remote_beat(r), 0);
	signal_sessions(&dead, "STOP");
	while (remote_beat(r) == 0)
		assert_true(clock_poll_pause(&poll));
	signal_sessions(&dead, "CONT");
	remote_close(r);
}

static void a_pulled_cable_is_noticed_too(void **state)
{
	struct patient p = { 0 };

	(void)state;
	if (!own_network) {
		print_message("NOT TESTED: without root no cable can be pulled\n");
		skip();
	}
	patient_start(&p, &living, NULL, 1000);
	let_commands_start();
	set_loopback(false);
	assert_given_up(&p, 1500, 8000, "the connection is lost");
	set_loopback(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stopped_sshd_is_noticed_in_ten_seconds_or_what_is_asked_for),
		cmocka_unit_test(a_stopped_bastion_is_named),
		cmocka_unit_test(a_held_command_behind_a_bastion_is_known_to_be_lost),
		cmocka_unit_test(a_pulled_cable_is_noticed_too),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
