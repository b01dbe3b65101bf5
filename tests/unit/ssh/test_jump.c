/* Nodes behind bastions: each is a real sshd of its own on the loopback. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "sshd.h"

static struct sshd node, bastion, second;
static struct ssh_share *share;

static void start(struct sshd *d, const char *extra)
{
	sshd_prepare(d);
	/* one key logs in everywhere */
	if (d != &node)
		SYSTEM("cp %s/id.pub %s/authorized_keys", node.dir, d->dir);
	sshd_start(d, extra);
	sshd_know(d, "ed25519");
}

static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	start(&node, NULL);
	start(&bastion, NULL);
	start(&second, NULL);
	return ssh_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&node);
	sshd_remove(&bastion);
	sshd_remove(&second);
	return 0;
}

static int new_share(void **state)
{
	(void)state;
	share = ssh_share_new();
	return 0;
}

static int free_share(void **state)
{
	(void)state;
	ssh_share_free(share);
	share = NULL;
	return 0;
}

/* The way to a node: its own options, and those of up to two bastions. */
struct way {
	struct sshd_client node, first, second;
};

static void way_init(struct way *w)
{
	sshd_client_init(&w->node, &node, "id");
	sshd_client_init(&w->first, &bastion, "id");
	sshd_client_init(&w->second, &second, "id");
	w->first.options.identity_files = w->second.options.identity_files = w->node.options.identity_files;
	w->node.options.share = share;
	w->node.options.via = &w->first.options;
}

static void way_release(struct way *w)
{
	sshd_client_release(&w->node);
	sshd_client_release(&w->first);
	sshd_client_release(&w->second);
}

#define auto_way AUTO(way_release)

static struct remote *connect_way(const struct way *w, struct err *err)
{
	struct remote *r = ssh_connect(&w->node.options, err);

	if (r)
		r->root = REMOTE_ROOT_NONE;
	return r;
}

static void assert_works(struct remote *r)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "echo \"$SSH_CONNECTION\"; head -c 300000 /dev/zero | tr '\\0' x" };
	char port[32];

	if (remote_run(r, &cmd, &res, &err) < 0)
		fail_msg("%s", err.msg);
	snprintf(port, sizeof(port), " %d\n", node.port);
	assert_non_null(strstr(buf_str(&res.out), port));
	assert_true(res.out.len > 300000);
}

static void assert_refused(const struct way *w, const char *a, const char *b)
{
	auto_err struct err err = ERR_INIT;

	assert_null(connect_way(w, &err));
	assert_int_equal(err.kind, ERR_CONNECT);
	if (!strstr(err.msg, a) || !strstr(err.msg, b))
		print_error("%s\n", err.msg);
	assert_non_null(strstr(err.msg, a));
	assert_non_null(strstr(err.msg, b));
}

static int count_in_log(const struct sshd *d, const char *text)
{
	auto_buf struct buf log = BUF_INIT;
	int n = 0;

	sshd_read(d, "log", &log);
	for (const char *at = buf_str(&log); (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void a_node_is_reached_through_a_bastion(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_way struct way w;
	struct remote *r;

	(void)state;
	way_init(&w);
	r = connect_way(&w, &err);
	if (!r)
		fail_msg("%s", err.msg);
	assert_works(r);
	remote_close(r);
}

static void a_bastion_may_be_behind_another(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_way struct way w;
	struct remote *r;

	(void)state;
	way_init(&w);
	w.first.options.via = &w.second.options;
	r = connect_way(&w, &err);
	if (!r)
		fail_msg("%s", err.msg);
	assert_works(r);
	remote_close(r);
}

enum { MANY = 8 };

static void *connect_and_run(void *arg)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r = connect_way(arg, &err);

	if (!r) {
		print_error("%s\n", err.msg);
		return NULL;
	}
	assert_works(r);
	return r;
}

static void many_nodes_share_one_connection_to_the_bastion(void **state)
{
	int before = count_in_log(&bastion, "Accepted publickey");
	pthread_t threads[MANY];
	auto_way struct way w;
	void *r[MANY];

	(void)state;
	way_init(&w);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, connect_and_run, &w), 0);
	for (int i = 0; i < MANY; i++)
		pthread_join(threads[i], &r[i]);
	for (int i = 0; i < MANY; i++) {
		assert_non_null(r[i]);
		remote_close(r[i]);
	}
	assert_int_equal(count_in_log(&bastion, "Accepted publickey") - before, 1);
}

static void connections_outlive_what_they_share(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_way struct way w;
	struct remote *r;

	(void)state;
	way_init(&w);
	r = connect_way(&w, &err);
	assert_non_null(r);
	free_share(NULL);
	assert_works(r);
	remote_close(r);
}

static void a_port_behind_the_node_is_reached_through_both(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_way struct way w;
	struct remote *r;
	char text[5] = "";
	int fd;

	(void)state;
	way_init(&w);
	r = connect_way(&w, &err);
	assert_non_null(r);
	assert_int_equal(r->ops->tunnel(r, "127.0.0.1", second.port, &fd, &err), 0);
	assert_int_equal(recv(fd, text, 4, MSG_WAITALL), 4);
	assert_string_equal(text, "SSH-");
	close(fd);
	assert_works(r);
	remote_close(r);
}

static void a_node_that_is_not_there_is_told_from_its_bastion(void **state)
{
	auto_way struct way w;

	(void)state;
	way_init(&w);
	close(listen_anywhere(&w.node.options.port));
	assert_refused(&w, "cannot be reached from the bastion", "sshd running on it?");
	w.node.options.host = "no-such-name.invalid";
	assert_refused(&w, "'no-such-name.invalid' port", "cannot be reached from the bastion");
}

static void a_bastion_that_is_not_there_is_told_from_its_nodes(void **state)
{
	auto_way struct way w;

	(void)state;
	way_init(&w);
	close(listen_anywhere(&w.first.options.port));
	assert_refused(&w, "not reached through its bastion: ", "127.0.0.1: Connection refused");
}

static void a_bastion_that_forbids_forwarding_says_so(void **state)
{
	struct sshd strict;
	auto_way struct way w;
	auto_client struct sshd_client c;

	(void)state;
	start(&strict, "AllowTcpForwarding no");
	way_init(&w);
	sshd_client_init(&c, &strict, "id");
	c.options.identity_files = w.node.options.identity_files;
	w.node.options.via = &c.options;
	assert_refused(&w, "does not let it through to '127.0.0.1' port", "AllowTcpForwarding and PermitOpen");
	sshd_remove(&strict);
}

static void the_host_key_of_every_hop_is_checked(void **state)
{
	auto_way struct way w;
	bool untrusted = false;

	(void)state;
	way_init(&w);
	w.first.options.via = &w.second.options;
	w.node.options.untrusted = &untrusted;
	sshd_write(&second, "known_hosts", "");
	assert_refused(&w, "not reached through its bastion: ", "its host key is not known");
	assert_true(untrusted);
	sshd_know(&second, "ed25519");
}

static void the_nodes_own_host_key_is_checked_behind_a_bastion(void **state)
{
	auto_way struct way w;
	bool untrusted = false;

	(void)state;
	way_init(&w);
	w.node.options.untrusted = &untrusted;
	SYSTEM("cd %s && sed 's/^/[127.0.0.1]:%d /' id.pub >known_hosts", node.dir, node.port);
	assert_refused(&w, "its host key has changed", "known_hosts:1");
	assert_true(untrusted);
	sshd_know(&node, "ed25519");
}

/* Kills what serves a connection of d: sshd's children, not sshd. */
static void hang_up(const struct sshd *d)
{
	SYSTEM("pkill -KILL -P %d", (int)d->pid);
}

static void a_lost_bastion_is_named(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "sleep 20" };
	int64_t start_ms = clock_ms();
	auto_way struct way w;
	struct remote *r;

	(void)state;
	way_init(&w);
	r = connect_way(&w, &err);
	assert_non_null(r);
	hang_up(&bastion);
	assert_int_equal(remote_run(r, &cmd, &res, &err), -1);
	if (!strstr(err.msg, "the bastion is lost"))
		print_error("%s\n", err.msg);
	assert_non_null(strstr(err.msg, "the bastion is lost"));
	assert_true(clock_ms() - start_ms < 5000);
	remote_close(r);
	err_clear(&err);
	r = connect_way(&w, &err); /* a new connection */
	assert_non_null(r);
	assert_works(r);
	remote_close(r);
}

static void a_bastion_that_comes_back_is_connected_to_again(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_way struct way w;
	struct clock_poll poll = clock_poll_start(5000, 100);
	struct remote *held, *r = NULL;

	(void)state;
	way_init(&w);
	held = connect_way(&w, &err); /* what is known of the bastion is kept by those that are connected */
	assert_non_null(held);
	hang_up(&bastion);
	sshd_stop(&bastion);
	assert_refused(&w, "bastion", "127.0.0.1");
	sshd_run(&bastion);
	while (!r && clock_poll_pause(&poll)) {
		err_clear(&err);
		r = connect_way(&w, &err);
	}
	if (!r)
		fail_msg("%s", err.msg);
	assert_works(r);
	remote_close(r);
	remote_close(held);
}

/* A listener that answers no further connection: its queue is full. */
struct hole {
	int fds[4], port;
};

static void hole_open(struct hole *h)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

	h->fds[0] = listen_anywhere(&h->port);
	assert_int_equal(listen(h->fds[0], 0), 0);
	addr.sin_port = htons((uint16_t)h->port);
	for (int i = 1; i < 4; i++) {
		h->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(h->fds[i], (struct sockaddr *)&addr, sizeof(addr));
	}
}

static void hole_close(struct hole *h)
{
	for (int i = 0; i < 4; i++)
		close(h->fds[i]);
}

static void a_node_that_does_not_answer_its_bastion_is_told(void **state)
{
	auto_way struct way w;
	struct hole hole;

	(void)state;
	hole_open(&hole);
	way_init(&w);
	w.node.options.port = hole.port;
	w.node.options.connect_timeout_ms = 1000;
	assert_refused(&w, "no answer from '127.0.0.1' port", "as seen from the bastion");
	hole_close(&hole);
}

static void *connect_in_vain(void *arg)
{
	auto_err struct err err = ERR_INIT;

	assert_null(connect_way(arg, &err));
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	return NULL;
}

/* libssh2 opens one channel at a time, and these take as long as the kernel tries. */
static void dead_nodes_hold_up_no_others(void **state)
{
	enum { DEAD = 3, LIVING = 6 };
	int before = count_in_log(&bastion, "Accepted publickey"), after;
	pthread_t dead[DEAD], living[LIVING];
	auto_way struct way w, vain;
	struct hole hole;
	void *r;

	(void)state;
	hole_open(&hole);
	way_init(&w);
	way_init(&vain);
	vain.node.options.port = hole.port;
	vain.node.options.connect_timeout_ms = 100000;
	for (int i = 0; i < DEAD; i++)
		assert_int_equal(pthread_create(&dead[i], NULL, connect_in_vain, &vain), 0);
	for (int i = 0; i < LIVING; i++)
		assert_int_equal(pthread_create(&living[i], NULL, connect_and_run, &w), 0);
	for (int i = 0; i < LIVING; i++) {
		pthread_join(living[i], &r);
		assert_non_null(r);
		remote_close(r);
	}
	remote_interrupt(true);
	for (int i = 0; i < DEAD; i++)
		pthread_join(dead[i], NULL);
	remote_interrupt(false);
	after = count_in_log(&bastion, "Accepted publickey") - before;
	assert_in_range(after, 1, 2 * DEAD + 2); /* 1: the living were done before the dead were tried */
	hole_close(&hole);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, new_share, free_share)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_node_is_reached_through_a_bastion),
		TEST(a_bastion_may_be_behind_another),
		TEST(many_nodes_share_one_connection_to_the_bastion),
		TEST(connections_outlive_what_they_share),
		TEST(a_port_behind_the_node_is_reached_through_both),
		TEST(a_node_that_is_not_there_is_told_from_its_bastion),
		TEST(a_bastion_that_is_not_there_is_told_from_its_nodes),
		TEST(a_bastion_that_forbids_forwarding_says_so),
		TEST(the_host_key_of_every_hop_is_checked),
		TEST(the_nodes_own_host_key_is_checked_behind_a_bastion),
		TEST(a_lost_bastion_is_named),
		TEST(a_bastion_that_comes_back_is_connected_to_again),
		TEST(a_node_that_does_not_answer_its_bastion_is_told),
		TEST(dead_nodes_hold_up_no_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
