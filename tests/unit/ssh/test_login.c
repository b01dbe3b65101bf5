#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sshd.h"

static struct sshd sshd;
static pid_t agent; /* 0: none runs */

/* Keys of every type and format; "stranger" is in no authorized_keys. */
static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_prepare(&sshd);
	SYSTEM("cd %s && exec >/dev/null && gen() { ssh-keygen -q -C \"$1\" -f \"$@\"; } && "
	       "gen p256 -N '' -t ecdsa && gen p384 -N '' -t ecdsa -b 384 && gen p521 -N '' -t ecdsa -b 521 && "
	       "gen rsa -N '' -t rsa -b 2048 && gen p256-pem -N '' -t ecdsa -m PEM && "
	       "gen p384-pkcs8 -N '' -t ecdsa -b 384 -m PKCS8 && "
	       "cp rsa rsa-pem && cp rsa rsa-pkcs8 && ssh-keygen -q -p -N '' -m PEM -f rsa-pem && "
	       "ssh-keygen -q -p -N '' -m PKCS8 -f rsa-pkcs8 && "
	       "openssl genpkey -algorithm ed25519 -out ed25519-pkcs8 && chmod 600 ed25519-pkcs8 && "
	       "gen locked -N secret -t ed25519 && gen locked-pem -N secret -t ecdsa -m PEM && "
	       "cat *.pub >authorized_keys && gen stranger -N '' -t ed25519 && "
	       "for i in 1 2 3 4 5 6; do gen s$i -N '' -t ed25519; done",
	       sshd.dir);
	sshd_start(&sshd, NULL);
	sshd_know(&sshd, "ed25519");
	return ssh_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&sshd);
	return 0;
}

/* One login runs a command; for the others it is enough to be let in. */
static void assert_works(struct remote *r)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "echo in" };

	assert_non_null(r);
	assert_int_equal(remote_run(r, &cmd, &res, &err), 0);
	assert_string_equal(buf_str(&res.out), "in\n");
	remote_close(r);
}

static void keys_of_every_type_and_format_log_in(void **state)
{
	static const char *const keys[] = { "id", "p256", "p384", "p521", "rsa", "p256-pem", "p384-pkcs8",
					    "rsa-pem", "rsa-pkcs8" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		auto_err struct err err = ERR_INIT;
		struct remote *r = sshd_connect(&sshd, keys[i], &err);

		if (!r)
			print_error("key '%s'\n", keys[i]);
		assert_non_null(r);
		remote_close(r);
	}
}

static void assert_refused(const char *key, const char *a, const char *b)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;

	sshd_client_init(&c, &sshd, key);
	assert_null(ssh_connect(&c.options, &err));
	assert_int_equal(err.kind, ERR_CONNECT);
	if (!strstr(err.msg, a) || !strstr(err.msg, b))
		print_error("%s\n", err.msg);
	assert_non_null(strstr(err.msg, a));
	assert_non_null(strstr(err.msg, b));
}

static void a_refused_key_is_named_with_the_next_step(void **state)
{
	(void)state;
	assert_refused("stranger", "/stranger (ssh-ed25519)", "ssh-copy-id");
	assert_refused("stranger", "it takes publickey", "login refused");
	/* PEM of ed25519: the type is known though the file does not say it in clear. */
	assert_refused("ed25519-pkcs8", "/ed25519-pkcs8 (ssh-ed25519)", "login refused");
}

static void a_key_that_cannot_be_used_is_explained(void **state)
{
	(void)state;
	assert_refused("nonexistent", "/nonexistent: No such file", "there is no key to log in with");
	assert_refused("sshd_config", "is no private key", "there is no key to log in with");
	assert_refused("locked", "is encrypted and no ssh-agent holds it", "ssh-add");
	assert_refused("locked-pem", "is encrypted and no ssh-agent holds it", "ssh-add");
}

static void the_user_is_named_when_the_login_is_refused(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;

	(void)state;
	sshd_client_init(&c, &sshd, "id");
	c.options.user = "nobody-of-that-name";
	assert_null(ssh_connect(&c.options, &err));
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, "nobody-of-that-name@127.0.0.1:"));
	assert_non_null(strstr(err.msg, "is 'nobody-of-that-name' the right user"));
}

static void no_more_than_five_keys_are_offered(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;
	const char *files[8] = { NULL };
	char *paths[7];

	(void)state;
	sshd_client_init(&c, &sshd, "id");
	for (int i = 0; i < 6; i++)
		files[i] = paths[i] = sshd_path(&sshd, (const char *[]){ "s1", "s2", "s3", "s4", "s5", "s6" }[i]);
	c.options.identity_files = files;
	assert_null(ssh_connect(&c.options, &err));
	assert_non_null(strstr(err.msg, "/s5 (ssh-ed25519)"));
	assert_non_null(strstr(err.msg, "/s6 was not tried: no more than 5 keys are offered"));
	for (int i = 0; i < 6; i++)
		free(paths[i]);
}

static void start_agent(void)
{
	auto_free char *path = sshd_path(&sshd, "agent");
	struct clock_poll p = clock_poll_start(5000, 50);

	unlink(path);
	agent = fork();
	if (!agent) {
		(void)!freopen("/dev/null", "w", stdout);
		execlp("ssh-agent", "ssh-agent", "-D", "-a", path, NULL);
		_exit(127);
	}
	while (access(path, F_OK) < 0)
		assert_true(clock_poll_pause(&p));
	setenv("SSH_AUTH_SOCK", path, 1);
}

static int stop_agent(void **state)
{
	(void)state;
	if (agent > 0) {
		kill(agent, SIGTERM);
		waitpid(agent, NULL, 0);
	}
	agent = 0;
	unsetenv("SSH_AUTH_SOCK");
	return 0;
}

static void the_agent_logs_in_with_every_type(void **state)
{
	static const char *const keys[] = { "id", "p256", "p521", "rsa" };

	(void)state;
	start_agent();
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		auto_err struct err err = ERR_INIT;
		auto_client struct sshd_client c;
		struct remote *r;

		SYSTEM("ssh-add -qD 2>/dev/null; ssh-add -q %s/%s", sshd.dir, keys[i]);
		sshd_client_init(&c, &sshd, "id");
		c.options.identity_files = NULL;
		r = ssh_connect(&c.options, &err);
		if (!r)
			print_error("key '%s': %s\n", keys[i], err.msg);
		assert_non_null(r);
		remote_close(r);
	}
}

static void the_agent_is_asked_for_an_encrypted_key(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *askpass = sshd_path(&sshd, "askpass");

	(void)state;
	start_agent();
	sshd_write(&sshd, "askpass", "#!/bin/sh\necho secret\n");
	chmod(askpass, 0700);
	SYSTEM("cd %s && SSH_ASKPASS=%s SSH_ASKPASS_REQUIRE=force ssh-add -q locked locked-pem </dev/null",
	       sshd.dir, askpass);
	for (int i = 0; i < 2; i++) {
		struct remote *r = sshd_connect(&sshd, i ? "locked-pem" : "locked", &err);

		assert_non_null(r);
		remote_close(r);
	}
}

static void an_agent_that_has_gone_is_passed_over(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	setenv("SSH_AUTH_SOCK", "/nonexistent/agent", 1);
	assert_works(sshd_connect(&sshd, "id", &err));
	unsetenv("SSH_AUTH_SOCK");
}

static void a_login_that_is_not_root_uses_sudo(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;
	struct remote *r;

	(void)state;
	sshd_client_init(&c, &sshd, "id");
	r = ssh_connect(&c.options, &err);
	assert_non_null(r);
	assert_int_equal(r->root, strcmp(sshd.user, "root") ? REMOTE_ROOT_AUTO : REMOTE_ROOT_NONE);
	remote_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_every_type_and_format_log_in),
		cmocka_unit_test(a_refused_key_is_named_with_the_next_step),
		cmocka_unit_test(a_key_that_cannot_be_used_is_explained),
		cmocka_unit_test(the_user_is_named_when_the_login_is_refused),
		cmocka_unit_test(no_more_than_five_keys_are_offered),
		cmocka_unit_test_teardown(the_agent_logs_in_with_every_type, stop_agent),
		cmocka_unit_test_teardown(the_agent_is_asked_for_an_encrypted_key, stop_agent),
		cmocka_unit_test(an_agent_that_has_gone_is_passed_over),
		cmocka_unit_test(a_login_that_is_not_root_uses_sudo),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
