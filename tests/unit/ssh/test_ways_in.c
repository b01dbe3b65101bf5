/* Logins beyond a plain key: passphrases, certificates, several methods, agents, sshd's patience. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "pki/pki.h"
#include "ssh/cert.h"
#include "ssh/wire.h"
#include "sshd.h"

static struct sshd sshd;
static pid_t agent; /* 0: none runs */

/* "in" and "in2" are in authorized_keys; what begins with s is not; CA signs. */
static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_prepare(&sshd);
	SYSTEM("cd %s && exec >/dev/null && gen() { ssh-keygen -q -C '' -f \"$@\"; } && "
	       "gen in -N '' -t ed25519 && gen in2 -N '' -t ecdsa && gen slow -N secret -a 64 -t ed25519 && "
	       "gen gcm -N secret -a 2 -t ecdsa -Z aes256-gcm@openssh.com && "
	       "gen chacha -N secret -a 2 -t ed25519 -Z chacha20-poly1305@openssh.com && "
	       "gen rsa -N secret -a 2 -t rsa -b 3072 && "
	       "cp in2 pem && ssh-keygen -q -p -N secret -m PEM -f pem && "
	       "cat in.pub in2.pub slow.pub gcm.pub chacha.pub rsa.pub >authorized_keys && "
	       "gen slocked -N secret -a 2 -t ed25519 && gen ca -N '' -t ed25519 && "
	       "for i in 1 2 3 4 5 6; do gen s$i -N '' -t ed25519; done && "
	       "for t in ed25519 ecdsa rsa; do gen c-$t -N '' -t $t && ssh-keygen -q -s ca -I x -n %s c-$t.pub; done",
	       sshd.dir, sshd.user);
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
	if (agent > 0) {
		kill(agent, SIGTERM);
		waitpid(agent, NULL, 0);
	}
	agent = 0;
	unsetenv("SSH_AUTH_SOCK");
	return 0;
}

static void start(const char *extra)
{
	sshd_start(&sshd, extra);
	sshd_know(&sshd, "ed25519");
}

static void start_agent(const char *socket, const char *keys)
{
	auto_free char *path = sshd_path(&sshd, socket);
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
	SYSTEM("cd %s && SSH_AUTH_SOCK=%s ssh-add -q %s 2>/dev/null", sshd.dir, path, keys);
}

/* A person who always gives the same answer. */
struct person {
	const char *answer;
	int asked;
};

static int reply(void *ctx, const char *prompt, bool echo, struct buf *answer, struct err *err)
{
	struct person *p = ctx;

	(void)prompt;
	(void)echo;
	(void)err;
	p->asked++;
	buf_puts(answer, p->answer);
	return 0;
}

struct login {
	struct sshd_client client;
	char *files[8];
	struct err err;
	bool unsupported;
	struct ssh_secrets *secrets;
};

/* keys: names apart by spaces. */
static void login_init(struct login *l, const char *keys, struct person *p)
{
	auto_free char *list = strdup(keys);
	char *place;
	size_t n = 0;

	memset(l, 0, sizeof(*l));
	sshd_client_init(&l->client, &sshd, "in");
	for (char *k = strtok_r(list, " ", &place); k; k = strtok_r(NULL, " ", &place))
		l->files[n++] = sshd_path(&sshd, k);
	l->secrets = ssh_secrets_new(p ? &(struct ssh_asker){ reply, p } : NULL);
	l->client.options.identity_files = (const char *const *)l->files;
	l->client.options.unsupported = &l->unsupported;
	l->client.options.secrets = l->secrets;
}

static void login_release(struct login *l)
{
	for (size_t i = 0; l->files[i]; i++)
		free(l->files[i]);
	ssh_secrets_free(l->secrets);
	sshd_client_release(&l->client);
	err_clear(&l->err);
}
#define auto_login AUTO(login_release)

static void assert_in(struct login *l)
{
	struct remote *r = ssh_connect(&l->client.options, &l->err);

	if (!r)
		print_error("%s\n", l->err.msg);
	assert_non_null(r);
	remote_close(r);
}

static void assert_out(struct login *l, const char *said)
{
	assert_null(ssh_connect(&l->client.options, &l->err));
	assert_int_equal(l->err.kind, ERR_CONNECT);
	if (!strstr(l->err.msg, said))
		print_error("%s\n", l->err.msg);
	assert_non_null(strstr(l->err.msg, said));
}

static void an_encrypted_key_is_asked_for_and_logs_in(void **state)
{
	static const char *const keys[] = { "gcm", "chacha", "rsa", "pem" };

	(void)state;
	start(NULL);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct person person = { "secret", 0 };
		auto_login struct login l;

		login_init(&l, keys[i], &person);
		assert_in(&l);
		assert_in(&l);
		assert_int_equal(person.asked, 1);
	}
}

static void a_wrong_passphrase_is_asked_three_times_and_then_never(void **state)
{
	struct person person = { "wrong", 0 };
	auto_login struct login l;

	(void)state;
	start(NULL);
	login_init(&l, "gcm", &person);
	assert_out(&l, "the passphrase is not that of '");
	assert_int_equal(person.asked, 3);
	err_clear(&l.err);
	assert_out(&l, "the passphrase is not that of '");
	assert_int_equal(person.asked, 3);
}

static void nobody_is_asked_about_a_key_that_sshd_does_not_take(void **state)
{
	struct person person = { "secret", 0 };
	auto_login struct login l;

	(void)state;
	start(NULL);
	login_init(&l, "slocked", &person);
	assert_out(&l, "/slocked (ssh-ed25519)");
	assert_int_equal(person.asked, 0);
}

static void *log_in(void *arg)
{
	auto_err struct err err = ERR_INIT;
	struct remote *r = ssh_connect(arg, &err);

	if (!r)
		print_error("%s\n", err.msg);
	return r;
}

/* 64 rounds cost about a third of a second of CPU. */
static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Logs in to so many nodes at once with a key that takes long to unlock; in seconds of CPU. */
static double unlock_for(int n)
{
	struct person person = { "secret", 0 };
	auto_login struct login l;
	pthread_t threads[32];
	double before;

	login_init(&l, "slow", &person);
	l.client.options.connect_timeout_ms = 60000;
	before = cpu_s();
	for (int i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_in, &l.client.options), 0);
	for (int i = 0; i < n; i++) {
		void *r;

		pthread_join(threads[i], &r);
		assert_non_null(r);
		remote_close(r);
	}
	assert_int_equal(person.asked, 1);
	return cpu_s() - before;
}

static void many_nodes_share_one_question_and_one_derivation(void **state)
{
	double one, many;

	(void)state;
	start(NULL);
	one = unlock_for(1);
	many = unlock_for(32);
	assert_true(many < 16 * one); /* else it would be 32 */
}

static void without_a_terminal_an_encrypted_key_is_named(void **state)
{
	auto_login struct login l;

	(void)state;
	start(NULL);
	login_init(&l, "gcm", NULL);
	assert_out(&l, "/gcm' is encrypted and no ssh-agent holds it");
}

static char *trust(const char *more)
{
	char *config;

	assert_true(asprintf(&config, "TrustedUserCAKeys %s/ca.pub\n%s", sshd.dir, more) > 0);
	return config;
}

/* Where libssh2 cannot, that is said so that OpenSSH can take over. */
static void certificates_log_in_where_libssh2_can(void **state)
{
	auto_free char *config = trust("");

	(void)state;
	start(config);
	for (int i = 0; i < 3; i++) {
		static const char *const keys[] = { "c-ecdsa", "c-ed25519", "c-rsa" };
		auto_login struct login l;
		auto_free char *path = NULL;
		auto_buf struct buf blob = BUF_INIT;
		struct ssh_cert c = SSH_CERT_INIT;

		login_init(&l, keys[i], NULL);
		assert_true(asprintf(&path, "%s-cert.pub", l.files[0]) > 0);
		assert_int_equal(ssh_public_load(path, &blob, &l.err), 0);
		assert_int_equal(ssh_cert_parse(path, &blob, &c, &l.err), 0);
		assert_true(i > 0 || ssh_cert_usable(&c));
		if (ssh_cert_usable(&c)) {
			assert_in(&l);
			assert_false(l.unsupported);
		} else {
			assert_out(&l, "is a certificate of a kind that this libssh2 cannot use");
			assert_true(l.unsupported);
			assert_non_null(strstr(l.err.msg, "ssh.transport: openssh"));
		}
		ssh_cert_release(&c);
	}
}

static void a_certificate_of_another_name_is_given_by_hand_or_by_the_agent(void **state)
{
	auto_free char *config = trust(""), *path = sshd_path(&sshd, "other"), *socket = sshd_path(&sshd, "socket");
	const char *certs[] = { path, NULL };

	(void)state;
	start(config);
	SYSTEM("cd %s && cp c-ecdsa c-bare && cp c-ecdsa.pub c-bare.pub && cp c-ecdsa-cert.pub other", sshd.dir);
	{
		auto_login struct login l;

		login_init(&l, "c-bare", NULL);
		assert_out(&l, "login refused");
		err_clear(&l.err);
		l.client.options.certificate_files = certs;
		assert_in(&l);
	}
	start_agent("socket", "c-bare c-ecdsa");
	{
		auto_login struct login l;

		login_init(&l, "", NULL);
		l.client.options.identity_agent = socket;
		assert_in(&l);
	}
	SYSTEM("cd %s && SSH_AUTH_SOCK=%s ssh-add -qD 2>/dev/null && SSH_AUTH_SOCK=%s ssh-add -q c-bare 2>/dev/null",
	       sshd.dir, socket, socket);
	{
		auto_login struct login l;

		login_init(&l, "", NULL);
		l.client.options.identity_agent = socket;
		assert_out(&l, "login refused");
		err_clear(&l.err);
		l.client.options.certificate_files = certs;
		assert_in(&l);
	}
}

static void a_certificate_that_has_expired_is_said_to(void **state)
{
	auto_free char *config = trust("");
	auto_login struct login l;

	(void)state;
	start(config);
	SYSTEM("cd %s && cp c-ecdsa c-old && cp c-ecdsa.pub c-old.pub && "
	       "ssh-keygen -q -s ca -I x -n %s -V 20200101:20210101 c-old.pub", sshd.dir, sshd.user);
	login_init(&l, "c-old", NULL);
	assert_out(&l, "/c-old-cert.pub' is expired: have it signed anew");
}

static void a_certificate_for_another_user_tells_for_whom_it_is(void **state)
{
	auto_free char *config = trust("");
	auto_login struct login l;

	(void)state;
	start(config);
	SYSTEM("cd %s && cp c-ecdsa c-bob && cp c-ecdsa.pub c-bob.pub && ssh-keygen -q -s ca -I x -n bob c-bob.pub", sshd.dir);
	login_init(&l, "c-bob", NULL);
	assert_out(&l, "/c-bob-cert.pub for bob (certificate)");
}

static void two_keys_in_a_row_log_in(void **state)
{
	auto_login struct login l;

	(void)state;
	start("AuthenticationMethods publickey,publickey");
	login_init(&l, "s1 in2 s2 in", NULL);
	assert_in(&l);
}

static void a_key_that_is_only_half_of_the_login_is_told_so(void **state)
{
	auto_login struct login l;

	(void)state;
	start("AuthenticationMethods publickey,publickey");
	login_init(&l, "in s1", NULL);
	assert_out(&l, "takes ");
	assert_non_null(strstr(l.err.msg, "/in (ssh-ed25519), but wants more"));
	assert_non_null(strstr(l.err.msg, "takes none of the keys "));
}

static void after_the_key_a_password_that_is_refused_is_told_so(void **state)
{
	auto_login struct login l;

	(void)state;
	start("AuthenticationMethods publickey,password\nPasswordAuthentication yes");
	login_init(&l, "s1 in", NULL);
	l.client.options.password = "surely not this one";
	assert_out(&l, "/in (ssh-ed25519), but wants more");
	assert_non_null(strstr(l.err.msg, "the password"));
	assert_null(strstr(l.err.msg, "surely not this one"));
}

static void a_password_that_is_wanted_and_not_given_is_said_how_to_give(void **state)
{
	auto_login struct login l;

	(void)state;
	start("PasswordAuthentication yes\nKbdInteractiveAuthentication no");
	login_init(&l, "s1", NULL);
	assert_out(&l, "there is no terminal to ask for it: set ssh.passwordFile or ssh.passwordEnv");
}

static void identities_only_keeps_the_agents_others_back(void **state)
{
	auto_login struct login l;
	auto_free char *socket = sshd_path(&sshd, "socket");

	(void)state;
	start(NULL);
	start_agent("socket", "in s2 s3");
	login_init(&l, "s1", NULL);
	l.client.options.identity_agent = socket;
	l.client.options.identities_only = true;
	assert_out(&l, "/s1 (ssh-ed25519)");
	assert_null(strstr(l.err.msg, "the agent's"));
	err_clear(&l.err);
	l.client.options.identities_only = false;
	assert_in(&l);
}

static void the_agent_is_the_one_that_was_named(void **state)
{
	auto_login struct login l;
	auto_free char *socket = sshd_path(&sshd, "socket");

	(void)state;
	start(NULL);
	start_agent("socket", "in");
	login_init(&l, "", NULL);
	assert_out(&l, "there is no key to log in with");
	err_clear(&l.err);
	setenv("SSH_AUTH_SOCK", socket, 1);
	assert_in(&l);
	l.client.options.identity_agent = "none";
	assert_out(&l, "there is no key to log in with");
	err_clear(&l.err);
	unsetenv("SSH_AUTH_SOCK");
	setenv("ANOTHER_SOCK", socket, 1);
	l.client.options.identity_agent = "$ANOTHER_SOCK";
	assert_in(&l);
	l.client.options.identity_agent = "/nonexistent/socket";
	assert_out(&l, "the ssh-agent at '/nonexistent/socket' cannot be reached: No such file");
}

static void an_impatient_sshd_is_asked_again(void **state)
{
	(void)state;
	for (int tries = 1; tries <= 4; tries++) {
		auto_free char *config = NULL;
		auto_login struct login l;

		assert_true(asprintf(&config, "MaxAuthTries %d", tries) > 0);
		start(config);
		login_init(&l, "s1 s2 s3 in", NULL);
		assert_in(&l);
		sshd_stop(&sshd);
	}
}

static void the_sixth_key_is_not_offered_however_patient_sshd_is(void **state)
{
	auto_login struct login l;

	(void)state;
	start("MaxAuthTries 20");
	login_init(&l, "s1 s2 s3 s4 s5 in", NULL);
	assert_out(&l, "/in was not tried: no more than 5 keys are offered");
}

static void five_keys_are_offered_to_any_sshd(void **state)
{
	auto_login struct login l;

	(void)state;
	start(NULL);
	login_init(&l, "s1 s2 s3 s4 in", NULL);
	assert_in(&l);
}

static void write_fido_key(void)
{
	auto_buf struct buf blob = BUF_INIT, binary = BUF_INIT, text = BUF_INIT;

	wire_add_text(&blob, "sk-ssh-ed25519@openssh.com");
	wire_add_string(&blob, "0123456789abcdef0123456789abcdef", 32);
	wire_add_text(&blob, "ssh:");
	buf_add(&binary, "openssh-key-v1", 15);
	wire_add_text(&binary, "none");
	wire_add_text(&binary, "none");
	wire_add_text(&binary, "");
	wire_add_u32(&binary, 1);
	wire_add_string(&binary, blob.data, blob.len);
	wire_add_text(&binary, "01234567");
	buf_puts(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	pki_base64_encode(binary.data, binary.len, &text);
	buf_puts(&text, "\n-----END OPENSSH PRIVATE KEY-----\n");
	sshd_write(&sshd, "fido", buf_str(&text));
}

static void what_only_openssh_can_do_is_marked(void **state)
{
	auto_login struct login l, h;

	(void)state;
	start(NULL);
	write_fido_key();
	login_init(&l, "fido", NULL);
	assert_out(&l, "/fido' is a FIDO key, which only OpenSSH can use");
	assert_true(l.unsupported);
	sshd_stop(&sshd);
	start("HostbasedAuthentication yes\nAuthenticationMethods hostbased");
	login_init(&h, "in", NULL);
	assert_out(&h, "(it takes hostbased)");
	assert_true(h.unsupported);
}

static void a_plain_refusal_is_not_marked(void **state)
{
	auto_login struct login l;

	(void)state;
	start(NULL);
	login_init(&l, "s1", NULL);
	assert_out(&l, "login refused");
	assert_false(l.unsupported);
}

static void rsa_logs_in_where_only_its_newest_signatures_are_taken(void **state)
{
	struct person person = { "secret", 0 };
	auto_login struct login l;

	(void)state;
	start("PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-512");
	login_init(&l, "rsa", &person);
	assert_in(&l);
}

static void a_dsa_key_is_told_to_be_of_no_use(void **state)
{
	auto_login struct login l;

	(void)state;
	start(NULL);
	SYSTEM("cd %s && openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out dsa.params 2>/dev/null && "
	       "openssl genpkey -paramfile dsa.params -out dsa && chmod 600 dsa", sshd.dir);
	login_init(&l, "dsa", NULL);
	assert_out(&l, "/dsa' is a key of a kind that cannot be used");
	assert_false(l.unsupported);
}

#define TEST(f) cmocka_unit_test_teardown(f, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_encrypted_key_is_asked_for_and_logs_in),
		TEST(a_wrong_passphrase_is_asked_three_times_and_then_never),
		TEST(nobody_is_asked_about_a_key_that_sshd_does_not_take),
		TEST(many_nodes_share_one_question_and_one_derivation),
		TEST(without_a_terminal_an_encrypted_key_is_named),
		TEST(certificates_log_in_where_libssh2_can),
		TEST(a_certificate_of_another_name_is_given_by_hand_or_by_the_agent),
		TEST(a_certificate_that_has_expired_is_said_to),
		TEST(a_certificate_for_another_user_tells_for_whom_it_is),
		TEST(two_keys_in_a_row_log_in),
		TEST(a_key_that_is_only_half_of_the_login_is_told_so),
		TEST(after_the_key_a_password_that_is_refused_is_told_so),
		TEST(a_password_that_is_wanted_and_not_given_is_said_how_to_give),
		TEST(identities_only_keeps_the_agents_others_back),
		TEST(the_agent_is_the_one_that_was_named),
		TEST(an_impatient_sshd_is_asked_again),
		TEST(the_sixth_key_is_not_offered_however_patient_sshd_is),
		TEST(five_keys_are_offered_to_any_sshd),
		TEST(what_only_openssh_can_do_is_marked),
		TEST(a_plain_refusal_is_not_marked),
		TEST(rsa_logs_in_where_only_its_newest_signatures_are_taken),
		TEST(a_dsa_key_is_told_to_be_of_no_use),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
