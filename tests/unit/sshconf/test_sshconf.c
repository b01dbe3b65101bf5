#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "sshconf/sshconf.h"

static char config[] = "/tmp/test_sshconf.XXXXXX";
static struct sshconf_run *run;

static int setup(void **state)
{
	(void)state;
	close(mkstemp(config));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(config);
	return 0;
}

static int new_run(void **state)
{
	(void)state;
	run = sshconf_run_new();
	assert_true(sshconf_available(run));
	return 0;
}

static int free_run(void **state)
{
	(void)state;
	sshconf_run_free(run);
	return 0;
}

static void write_config(const char *text)
{
	auto_err struct err err = ERR_INIT;

	assert_int_equal(file_write(config, text, strlen(text), 0600, &err), 0);
}

static const struct sshconf *ask(const char *host, const char *user, int port)
{
	auto_err struct err err = ERR_INIT;
	const struct sshconf *c = sshconf_get(run, &(struct sshconf_ask){ config, host, user, port }, &err);

	if (!c)
		fail_msg("%s", err.msg);
	return c;
}

static void nothing_is_given_by_an_empty_file(void **state)
{
	const struct sshconf *c;

	(void)state;
	write_config("");
	c = ask("10.0.0.11", NULL, 0);
	assert_string_equal(c->hostname, "10.0.0.11");
	assert_null(c->user);
	assert_int_equal(c->identity_files.n, 0);
	assert_int_equal(c->certificate_files.n, 0);
	assert_null(c->proxy_jump);
	assert_null(c->proxy_command);
	assert_null(c->host_key_alias);
	assert_null(c->identity_agent);
	assert_int_equal(c->connect_timeout_ms, 0);
	assert_int_equal(c->alive_interval_ms, 0);
}

static void what_is_given_is_read(void **state)
{
	const struct sshconf *c;

	(void)state;
	write_config("Host m1\n  HostName 10.0.0.11\n  User ops\n  Port 2222\n"
		     "  IdentityFile /keys/%r@%h:%p\n  IdentityFile ~/second\n  IdentitiesOnly yes\n"
		     "  CertificateFile /keys/c-cert.pub\n  IdentityAgent /run/agent\n"
		     "  UserKnownHostsFile /a/known /b/known\n  GlobalKnownHostsFile /c/known\n"
		     "  HostKeyAlias m1.key\n  ProxyJump ops@b1:2022,b2\n  ConnectTimeout 7\n"
		     "  ServerAliveInterval 2\n  ServerAliveCountMax 4\n");
	c = ask("m1", NULL, 0);
	assert_string_equal(c->hostname, "10.0.0.11");
	assert_string_equal(c->user, "ops");
	assert_int_equal(c->port, 2222);
	assert_int_equal(c->identity_files.n, 2);
	assert_string_equal(c->identity_files.v[0], "/keys/ops@10.0.0.11:2222");
	assert_non_null(strstr(c->identity_files.v[1], "/second"));
	assert_int_equal(*c->identity_files.v[1], '/');
	assert_true(c->identities_only);
	assert_string_equal(c->certificate_files.v[0], "/keys/c-cert.pub");
	assert_string_equal(c->identity_agent, "/run/agent");
	assert_int_equal(c->known_hosts.n, 3);
	assert_string_equal(c->known_hosts.v[0], "/a/known");
	assert_string_equal(c->known_hosts.v[2], "/c/known");
	assert_string_equal(c->host_key_alias, "m1.key");
	assert_string_equal(c->proxy_jump, "ops@b1:2022,b2");
	assert_int_equal(c->connect_timeout_ms, 7000);
	assert_int_equal(c->alive_interval_ms, 2000);
	assert_int_equal(c->alive_count, 4);
}

static void a_user_that_is_given_is_told_from_the_one_who_asks(void **state)
{
	const struct passwd *pw = getpwuid(getuid());
	auto_free char *text = NULL;

	(void)state;
	assert_non_null(pw);
	assert_true(asprintf(&text, "Host m1\n  User %s\n", pw->pw_name) > 0);
	write_config(text);
	assert_string_equal(ask("m1", NULL, 0)->user, pw->pw_name);
	assert_null(ask("m2", NULL, 0)->user);
}

static void a_default_key_that_is_given_is_given(void **state)
{
	(void)state;
	write_config("Host m1\n  IdentityFile ~/.ssh/id_rsa\n");
	assert_int_equal(ask("m1", NULL, 0)->identity_files.n, 1);
	assert_int_equal(ask("m2", NULL, 0)->identity_files.n, 0);
}

static void what_is_known_already_counts_for_match(void **state)
{
	const struct sshconf *c;

	(void)state;
	write_config("Match user deploy\n  IdentityFile /keys/deploy\nHost m1\n  Port 2222\n  User x\n");
	c = ask("m1", "deploy", 2200);
	assert_string_equal(c->identity_files.v[0], "/keys/deploy");
	assert_null(c->user); /* who was asked with */
	assert_int_equal(c->port, 2200);
}

static void a_proxy_command_is_told(void **state)
{
	(void)state;
	write_config("Host m1\n  ProxyCommand nc %h %p\n");
	assert_string_equal(ask("m1", NULL, 0)->proxy_command, "nc %h %p");
}

static void a_broken_file_is_shown_with_sshs_own_words(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	write_config("Host m1\n  Pront 22\n");
	assert_null(sshconf_get(run, &(struct sshconf_ask){ config, "m1", NULL, 0 }, &err));
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, config));
	assert_non_null(strstr(err.msg, "line 2: Bad configuration option: pront"));
}

static void nothing_is_asked_of_a_name_that_looks_like_an_option(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_null(sshconf_get(run, &(struct sshconf_ask){ config, "-oProxyCommand=x", NULL, 0 }, &err));
	assert_int_equal(err.kind, ERR_CONNECT);
}

enum { MANY = 32 };

static void *ask_once(void *host)
{
	return (void *)(uintptr_t)ask(host, NULL, 0);
}

/* One that runs a command would tell how often. */
static void many_threads_share_one_answer(void **state)
{
	auto_free char *text = NULL, *count = NULL;
	auto_buf struct buf ran = BUF_INIT;
	auto_err struct err err = ERR_INIT;
	pthread_t threads[MANY];
	void *answers[MANY];

	(void)state;
	assert_true(asprintf(&count, "%s.count", config) > 0);
	assert_true(asprintf(&text, "Match host shared exec \"echo x >>%s\"\n  User ops\n", count) > 0);
	write_config(text);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_once, (void *)(uintptr_t)"shared"), 0);
	for (int i = 0; i < MANY; i++)
		pthread_join(threads[i], &answers[i]);
	for (int i = 1; i < MANY; i++)
		assert_ptr_equal(answers[i], answers[0]);
	assert_int_equal(file_read(count, 100, &ran, &err), 0);
	unlink(count);
	assert_string_equal(buf_str(&ran), "x\n");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, new_run, free_run)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_given_by_an_empty_file),
		TEST(what_is_given_is_read),
		TEST(a_user_that_is_given_is_told_from_the_one_who_asks),
		TEST(a_default_key_that_is_given_is_given),
		TEST(what_is_known_already_counts_for_match),
		TEST(a_proxy_command_is_told),
		TEST(a_broken_file_is_shown_with_sshs_own_words),
		TEST(nothing_is_asked_of_a_name_that_looks_like_an_option),
		TEST(many_threads_share_one_answer),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
