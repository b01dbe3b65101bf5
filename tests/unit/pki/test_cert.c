#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "../certs.h"
#include "pki/pki.h"

static struct cert ca, rsa_ca, other;

static int make_certs(void **state)
{
	(void)state;
	ca = cert_make(&(struct cert_spec){ .cn = "kubernetes", .ca = 1 });
	rsa_ca = cert_make(&(struct cert_spec){ .cn = "kubernetes", .ca = 1, .rsa = 1 });
	other = cert_make(&(struct cert_spec){ .cn = "kubernetes", .ca = 1 });
	return 0;
}

static int release_certs(void **state)
{
	(void)state;
	cert_release(&ca);
	cert_release(&rsa_ca);
	cert_release(&other);
	return 0;
}

/* Made with openssl x509 -pubkey | openssl pkey -pubin -outform DER | sha256sum. */
static const char known_ca[] = 
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBgTCCASegAwIBAgIUNYiK91WELEg61QGY1I96hi5mTAQwCgYIKoZIzj0EAwIw\n"
	"FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjMwMDI5MDNaGA8yMTI2MTAz\n"
	"MDAwMjkwM1owFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG\n"
	"SM49AwEHA0IABAqAVGcqiHoXWQkF6HR8AqJy88W5HRXDXyL/wubcDwaIMkkzbdhv\n"
	"k0NeVZpY51cmk81ptwb9Av9XKuHOKt1sQoujUzBRMB0GA1UdDgQWBBQ7Qi/XjnBL\n"
	"rLJJ5tMxpkboVX9jVzAfBgNVHSMEGDAWgBQ7Qi/XjnBLrLJJ5tMxpkboVX9jVzAP\n"
	"BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCM1g18faDI1ZKA/DCF\n"
	"DDYpjWNEnTsLImUztZ2YjsLbqgIgPPldPTzhGEvVsPxGVikL/bbEPfrp8DY4UtC6\n"
	"BdI0GXg=\n"
	"-----END CERTIFICATE-----\n";
static const char known_hash[] = "sha256:57a4889af45ffad2ae3fb54f5a796492f90223bccdf17de31b1d4421d85afece";

static void the_discovery_hash_is_kubeadms(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf hash = BUF_INIT;

	(void)state;
	assert_int_equal(pki_discovery_hash(known_ca, strlen(known_ca), &hash, &err), 0);
	assert_string_equal(buf_str(&hash), known_hash);
}

static void the_discovery_hash_is_of_the_first_certificate(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf text = BUF_INIT, hash = BUF_INIT;

	(void)state;
	buf_printf(&text, "some words\n%s%s", known_ca, other.cert_pem);
	assert_int_equal(pki_discovery_hash(text.data, text.len, &hash, &err), 0);
	assert_string_equal(buf_str(&hash), known_hash);
	buf_release(&text);
}

static void what_is_no_certificate_has_no_discovery_hash(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf hash = BUF_INIT;

	(void)state;
	assert_int_equal(pki_discovery_hash("", 0, &hash, &err), -1);
	assert_string_equal(err.msg, "'CA certificate' holds no certificate that can be read (PEM)");
	assert_int_equal(hash.len, 0);
}

static void a_key_belongs_to_its_certificate(void **state)
{
	const struct cert *both[] = { &ca, &rsa_ca };

	(void)state;
	for (int i = 0; i < 2; i++) {
		auto_err struct err err = ERR_INIT;
		const struct cert *c = both[i];

		assert_int_equal(pki_check_pair("ca.crt", c->cert_pem, strlen(c->cert_pem), "ca.key",
						c->key_pem, strlen(c->key_pem), &err), 0);
		assert_int_equal(pki_check_public("sa.pub", c->pub_pem, strlen(c->pub_pem), "sa.key",
						  c->key_pem, strlen(c->key_pem), &err), 0);
	}
}

static void expect_pair_error(const char *cert, const char *key, const char *message)
{
	auto_err struct err err = ERR_INIT;

	assert_int_equal(pki_check_pair("ca.crt", cert, strlen(cert), "ca.key", key, strlen(key), &err),
			 -1);
	assert_string_equal(err.msg, message);
}

static void a_foreign_key_is_told(void **state)
{
	(void)state;
	expect_pair_error(ca.cert_pem, other.key_pem, "'ca.key' does not belong to 'ca.crt'");
	expect_pair_error(ca.cert_pem, rsa_ca.key_pem, "'ca.key' does not belong to 'ca.crt'");
}

static void a_foreign_public_key_is_told(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pki_check_public("sa.pub", ca.pub_pem, strlen(ca.pub_pem), "sa.key",
					  other.key_pem, strlen(other.key_pem), &err), -1);
	assert_string_equal(err.msg, "'sa.key' does not belong to 'sa.pub'");
}

static void a_private_key_is_no_public_key(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pki_check_public("sa.pub", ca.key_pem, strlen(ca.key_pem), "sa.key",
					  ca.key_pem, strlen(ca.key_pem), &err), -1);
	assert_string_equal(err.msg, "'sa.pub' holds no public key that can be read (PEM)");
}

static void damaged_pem_is_named(void **state)
{
	auto_free char *cut = strndup(ca.key_pem, strlen(ca.key_pem) / 2);

	(void)state;
	expect_pair_error(ca.cert_pem, cut, "'ca.key' holds no private key that can be read (PEM)");
	expect_pair_error(ca.cert_pem, ca.cert_pem,
			  "'ca.key' holds no private key that can be read (PEM)");
	expect_pair_error(ca.key_pem, ca.key_pem,
			  "'ca.crt' holds no certificate that can be read (PEM)");
}

static char *key_text(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, cipher ? "secret" : NULL,
						       cipher ? 6 : 0, NULL, NULL), 1);
	return cert_bio_text(bio);
}

static void an_encrypted_key_is_refused_without_asking_for_a_passphrase(void **state)
{
	auto_free char *key = key_text(ca.key, EVP_aes_128_cbc());

	(void)state;
	expect_pair_error(ca.cert_pem, key, "'ca.key' is encrypted; kubeadm needs the plain key");
}

static void an_ed25519_key_is_refused_as_kubeadm_would(void **state)
{
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	auto_free char *key = key_text(ed, NULL);

	(void)state;
	EVP_PKEY_free(ed);
	expect_pair_error(ca.cert_pem, key, "'ca.key' is neither an RSA nor an ECDSA key; "
					    "kubeadm takes no other");
}

static void the_expiry_is_the_certificates_not_after(void **state)
{
	auto_err struct err err = ERR_INIT;
	int64_t when = 0, now = time(NULL);

	(void)state;
	assert_int_equal(pki_expiry("ca.crt", ca.cert_pem, strlen(ca.cert_pem), &when, &err), 0);
	assert_true(when > now + 3500 && when <= now + 3600);
	assert_int_equal(pki_expiry("known", known_ca, strlen(known_ca), &when, &err), 0);
	assert_int_equal(when, INT64_C(4948993743));
}

static void a_file_too_large_for_pem_is_refused(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf big = BUF_INIT;
	int64_t when;

	(void)state;
	buf_reserve(&big, 1024 * 1024 + 1);
	memset(big.data, '\n', 1024 * 1024 + 1);
	assert_int_equal(pki_expiry("ca.crt", big.data, 1024 * 1024 + 1, &when, &err), -1);
	assert_string_equal(err.msg, "'ca.crt' is larger than 1048576 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_discovery_hash_is_kubeadms),
		cmocka_unit_test(the_discovery_hash_is_of_the_first_certificate),
		cmocka_unit_test(what_is_no_certificate_has_no_discovery_hash),
		cmocka_unit_test(a_key_belongs_to_its_certificate),
		cmocka_unit_test(a_foreign_key_is_told),
		cmocka_unit_test(a_foreign_public_key_is_told),
		cmocka_unit_test(a_private_key_is_no_public_key),
		cmocka_unit_test(damaged_pem_is_named),
		cmocka_unit_test(an_encrypted_key_is_refused_without_asking_for_a_passphrase),
		cmocka_unit_test(an_ed25519_key_is_refused_as_kubeadm_would),
		cmocka_unit_test(the_expiry_is_the_certificates_not_after),
		cmocka_unit_test(a_file_too_large_for_pem_is_refused),
	};

	return cmocka_run_group_tests(tests, make_certs, release_certs);
}
