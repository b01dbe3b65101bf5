#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pki/pki.h"
#include "ssh/bcrypt.h"
#include "ssh/cert.h"
#include "ssh/key.h"
#include "sshd.h"

static struct sshd folder; /* only its folder is used: no sshd runs */

static int setup(void **state)
{
	(void)state;
	snprintf(folder.dir, sizeof(folder.dir), "/tmp/test_key.XXXXXX");
	return mkdtemp(folder.dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	SYSTEM("rm -rf %s", folder.dir);
	return 0;
}

static void load(const char *name, const char *passphrase, struct ssh_key *k, bool *wrong, int expected)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *path = sshd_path(&folder, name);
	auto_buf struct buf secret = BUF_INIT;
	int rc;

	buf_puts(&secret, passphrase ? passphrase : "");
	*wrong = false;
	rc = passphrase ? ssh_key_unlock(path, &secret, k, wrong, &err) : ssh_key_load(path, k, &err);
	if (rc != expected)
		print_error("%s: %s\n", name, err.msg ? err.msg : "no error");
	assert_int_equal(rc, expected);
	if (*wrong)
		assert_non_null(strstr(err.msg, "the passphrase is not that of '"));
}

/* As ssh-keygen -y says. */
static void assert_is_public_key_of(const struct buf *blob, const char *name)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *pub = NULL;
	auto_buf struct buf expected = BUF_INIT;

	assert_true(asprintf(&pub, "%s/%s.pub", folder.dir, name) > 0);
	assert_int_equal(ssh_public_load(pub, &expected, &err), 0);
	assert_int_equal(blob->len, expected.len);
	assert_memory_equal(blob->data, expected.data, expected.len);
}

static void assert_can_sign(const struct ssh_key *k)
{
	auto_buf struct buf sig = BUF_INIT;

	assert_non_null(k->secret);
	assert_int_equal(ssh_key_sign(k, 512, "data", 4, &sig), 0);
	assert_true(sig.len >= 64);
}

static void assert_opens(const char *name)
{
	struct ssh_key k = SSH_KEY_INIT;
	bool wrong;

	load(name, "not it", &k, &wrong, -1);
	assert_true(wrong);
	assert_null(k.secret);
	load(name, "some secret", &k, &wrong, 0);
	assert_false(wrong);
	assert_is_public_key_of(&k.blob, name);
	assert_can_sign(&k);
	ssh_key_release(&k);
}

static void bcrypt_pbkdf_gives_the_published_results(void **state)
{
	/* from OpenBSD's and pyca's tests */
	static const struct {
		const char *pass, *salt;
		size_t pass_len, salt_len;
		uint32_t rounds;
		const char *key;
	} cases[] = {
		{ "password", "salt", 8, 4, 4, "5bbf0cc293587f1c3635555c27796598d47e579071bf427e9d8fbe842aba34d9" },
		{ "password", "", 8, 1, 4, "c12b566235eee04c212598970a579a67" },
		{ "", "salt", 1, 4, 4, "6051be18c2f4f82cbf0efee5471b4bb9" },
		{ "password", "salt", 8, 4, 8,
		  "e1367ec5151a33faac4cc1c144cd23fa15d5548493ecc99b9b5d9c0d3b27bec7"
		  "6227ea66088b849b20ab7aa478010246e74bba51723fefa9f9474d6508845e8d" },
		{ "password", "salt", 8, 4, 42, "833cf0dcf56db65608e8f0dc0ce882bd" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned char key[64];
		char hex[2 * sizeof(key) + 1];
		size_t len = strlen(cases[i].key) / 2;

		assert_int_equal(bcrypt_pbkdf(cases[i].pass, cases[i].pass_len, cases[i].salt, cases[i].salt_len,
					      cases[i].rounds, key, len), 0);
		for (size_t n = 0; n < len; n++)
			sprintf(hex + 2 * n, "%02x", key[n]);
		assert_string_equal(hex, cases[i].key);
	}
}

static void bcrypt_pbkdf_refuses_what_makes_no_sense(void **state)
{
	unsigned char key[2048];

	(void)state;
	assert_int_equal(bcrypt_pbkdf("p", 1, "s", 1, 0, key, 32), -1);
	assert_int_equal(bcrypt_pbkdf("", 0, "s", 1, 1, key, 32), -1);
	assert_int_equal(bcrypt_pbkdf("p", 1, "", 0, 1, key, 32), -1);
	assert_int_equal(bcrypt_pbkdf("p", 1, "s", 1, 1, key, 0), -1);
	assert_int_equal(bcrypt_pbkdf("p", 1, "s", 1, 1, key, sizeof(key)), -1);
}

static void every_cipher_of_ssh_keygen_is_decrypted(void **state)
{
	static const char *const ciphers[] = {
		"aes256-ctr", "aes192-ctr", "aes128-ctr", "aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc",
		"aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++) {
		SYSTEM("cd %s && ssh-keygen -q -t ed25519 -a 2 -N 'some secret' -C '' -Z %s -f %s", folder.dir, ciphers[i],
		       ciphers[i]);
		assert_opens(ciphers[i]);
	}
}

static void ssh_keygen_has_no_cipher_besides(void **state)
{
	(void)state;
	SYSTEM("ssh -Q cipher | grep -vxE '(aes(256|192|128)-(ctr|cbc)|3des-cbc|aes(256|128)-gcm@openssh.com|"
	       "chacha20-poly1305@openssh.com|rijndael-cbc@lysator.liu.se)' && exit 1; exit 0");
}

static void encrypted_keys_of_every_type_are_read(void **state)
{
	(void)state;
	SYSTEM("cd %s && gen() { ssh-keygen -q -C '' -a 2 -N 'some secret' -f \"$@\"; } && "
	       "again() { cp $1 $2 && cp $1.pub $2.pub && "
	       "ssh-keygen -q -p -a 2 -P 'some secret' -N 'some secret' -m $3 -f $2 >/dev/null; } && "
	       "gen e-rsa -t rsa -b 2048 && gen e-p256 -t ecdsa && gen e-p384 -t ecdsa -b 384 && "
	       "gen e-p521 -t ecdsa -b 521 && again e-rsa e-rsa-pem PEM && again e-p256 e-p256-pem PEM && "
	       "again e-rsa e-rsa-pkcs8 PKCS8 && again e-p521 e-p521-pkcs8 PKCS8", folder.dir);
	assert_opens("e-rsa");
	assert_opens("e-p256");
	assert_opens("e-p384");
	assert_opens("e-p521");
	assert_opens("e-rsa-pem");
	assert_opens("e-p256-pem");
	assert_opens("e-rsa-pkcs8");
	assert_opens("e-p521-pkcs8");
}

static void the_rounds_and_the_length_of_the_passphrase_do_not_matter(void **state)
{
	auto_free char *path = sshd_path(&folder, "long");
	auto_buf struct buf pass = BUF_INIT;
	struct ssh_key k = SSH_KEY_INIT;
	bool wrong;

	(void)state;
	for (int i = 0; i < 20; i++)
		buf_puts(&pass, "ten bytes ");
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -a 17 -N '%s' -C '' -f long", folder.dir, buf_str(&pass));
	load("long", buf_str(&pass), &k, &wrong, 0);
	assert_can_sign(&k);
	ssh_key_release(&k);
}

static void an_encrypted_key_shows_its_public_half_without_a_passphrase(void **state)
{
	struct ssh_key k = SSH_KEY_INIT;
	bool wrong;

	(void)state;
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -a 1 -N 'some secret' -C '' -f shown", folder.dir);
	load("shown", NULL, &k, &wrong, 0);
	assert_null(k.secret);
	assert_is_public_key_of(&k.blob, "shown");
	ssh_key_release(&k);
}

static void a_wrong_passphrase_leaves_the_public_half(void **state)
{
	struct ssh_key k = SSH_KEY_INIT;
	bool wrong;

	(void)state;
	SYSTEM("cd %s && ssh-keygen -q -t ecdsa -a 1 -N 'some secret' -C '' -f half", folder.dir);
	load("half", NULL, &k, &wrong, 0);
	load("half", "not it", &k, &wrong, -1);
	assert_true(wrong);
	assert_is_public_key_of(&k.blob, "half");
	ssh_key_release(&k);
}

/* A file that says a million rounds would take hours. */
static void a_derivation_without_end_is_refused(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *path = sshd_path(&folder, "endless");
	auto_buf struct buf text = BUF_INIT, binary = BUF_INIT, changed = BUF_INIT, pass = BUF_INIT;
	struct ssh_key k = SSH_KEY_INIT;
	const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n", end[] = "-----END OPENSSH PRIVATE KEY-----\n";
	bool wrong = false;
	char *at;

	(void)state;
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -a 1 -N 'some secret' -C '' -f endless", folder.dir);
	assert_int_equal(file_read(path, 1 << 16, &text, &err), 0);
	at = text.data + strlen(begin);
	assert_int_equal(pki_base64_decode(at, (size_t)(strstr(at, end) - at), &binary, &err), 0);
	/* magic and NUL, "aes256-ctr", "bcrypt", options: salt of 16, rounds */
	memcpy(binary.data + 15 + 4 + 10 + 4 + 6 + 4 + 4 + 16, "\x00\x0f\x42\x40", 4);
	buf_puts(&changed, begin);
	pki_base64_encode(binary.data, binary.len, &changed);
	buf_printf(&changed, "\n%s", end);
	buf_puts(&pass, "some secret");
	assert_int_equal(ssh_key_parse("endless", &changed, &pass, &k, &wrong, &err), -1);
	assert_string_equal(err.msg, "'endless' is a damaged private key");
	ssh_key_release(&k);
}

static void a_fido_key_is_left_to_openssh(void **state)
{
	auto_buf struct buf blob = BUF_INIT;

	(void)state;
	buf_add(&blob, "\0\0\0\x1ask-ssh-ed25519@openssh.com", 30);
	assert_true(ssh_key_is_fido(&blob));
	assert_null(ssh_key_type(&blob));
}

static void certificates_tell_their_key_principals_and_validity(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf blob = BUF_INIT;
	auto_free char *path = sshd_path(&folder, "u-cert.pub");
	struct ssh_cert c = SSH_CERT_INIT;

	(void)state;
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -N '' -C '' -f ca && for t in ed25519 rsa ecdsa; do rm -f u u.pub && "
	       "ssh-keygen -q -t $t -N '' -C '' -f u && "
	       "ssh-keygen -q -s ca -I id -n alice,root -V 20200101000000Z:20300101000000Z -z 7 u.pub && "
	       "cp u-cert.pub u-$t-cert.pub && cp u.pub u-$t.pub; done", folder.dir);
	for (int i = 0; i < 3; i++) {
		const char *type = (const char *[]){ "ed25519", "rsa", "ecdsa" }[i];
		auto_free char *file = NULL, *name = NULL;

		assert_true(asprintf(&file, "%s/u-%s-cert.pub", folder.dir, type) > 0 && asprintf(&name, "u-%s", type) > 0);
		buf_clear(&blob);
		assert_int_equal(ssh_public_load(file, &blob, &err), 0);
		assert_true(ssh_cert_is(&blob));
		assert_int_equal(ssh_cert_parse(file, &blob, &c, &err), 0);
		assert_is_public_key_of(&c.key, name);
		assert_string_equal(c.principals, "alice,root");
		assert_int_equal(c.after, 1577836800);
		assert_int_equal(c.before, 1893456000);
		ssh_cert_release(&c);
	}
}

static void certificates_of_hosts_and_damaged_ones_are_refused(void **state)
{
	auto_err struct err err = ERR_INIT, other = ERR_INIT;
	auto_buf struct buf blob = BUF_INIT;
	auto_free char *path = sshd_path(&folder, "h-cert.pub");
	struct ssh_cert c = SSH_CERT_INIT;

	(void)state;
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -N '' -C '' -f hca && ssh-keygen -q -t ed25519 -N '' -C '' -f h && "
	       "ssh-keygen -q -s hca -h -I id -n host h.pub", folder.dir);
	assert_int_equal(ssh_public_load(path, &blob, &err), 0);
	assert_int_equal(ssh_cert_parse("h-cert.pub", &blob, &c, &err), -1);
	assert_string_equal(err.msg, "'h-cert.pub' is the certificate of a host, not of a user");
	ssh_cert_release(&c);
	blob.len -= 200;
	assert_int_equal(ssh_cert_parse("h-cert.pub", &blob, &c, &other), -1);
	assert_string_equal(other.msg, "'h-cert.pub' is a certificate that cannot be used");
	ssh_cert_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bcrypt_pbkdf_gives_the_published_results),
		cmocka_unit_test(bcrypt_pbkdf_refuses_what_makes_no_sense),
		cmocka_unit_test(every_cipher_of_ssh_keygen_is_decrypted),
		cmocka_unit_test(ssh_keygen_has_no_cipher_besides),
		cmocka_unit_test(encrypted_keys_of_every_type_are_read),
		cmocka_unit_test(the_rounds_and_the_length_of_the_passphrase_do_not_matter),
		cmocka_unit_test(an_encrypted_key_shows_its_public_half_without_a_passphrase),
		cmocka_unit_test(a_wrong_passphrase_leaves_the_public_half),
		cmocka_unit_test(a_derivation_without_end_is_refused),
		cmocka_unit_test(a_fido_key_is_left_to_openssh),
		cmocka_unit_test(certificates_tell_their_key_principals_and_validity),
		cmocka_unit_test(certificates_of_hosts_and_damaged_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
