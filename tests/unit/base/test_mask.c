#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mask.h"

#define KEY_LINE "MIIEpAIBAAKCAQEA0m59l2u9iDnMbrXHfqkOrn2dVQ3vfBJqcDuFUK03d+1PZGbV"
#define JWT "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLWlz_LW5vdC1hLW9uZQ"

/* What is masked is as long as before, and has none of what is secret in it. */
static void hides(const char *before, const char *secret)
{
	char text[2048];

	assert_true(strlen(before) < sizeof(text));
	assert_non_null(strstr(before, secret));
	strcpy(text, before);
	mask_secrets(text);
	if (strstr(text, secret))
		fail_msg("'%s' is still there: %s", secret, text);
	assert_int_equal(strlen(text), strlen(before));
}

static void leaves(const char *before)
{
	char text[2048];

	assert_true(strlen(before) < sizeof(text));
	strcpy(text, before);
	mask_secrets(text);
	assert_string_equal(text, before);
}

static void tokens_and_certificate_keys_are_hidden_wherever_they_stand(void **state)
{
	static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	(void)state;
	hides("abcdef.0123456789abcdef\n", "0123456789abcdef");
	hides("  kubeadm join 10.0.0.9:6443 --token abcdef.0123456789abcdef \\\n", "0123456789abcdef");
	hides("{\"token\":\"abcdef.0123456789abcdef\"}", "0123456789abcdef");
	hides("    --control-plane --certificate-key 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", hex);
	hides("[upload-certs] Using certificate key:\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", hex);
	leaves("--discovery-token-ca-cert-hash sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
	leaves("--token-ttl 15m\n");
}

static void web_tokens_are_hidden(void **state)
{
	(void)state;
	hides("Authorization: Bearer " JWT "\n", "c2lnbmF0dXJl");
	hides("using " JWT " here\n", "eyJpc3M");
	leaves("eyJ is how they begin, eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ alone is none\n");
}

static void a_private_key_is_hidden_to_its_last_line(void **state)
{
	(void)state;
	hides("-----BEGIN RSA PRIVATE KEY-----\n" KEY_LINE "\nlast+Line=\n-----END RSA PRIVATE KEY-----\nafter\n", "last+Line");
	hides("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n" KEY_LINE
	      "\n-----END RSA PRIVATE KEY-----\n", KEY_LINE);
	hides("{\"a\":\"-----BEGIN PRIVATE KEY-----\\none1\\n-----END PRIVATE KEY-----\",\"b\":\"-----BEGIN PRIVATE KEY-----\\ntwo2\\n"
	      "-----END PRIVATE KEY-----\"}", "two2");
}

static void a_private_key_that_is_cut_off_is_hidden(void **state)
{
	(void)state;
	hides("-----BEGIN EC PRIVATE KEY-----\n" KEY_LINE "\n", KEY_LINE);
	hides(KEY_LINE "\n" KEY_LINE "\nlast+Line=\n-----END RSA PRIVATE KEY-----\n", KEY_LINE);
	hides("2026-11-23T08:00:00Z stderr F " KEY_LINE "\n2026-11-23T08:00:00Z stderr F -----END RSA PRIVATE KEY-----\n", KEY_LINE);
}

static void a_private_key_is_hidden_as_base64(void **state)
{
	/* of "-----BEGIN RSA PRIVATE KEY-----\nMIIE", behind nothing, 'x' and 'xy' */
	static const char *const keys[] = { "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlF",
					    "eC0tLS0tQkVHSU4gUlNBIFBSSVZBVEUgS0VZLS0tLS0KTUlJRQ==",
					    "eHktLS0tLUJFR0lOIFJTQSBQUklWQVRFIEtFWS0tLS0tCk1JSUU=" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *last = keys[i] + strlen(keys[i]) - 6;

		strcpy(text, "\"client-key\": \"");
		strcat(strcat(text, keys[i]), "\"");
		hides(text, last);
		strcat(strcpy(text, keys[i]), "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJz\nd3h5eg==\n");
		hides(text, "d3h5eg");
	}
	leaves("certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUM1ekNDQWMrZ0F3SUJBZ0lCQURBTkJna3Fo\n");
}

static void passwords_are_hidden_behind_their_word_and_in_urls(void **state)
{
	(void)state;
	hides("auth_pass s3cretpw\n", "s3cretpw");
	hides("VRRP_Password=s3cretpw,x\n", "s3cretpw");
	hides("{\"password\": \"s3cretpw\"}", "s3cretpw");
	hides("[WARNING HTTPProxy]: Connection to \"https://10.0.0.1\" uses proxy \"http://ann:s3cretpw@proxy:3128\"", "s3cretpw");
	leaves("/etc/passwd: No such file or directory\n");
	leaves("sudo: a password is required; set ssh.passwordFile: it names a file\n");
	leaves("Get \"https://10.0.0.1:6443/healthz\": dial tcp 10.0.0.1:6443: connect: connection refused\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_and_certificate_keys_are_hidden_wherever_they_stand),
		cmocka_unit_test(web_tokens_are_hidden),
		cmocka_unit_test(a_private_key_is_hidden_to_its_last_line),
		cmocka_unit_test(a_private_key_that_is_cut_off_is_hidden),
		cmocka_unit_test(a_private_key_is_hidden_as_base64),
		cmocka_unit_test(passwords_are_hidden_behind_their_word_and_in_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
