/* Which keys and which servers libssh2 gets along with, by its version: tests/ssh/README.md. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libssh2.h>

#include "sshd.h"

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

static bool is_1_11(void)
{
	return libssh2_version(0x010b00) != NULL;
}

/* A run that means to test a version must not test another. */
static void the_version_is_the_one_that_is_meant(void **state)
{
	const char *meant = getenv("HACTL_TEST_LIBSSH2");

	(void)state;
	print_message("libssh2 %s\n", libssh2_version(0));
	if (meant)
		assert_non_null(strstr(libssh2_version(0), meant));
}

static void assert_logs_in(const char *key)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;
	struct remote *r;

	sshd_client_init(&c, &sshd, key);
	r = ssh_connect(&c.options, &err);
	if (!r)
		fail_msg("%s: %s", key, err.msg);
	remote_close(r);
}

/* 1.10 itself would sign with SHA-1, which sshd refuses. */
static void rsa_keys_of_every_size_and_format_log_in(void **state)
{
	static const char *const keys[] = { "r2048", "r3072", "r4096", "r2048-pem", "r2048-pkcs8" };

	(void)state;
	SYSTEM("cd %s && for b in 2048 3072 4096; do ssh-keygen -q -t rsa -b $b -N '' -f r$b; done && "
	       "for m in pem pkcs8; do cp r2048 r2048-$m && ssh-keygen -q -p -N '' -m $m -f r2048-$m >/dev/null; done && "
	       "cat r*.pub >authorized_keys", sshd.dir);
	sshd_start(&sshd, NULL);
	sshd_know(&sshd, "ed25519");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		assert_logs_in(keys[i]);
	sshd_stop(&sshd);
	sshd_start(&sshd, "PubkeyAcceptedAlgorithms rsa-sha2-512");
	sshd_know(&sshd, "ed25519");
	assert_logs_in("r3072");
	sshd_stop(&sshd);
}

static void a_key_without_its_public_file_logs_in(void **state)
{
	(void)state;
	SYSTEM("cd %s && cp id alone && chmod 600 alone && cp id.pub authorized_keys", sshd.dir);
	sshd_start(&sshd, NULL);
	sshd_know(&sshd, "ed25519");
	assert_logs_in("alone");
	sshd_stop(&sshd);
}

/* sshd has not taken them since 2015. */
static void a_dss_key_is_refused_and_named(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;

	(void)state;
	SYSTEM("cd %s && ssh-keygen -q -t dsa -N '' -f dss 2>/dev/null && cat dss.pub >>authorized_keys", sshd.dir);
	sshd_start(&sshd, NULL);
	sshd_know(&sshd, "ed25519");
	sshd_client_init(&c, &sshd, "dss");
	assert_null(ssh_connect(&c.options, &err));
	assert_int_equal(err.kind, ERR_CONNECT);
	if (!strstr(err.msg, "/dss"))
		fail_msg("%s", err.msg);
	sshd_stop(&sshd);
}

/* The option of sshd_config, and whether each version has something in common with it. */
static const struct server {
	const char *config, *missing, *theirs, *ours;
	bool with_1_10, with_1_11;
} servers[] = {
	{ "MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com\nCiphers aes256-ctr", "no common MAC",
	  "hmac-sha2-256-etm@openssh.com,", "hmac-sha2-256", false, true },
	{ "Ciphers aes256-gcm@openssh.com", "no common cipher", "aes256-gcm@openssh.com", "aes256-ctr", false, true },
	{ "Ciphers chacha20-poly1305@openssh.com", "no common cipher", "chacha20-poly1305@openssh.com", "aes256-ctr", false, true },
	{ "HostKeyAlgorithms rsa-sha2-512", "no common host key algorithm", "rsa-sha2-512", "ssh-ed25519", false, true },
	{ "KexAlgorithms sntrup761x25519-sha512@openssh.com", "no common key exchange",
	  "sntrup761x25519-sha512@openssh.com", "curve25519-sha256", false,
	  false },
	{ "KexAlgorithms diffie-hellman-group14-sha256", NULL, NULL, NULL, true, true },
	{ "KexAlgorithms ecdh-sha2-nistp521\nMACs hmac-sha2-512\nCiphers aes128-ctr", NULL, NULL, NULL, true, true },
	{ "HostKeyAlgorithms ecdsa-sha2-nistp256", NULL, NULL, NULL, true, true },
	{ "RekeyLimit 1M", NULL, NULL, NULL, true, true },
};

static void try_server(const struct server *s, const char *host_key)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = "head -c 5000000 /dev/zero", .max_output = 6 << 20 };
	auto_client struct sshd_client c;
	bool unsupported = false;
	struct remote *r;

	sshd_start(&sshd, s->config);
	sshd_know(&sshd, host_key);
	sshd_client_init(&c, &sshd, "id");
	c.options.unsupported = &unsupported;
	r = ssh_connect(&c.options, &err);
	if (is_1_11() ? s->with_1_11 : s->with_1_10) {
		if (!r)
			fail_msg("%s: %s", s->config, err.msg);
		r->root = REMOTE_ROOT_NONE;
		if (remote_run(r, &cmd, &res, &err) < 0)
			fail_msg("%s: %s", s->config, err.msg);
		assert_int_equal(res.out.len, 5000000);
		remote_close(r);
	} else {
		assert_null(r);
		/* so that OpenSSH takes over; and both lists are shown */
		if (!unsupported || !strstr(err.msg, s->missing) || !strstr(err.msg, s->ours) ||
		    !strstr(err.msg, s->theirs))
			fail_msg("%s: %s", s->config, err.msg);
	}
	sshd_stop(&sshd);
}

static void servers_are_reached_or_what_is_missing_is_told(void **state)
{
	(void)state;
	SYSTEM("cd %s && cp id.pub authorized_keys && ssh-keygen -q -t rsa -b 2048 -N '' -f host_rsa", sshd.dir);
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		bool rsa = strstr(servers[i].config, "rsa-sha2") != NULL;
		bool ecdsa = strstr(servers[i].config, "HostKeyAlgorithms ecdsa") != NULL;

		if (rsa)
			SYSTEM("cd %s && cp host_ed25519 kept && cp host_rsa host_ed25519", sshd.dir);
		try_server(&servers[i], rsa ? "rsa" : ecdsa ? "ecdsa" : "ed25519");
		if (rsa)
			SYSTEM("cd %s && mv kept host_ed25519", sshd.dir);
	}
}

/* libssh2 1.10 loses 51 bytes with each key exchange that fails, and with each one that the server asks
 * for later; nothing of ours can free them. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libssh2.so\n";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_is_the_one_that_is_meant),
		cmocka_unit_test(rsa_keys_of_every_size_and_format_log_in),
		cmocka_unit_test(a_key_without_its_public_file_logs_in),
		cmocka_unit_test(a_dss_key_is_refused_and_named),
		cmocka_unit_test(servers_are_reached_or_what_is_missing_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
