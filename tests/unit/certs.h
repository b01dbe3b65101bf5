/* Certificates made while a test runs: CAs, servers and clients, valid or not. */
#ifndef TESTS_CERTS_H
#define TESTS_CERTS_H

#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct cert {
	X509 *x509;
	EVP_PKEY *key;
	char *cert_pem, *key_pem, *pub_pem;
};

struct cert_spec {
	const char *cn, *org;
	const char *san;          /* "IP:127.0.0.1,DNS:name" or NULL */
	const struct cert *by;    /* NULL: signs itself */
	int ca;
	long from_s, to_s;        /* from now; to_s 0: an hour */
	int rsa;
};

static inline char *cert_bio_text(BIO *bio)
{
	char *data, *out;
	long n = BIO_get_mem_data(bio, &data);

	out = strndup(data, (size_t)n);
	BIO_free(bio);
	return out;
}

static inline void cert_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	if (!e || !X509_add_ext(x, e, -1))
		abort();
	X509_EXTENSION_free(e);
}

static inline void cert_pem(struct cert *c)
{
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem()), *pub = BIO_new(BIO_s_mem());

	if (!PEM_write_bio_X509(cert, c->x509) || !PEM_write_bio_PUBKEY(pub, c->key) ||
	    !PEM_write_bio_PrivateKey(key, c->key, NULL, NULL, 0, NULL, NULL))
		abort();
	c->cert_pem = cert_bio_text(cert);
	c->key_pem = cert_bio_text(key);
	c->pub_pem = cert_bio_text(pub);
}

static inline struct cert cert_make(const struct cert_spec *s)
{
	static long serial = 1;
	struct cert c = { .x509 = X509_new(), .key = s->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256") };
	X509_NAME *name = X509_get_subject_name(c.x509);

	X509_set_version(c.x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x509), serial++);
	X509_gmtime_adj(X509_getm_notBefore(c.x509), s->from_s);
	X509_gmtime_adj(X509_getm_notAfter(c.x509), s->to_s ? s->to_s : 3600);
	if (s->org)
		X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)s->org, -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)s->cn, -1, -1, 0);
	X509_set_issuer_name(c.x509, s->by ? X509_get_subject_name(s->by->x509) : name);
	X509_set_pubkey(c.x509, c.key);
	cert_extension(c.x509, NID_basic_constraints, s->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (s->ca)
		cert_extension(c.x509, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (s->san)
		cert_extension(c.x509, NID_subject_alt_name, s->san);
	if (!X509_sign(c.x509, s->by ? s->by->key : c.key, EVP_sha256()))
		abort();
	cert_pem(&c);
	return c;
}

static inline void cert_release(struct cert *c)
{
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
	free(c->cert_pem);
	free(c->key_pem);
	free(c->pub_pem);
}

#endif
