#define _GNU_SOURCE
#include "pki/pki.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define PEM_MAX (1024 * 1024)

static void free_x509(X509 **p) { X509_free(*p); }
static void free_pkey(EVP_PKEY **p) { EVP_PKEY_free(*p); }
static void free_bio(BIO **p) { BIO_free(*p); }
#define auto_x509 AUTO(free_x509)
#define auto_pkey AUTO(free_pkey)
#define auto_bio AUTO(free_bio)

/* Without this OpenSSL asks the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *out, int size, int writing, void *asked)
{
	(void)out, (void)size, (void)writing;
	*(int *)asked = 1;
	return -1;
}

/* The PEM text as something OpenSSL reads; it is not copied. */
static BIO *open_pem(const char *name, const char *pem, size_t len, struct err *err)
{
	BIO *bio;

	if (len > PEM_MAX) {
		err_set(err, ERR_FAILED, "'%s' is larger than %d bytes", name, PEM_MAX);
		return NULL;
	}
	bio = BIO_new_mem_buf(len ? pem : "", (int)len);
	if (!bio)
		abort();
	return bio;
}

static X509 *read_cert(const char *name, const char *pem, size_t len, struct err *err)
{
	auto_bio BIO *bio = open_pem(name, pem, len, err);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	if (bio && !cert)
		err_set(err, ERR_FAILED, "'%s' holds no certificate that can be read (PEM)", name);
	ERR_clear_error();
	return cert;
}

static int check_kind(const char *name, const EVP_PKEY *key, struct err *err)
{
	int id = EVP_PKEY_base_id(key);

	if (id != EVP_PKEY_RSA && id != EVP_PKEY_EC) /* kubeadm 1.31 pki_helpers.go */
		return err_set(err, ERR_FAILED, "'%s' is neither an RSA nor an ECDSA key; "
			       "kubeadm takes no other", name);
	return 0;
}

static EVP_PKEY *read_key(const char *name, const char *pem, size_t len, struct err *err)
{
	auto_bio BIO *bio = open_pem(name, pem, len, err);
	int encrypted = 0;
	auto_pkey EVP_PKEY *key =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted) : NULL;

	ERR_clear_error();
	if (!bio)
		return NULL;
	if (!key && encrypted)
		err_set(err, ERR_FAILED, "'%s' is encrypted; kubeadm needs the plain key", name);
	else if (!key)
		err_set(err, ERR_FAILED, "'%s' holds no private key that can be read (PEM)", name);
	else if (check_kind(name, key, err) == 0)
		return TAKE(key);
	return NULL;
}

static EVP_PKEY *read_public(const char *name, const char *pem, size_t len, struct err *err)
{
	auto_bio BIO *bio = open_pem(name, pem, len, err);
	auto_pkey EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	if (bio && !key)
		err_set(err, ERR_FAILED, "'%s' holds no public key that can be read (PEM)", name);
	if (!key || check_kind(name, key, err) < 0)
		return NULL;
	return TAKE(key);
}

int pki_discovery_hash(const char *cert_pem, size_t len, struct buf *out, struct err *err)
{
	auto_x509 X509 *cert = read_cert("CA certificate", cert_pem, len, err);
	unsigned char *der = NULL;
	char hex[65];
	int n;

	if (!cert)
		return -1;
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (n <= 0)
		return err_set(err, ERR_FAILED, "the CA certificate's public key cannot be encoded");
	pki_sha256(der, (size_t)n, hex);
	OPENSSL_free(der);
	buf_puts(out, "sha256:");
	buf_puts(out, hex);
	return 0;
}

static int compare(const EVP_PKEY *a, const char *a_name, const EVP_PKEY *b, const char *b_name,
		   struct err *err)
{
	int equal = EVP_PKEY_eq(a, b);

	ERR_clear_error();
	if (equal != 1)
		return err_set(err, ERR_FAILED, "'%s' does not belong to '%s'", b_name, a_name);
	return 0;
}

int pki_check_pair(const char *cert_name, const char *cert_pem, size_t cert_len,
		   const char *key_name, const char *key_pem, size_t key_len, struct err *err)
{
	auto_x509 X509 *cert = read_cert(cert_name, cert_pem, cert_len, err);
	auto_pkey EVP_PKEY *key = cert ? read_key(key_name, key_pem, key_len, err) : NULL;

	if (!key)
		return -1;
	return compare(X509_get0_pubkey(cert), cert_name, key, key_name, err);
}

int pki_check_public(const char *pub_name, const char *pub_pem, size_t pub_len,
		     const char *key_name, const char *key_pem, size_t key_len, struct err *err)
{
	auto_pkey EVP_PKEY *pub = read_public(pub_name, pub_pem, pub_len, err);
	auto_pkey EVP_PKEY *key = pub ? read_key(key_name, key_pem, key_len, err) : NULL;

	if (!key)
		return -1;
	return compare(pub, pub_name, key, key_name, err);
}

int pki_expiry(const char *name, const char *cert_pem, size_t len, int64_t *when, struct err *err)
{
	auto_x509 X509 *cert = read_cert(name, cert_pem, len, err);
	ASN1_TIME *epoch = cert ? ASN1_TIME_set(NULL, 0) : NULL;
	int days, seconds, ok;

	if (!cert)
		return -1;
	if (!epoch)
		abort();
	ok = ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(cert));
	ASN1_TIME_free(epoch);
	ERR_clear_error();
	if (!ok)
		return err_set(err, ERR_FAILED, "'%s': the certificate's notAfter cannot be read", name);
	*when = (int64_t)days * 86400 + seconds;
	return 0;
}

int pki_check_ca(const char *name, const char *cert_pem, size_t len, struct err *err)
{
	auto_x509 X509 *cert = read_cert(name, cert_pem, len, err);
	int is_ca, expired;

	if (!cert)
		return -1;
	is_ca = X509_check_ca(cert) == 1; /* basicConstraints, not only the look of one */
	expired = X509_cmp_current_time(X509_get0_notAfter(cert)) < 0;
	ERR_clear_error();
	if (!is_ca)
		return err_set(err, ERR_FAILED, "'%s' is not the certificate of a CA", name);
	if (expired)
		return err_set(err, ERR_FAILED, "'%s' has expired; the cluster needs a new CA", name);
	return 0;
}
