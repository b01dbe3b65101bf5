#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "over.h"
#include "../ssh/sshd.h"

static struct sshd sshd;

static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_prepare(&sshd);
	return ssh_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&sshd);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	sshd_stop(&sshd);
	return 0;
}

static void start(const char *extra)
{
	sshd_start(&sshd, extra);
	sshd_know(&sshd, "ed25519");
}

static void assert_works(struct remote *r)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "echo in" };

	assert_non_null(r);
	if (remote_run(r, &cmd, &res, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(buf_str(&res.out), "in\n");
	remote_close(r);
}

static void assert_connects(const struct ssh_options *o)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r = ssh_connect(o, &err);

	if (!r)
		fail_msg("%s", err.msg);
	r->root = REMOTE_ROOT_NONE;
	assert_works(r);
}

static void assert_fails(const struct ssh_options *o, const char *a, const char *b)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r = ssh_connect(o, &err);

	assert_null(r);
	assert_int_equal(err.kind, ERR_CONNECT);
	if (!strstr(err.msg, a) || !strstr(err.msg, b))
		fail_msg("%s", err.msg);
}

static void a_closed_port_is_told(void **state)
{
	auto_client struct sshd_client c;

	(void)state;
	close(listen_anywhere(&sshd.port));
	sshd_client_init(&c, &sshd, "id");
	assert_fails(&c.options, "Connection refused", "sshd running there?");
}

static void a_name_that_has_no_address_is_told(void **state)
{
	auto_client struct sshd_client c;

	(void)state;
	sshd_client_init(&c, &sshd, "id");
	c.options.host = "no-such-name.invalid";
	c.options.connect_timeout_ms = 30000;
	assert_fails(&c.options, "no-such-name.invalid", "the name has no address");
}

static void a_server_that_says_nothing_runs_into_the_timeout(void **state)
{
	auto_close int fd = listen_anywhere(&sshd.port);
	int64_t begun = clock_ms();
	auto_client struct sshd_client c;

	(void)state;
	assert_true(fd >= 0);
	sshd_client_init(&c, &sshd, "id");
	c.options.connect_timeout_ms = 500;
	assert_fails(&c.options, "no answer in time", "no firewall between?");
	assert_true(clock_ms() - begun < 9000);
}

static void a_machine_without_ssh_is_told(void **state)
{
	auto_free char *path = strdup(getenv("PATH"));
	auto_client struct sshd_client c;

	(void)state;
	sshd_client_init(&c, &sshd, "id");
	setenv("PATH", "/nonexistent", 1);
	assert_fails(&c.options, "there is no ssh on this machine", "openssh-client");
	setenv("PATH", path, 1);
}

static void a_refused_login_is_told_with_the_next_step(void **state)
{
	auto_client struct sshd_client c;

	(void)state;
	start(NULL);
	SYSTEM("cd %s && rm -f stranger && ssh-keygen -q -t ed25519 -N '' -f stranger", sshd.dir);
	sshd_client_init(&c, &sshd, "stranger");
	c.options.identities_only = true;
	assert_fails(&c.options, "login refused", "ssh-copy-id");
	sshd_client_release(&c);
	sshd_client_init(&c, &sshd, "id");
	c.options.user = "nobody-of-that-name";
	assert_fails(&c.options, "nobody-of-that-name@127.0.0.1:", "is 'nobody-of-that-name' the right user");
}

static void a_key_that_is_not_there_is_named(void **state)
{
	auto_client struct sshd_client c;

	(void)state;
	start(NULL);
	sshd_client_init(&c, &sshd, "nonexistent");
	c.options.identities_only = true;
	assert_fails(&c.options, "/nonexistent: No such file", "login refused");
}

/* What libssh2 1.10 has no way into. */
static void servers_of_hardening_guides_are_reached(void **state)
{
	static const char *const configs[] = {
		"MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com\nCiphers aes256-ctr",
		"Ciphers chacha20-poly1305@openssh.com", "Ciphers aes256-gcm@openssh.com",
		"KexAlgorithms sntrup761x25519-sha512@openssh.com",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
		auto_client struct sshd_client c;

		start(configs[i]);
		sshd_client_init(&c, &sshd, "id");
		assert_connects(&c.options);
		sshd_stop(&sshd);
	}
}

static void a_server_with_nothing_but_an_rsa_host_key_is_reached(void **state)
{
	auto_client struct sshd_client c;

	(void)state;
	SYSTEM("cd %s && mv host_ed25519 kept && { [ -e host_rsa ] || "
	       "ssh-keygen -q -t rsa -b 2048 -N '' -f host_rsa; } && cp host_rsa host_ed25519", sshd.dir);
	sshd_start(&sshd, "HostKeyAlgorithms rsa-sha2-512");
	sshd_know(&sshd, "rsa");
	sshd_client_init(&c, &sshd, "id");
	assert_connects(&c.options);
	SYSTEM("cd %s && mv kept host_ed25519", sshd.dir);
}

static void what_the_server_offers_is_told_when_nothing_is_common(void **state)
{
	auto_client struct sshd_client c;

	(void)state;
	start("MACs hmac-sha2-256\nCiphers aes128-ctr");
	sshd_write(&sshd, "config", "MACs hmac-sha2-512\n");
	sshd_client_init(&c, &sshd, "id");

	auto_free char *config = sshd_path(&sshd, "config");

	c.options.config_file = config;
	assert_fails(&c.options, "no matching MAC found. Their offer: hmac-sha2-256", "no common algorithm");
}

static void certificates_of_users_log_in(void **state)
{
	static const char *const types[] = { "ed25519", "ecdsa", "rsa" };

	(void)state;
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -N '' -f ca && for t in ed25519 ecdsa rsa; do "
	       "ssh-keygen -q -t $t -N '' -f c_$t && ssh-keygen -q -s ca -I me -n %s c_$t.pub; done",
	       sshd.dir, sshd.user);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		auto_free char *extra = NULL, *key = NULL;
		auto_client struct sshd_client c;

		assert_true(asprintf(&extra, "TrustedUserCAKeys %s/ca.pub\nAuthorizedKeysFile none", sshd.dir) > 0);
		assert_true(asprintf(&key, "c_%s", types[i]) > 0);
		start(extra);
		sshd_client_init(&c, &sshd, key);
		assert_connects(&c.options);
		sshd_stop(&sshd);
	}
}

static void a_host_certificate_is_believed(void **state)
{
	auto_free char *extra = NULL;
	auto_client struct sshd_client c;

	(void)state;
	SYSTEM("cd %s && rm -f hostca* && ssh-keygen -q -t ed25519 -N '' -f hostca && "
	       "ssh-keygen -q -s hostca -h -I host -n 127.0.0.1 host_ed25519.pub", sshd.dir);
	assert_true(asprintf(&extra, "HostCertificate %s/host_ed25519-cert.pub", sshd.dir) > 0);
	start(extra);
	SYSTEM("cd %s && sed 's/^/@cert-authority * /' hostca.pub >known_hosts", sshd.dir);
	sshd_client_init(&c, &sshd, "id");
	assert_connects(&c.options);
}

/* Nothing listens: the whole way is the command. */
static void a_proxy_command_of_ssh_config_is_used(void **state)
{
	auto_free char *config = sshd_path(&sshd, "config");
	auto_client struct sshd_client c;

	(void)state;
	start(NULL);
	SYSTEM("cd %s && printf 'ProxyCommand %s -i -f %%s/sshd_config\\n' %s >config && "
	       "sed 's/^[^ ]*/node/' known_hosts >known && mv known known_hosts", sshd.dir, SSHD, sshd.dir);
	sshd_stop(&sshd);
	sshd_client_init(&c, &sshd, "id");
	c.options.host = "node";
	c.options.port = 22;
	c.options.config_file = config;
	assert_connects(&c.options);
}

static void ssh_config_says_what_the_options_do_not(void **state)
{
	auto_free char *config = sshd_path(&sshd, "config");
	auto_client struct sshd_client c;

	(void)state;
	start(NULL);
	SYSTEM("printf 'Host node\\n HostName 127.0.0.1\\n Port %d\\n User %s\\n IdentityFile %s/id\\n"
	       " UserKnownHostsFile %s/known_hosts\\n' >%s", sshd.port, sshd.user, sshd.dir, sshd.dir, config);
	sshd_client_init(&c, &sshd, "id");
	c.options = (struct ssh_options){ .host = "node", .config_file = config };
	assert_connects(&c.options);
	c.options.port = 1;
	assert_fails(&c.options, "port 1: Connection refused", "node");
}

static void a_broken_ssh_config_is_told_with_ssh_s_own_words(void **state)
{
	auto_free char *config = sshd_path(&sshd, "config");
	auto_client struct sshd_client c;

	(void)state;
	start(NULL);
	sshd_write(&sshd, "config", "Host *\nNonsense yes\n");
	sshd_client_init(&c, &sshd, "id");
	c.options.config_file = config;
	assert_fails(&c.options, "line 2: Bad configuration option: nonsense", "mend your ssh_config");
}

/* However lax ssh_config is. */
static void ssh_config_cannot_make_a_host_key_trusted(void **state)
{
	auto_free char *config = sshd_path(&sshd, "config");
	auto_client struct sshd_client c;
	bool untrusted = false;

	(void)state;
	start(NULL);
	sshd_write(&sshd, "config", "StrictHostKeyChecking no\n");
	sshd_write(&sshd, "known_hosts", "");
	sshd_client_init(&c, &sshd, "id");
	c.options.config_file = config;
	c.options.untrusted = &untrusted;
	assert_fails(&c.options, "its host key is not known: ssh-ed25519 SHA256:", "--accept-new-host-keys");
	assert_true(untrusted);
}

static void one_key_may_be_all_that_is_taken(void **state)
{
	auto_buf struct buf right = BUF_INIT, wrong = BUF_INIT;
	auto_client struct sshd_client c;
	bool untrusted = false;

	(void)state;
	start(NULL);
	sshd_write(&sshd, "known_hosts", "");
	sshd_read(&sshd, "host_ed25519.pub", &right);
	sshd_read(&sshd, "id.pub", &wrong);
	sshd_client_init(&c, &sshd, "id");
	right.data[strcspn(right.data, "\n")] = '\0';
	wrong.data[strcspn(wrong.data, "\n")] = '\0';
	c.options.host_key = buf_str(&right);
	assert_connects(&c.options);
	sshd_know(&sshd, "ed25519");
	c.options.host_key = buf_str(&wrong);
	c.options.untrusted = &untrusted;
	assert_fails(&c.options, "127.0.0.1", "host key");
	assert_true(untrusted);
}

static void a_bastion_is_gone_through(void **state)
{
	auto_free char *config = sshd_path(&sshd, "config"), *jump = NULL;
	auto_client struct sshd_client c;

	(void)state;
	start(NULL);
	SYSTEM("printf 'IdentityFile %s/id\\nUserKnownHostsFile %s/known_hosts\\n' >%s", sshd.dir, sshd.dir, config);
	SYSTEM("cd %s && sed 's/127.0.0.1/localhost/p; s/localhost/127.0.0.1/' known_hosts >both && mv both known_hosts",
	       sshd.dir);
	assert_true(asprintf(&jump, "%s@127.0.0.1:%d", sshd.user, sshd.port) > 0);
	sshd_client_init(&c, &sshd, "id");
	c.options.config_file = config;
	c.options.jump = jump;
	c.options.host = "localhost"; /* through itself to itself ssh would take for a loop */
	assert_connects(&c.options);
}

/* A person who gives the same answers again and again, in turn. */
struct person {
	const char *answers[2];
	int asked;
	char prompt[200];
};

static int ask_person(void *ctx, const char *prompt, bool echo, struct buf *answer, struct err *err)
{
	struct person *p = ctx;

	(void)err;
	assert_false(echo);
	snprintf(p->prompt, sizeof(p->prompt), "%s", prompt);
	buf_puts(answer, p->answers[p->asked++ % 2]);
	return 0;
}

static void a_passphrase_is_asked_for_and_asked_again_when_wrong(void **state)
{
	struct person p = { { "a slip", "pass phrase" }, 0, "" };
	const struct ssh_asker asker = { ask_person, &p };
	struct ssh_secrets *secrets = ssh_secrets_new(&asker);
	auto_client struct sshd_client c;

	(void)state;
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -a 2 -N 'pass phrase' -f locked && "
	       "cat id.pub locked.pub >authorized_keys", sshd.dir);
	start(NULL);
	sshd_client_init(&c, &sshd, "locked");
	c.options.secrets = secrets;
	c.options.identities_only = true;
	assert_connects(&c.options);
	assert_int_equal(p.asked, 2);
	assert_non_null(strstr(p.prompt, "passphrase for key '"));
	assert_connects(&c.options); /* nobody is asked again */
	assert_int_equal(p.asked, 2);
	ssh_secrets_free(secrets);
}

static void without_anybody_to_ask_ssh_add_is_named(void **state)
{
	struct ssh_secrets *secrets = ssh_secrets_new(NULL);
	auto_client struct sshd_client c;

	(void)state;
	start(NULL);
	sshd_client_init(&c, &sshd, "locked");
	c.options.secrets = secrets;
	c.options.identities_only = true;
	assert_fails(&c.options, "login refused", "ssh-add");
	ssh_secrets_free(secrets);
}

static void no_more_sessions_are_told(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = ":" };
	struct remote *r;

	(void)state;
	start("MaxSessions 0");
	r = sshd_connect(&sshd, "id", &err);
	assert_non_null(r);
	assert_int_equal(remote_run(r, &cmd, &res, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.msg, "MaxSessions"));
	remote_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_port_is_told),
		cmocka_unit_test(a_name_that_has_no_address_is_told),
		cmocka_unit_test(a_server_that_says_nothing_runs_into_the_timeout),
		cmocka_unit_test(a_machine_without_ssh_is_told),
		cmocka_unit_test_teardown(a_refused_login_is_told_with_the_next_step, stop),
		cmocka_unit_test_teardown(a_key_that_is_not_there_is_named, stop),
		cmocka_unit_test(servers_of_hardening_guides_are_reached),
		cmocka_unit_test_teardown(a_server_with_nothing_but_an_rsa_host_key_is_reached, stop),
		cmocka_unit_test_teardown(what_the_server_offers_is_told_when_nothing_is_common, stop),
		cmocka_unit_test(certificates_of_users_log_in),
		cmocka_unit_test_teardown(a_host_certificate_is_believed, stop),
		cmocka_unit_test(a_proxy_command_of_ssh_config_is_used),
		cmocka_unit_test_teardown(ssh_config_says_what_the_options_do_not, stop),
		cmocka_unit_test_teardown(a_broken_ssh_config_is_told_with_ssh_s_own_words, stop),
		cmocka_unit_test_teardown(ssh_config_cannot_make_a_host_key_trusted, stop),
		cmocka_unit_test_teardown(one_key_may_be_all_that_is_taken, stop),
		cmocka_unit_test_teardown(a_bastion_is_gone_through, stop),
		cmocka_unit_test_teardown(a_passphrase_is_asked_for_and_asked_again_when_wrong, stop),
		cmocka_unit_test_teardown(without_anybody_to_ask_ssh_add_is_named, stop),
		cmocka_unit_test_teardown(no_more_sessions_are_told, stop),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
