#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../certs.h"
#include "pki/pki.h"

static struct cert ca, front, etcd, sa, leaf, expired;

static int make_certs(void **state)
{
	(void)state;
	ca = cert_make(&(struct cert_spec){ .cn = "kubernetes", .ca = 1 });
	front = cert_make(&(struct cert_spec){ .cn = "front-proxy-ca", .ca = 1 });
	etcd = cert_make(&(struct cert_spec){ .cn = "etcd-ca", .ca = 1 });
	sa = cert_make(&(struct cert_spec){ .cn = "unused" });
	leaf = cert_make(&(struct cert_spec){ .cn = "kube-apiserver", .by = &ca });
	expired = cert_make(&(struct cert_spec){ .cn = "kubernetes", .ca = 1, .from_s = -7200,
						 .to_s = -3600 });
	return 0;
}

static int release_certs(void **state)
{
	(void)state;
	cert_release(&ca);
	cert_release(&front);
	cert_release(&etcd);
	cert_release(&sa);
	cert_release(&leaf);
	cert_release(&expired);
	return 0;
}

#define FILE_OF(n, text) { n, text, strlen(text) }
#define EXPECT(message, ...) expect(message, (const struct pki_file[]){ __VA_ARGS__ }, \
		sizeof((const struct pki_file[]){ __VA_ARGS__ }) / sizeof(struct pki_file))

static void expect(const char *message, const struct pki_file *files, size_t n)
{
	auto_err struct err err = ERR_INIT;
	int rc = pki_check_set(files, n, &err);

	if (message && rc == 0)
		fail_msg("taken, instead of: %s", message);
	if (!message && rc < 0)
		fail_msg("%s", err.msg);
	if (message)
		assert_string_equal(err.msg, message);
}

static void the_set_that_kubeadm_makes_is_good(void **state)
{
	(void)state;
	EXPECT(NULL, FILE_OF("ca.crt", ca.cert_pem), FILE_OF("ca.key", ca.key_pem),
	       FILE_OF("sa.key", sa.key_pem), FILE_OF("sa.pub", sa.pub_pem),
	       FILE_OF("front-proxy-ca.crt", front.cert_pem), FILE_OF("front-proxy-ca.key", front.key_pem),
	       FILE_OF("etcd/ca.crt", etcd.cert_pem), FILE_OF("etcd/ca.key", etcd.key_pem));
}

static void files_of_one_name_in_two_folders_are_two(void **state)
{
	(void)state;
	EXPECT("'etcd/ca.key' does not belong to 'etcd/ca.crt'",
	       FILE_OF("ca.crt", ca.cert_pem), FILE_OF("ca.key", ca.key_pem),
	       FILE_OF("etcd/ca.crt", etcd.cert_pem), FILE_OF("etcd/ca.key", ca.key_pem));
}

static void a_service_account_key_of_another_cluster_is_told(void **state)
{
	(void)state;
	EXPECT("'sa.key' does not belong to 'sa.pub'",
	       FILE_OF("sa.key", sa.key_pem), FILE_OF("sa.pub", ca.pub_pem));
}

static void an_external_ca_has_no_key_here(void **state)
{
	(void)state;
	EXPECT(NULL, FILE_OF("ca.crt", ca.cert_pem), FILE_OF("front-proxy-ca.crt", front.cert_pem));
}

static void a_key_alone_is_told(void **state)
{
	(void)state;
	EXPECT("'ca.key' is there without its certificate or public key",
	       FILE_OF("ca.key", ca.key_pem), FILE_OF("etcd/ca.crt", ca.cert_pem));
}

static void a_certificate_that_is_no_cas_is_told(void **state)
{
	(void)state;
	EXPECT("'front-proxy-ca.crt' is not the certificate of a CA",
	       FILE_OF("front-proxy-ca.crt", leaf.cert_pem));
	EXPECT(NULL, FILE_OF("apiserver-etcd-client.crt", leaf.cert_pem),
	       FILE_OF("apiserver-etcd-client.key", leaf.key_pem));
}

static void an_expired_ca_is_told(void **state)
{
	(void)state;
	EXPECT("'ca.crt' has expired; the cluster needs a new CA",
	       FILE_OF("ca.crt", expired.cert_pem), FILE_OF("ca.key", expired.key_pem));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_set_that_kubeadm_makes_is_good),
		cmocka_unit_test(files_of_one_name_in_two_folders_are_two),
		cmocka_unit_test(a_service_account_key_of_another_cluster_is_told),
		cmocka_unit_test(an_external_ca_has_no_key_here),
		cmocka_unit_test(a_key_alone_is_told),
		cmocka_unit_test(a_certificate_that_is_no_cas_is_told),
		cmocka_unit_test(an_expired_ca_is_told),
	};

	return cmocka_run_group_tests(tests, make_certs, release_certs);
}
