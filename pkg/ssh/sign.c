#define _GNU_SOURCE
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <string.h>

#include "ssh/key.h"
#include "ssh/wire.h"

static void add_bignum(const BIGNUM *n, struct buf *out)
{
	unsigned char bytes[128];
	int len = BN_num_bytes(n);

	if (len > (int)sizeof(bytes))
		abort();
	BN_bn2bin(n, bytes);
	wire_add_number(out, bytes, (size_t)len);
}

/* RFC 5656, 3.1.2: two mpints instead of OpenSSL's DER. */
static int add_ecdsa(const unsigned char *der, size_t len, struct buf *sig)
{
	ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)len);

	if (!parsed)
		return -1;
	add_bignum(ECDSA_SIG_get0_r(parsed), sig);
	add_bignum(ECDSA_SIG_get0_s(parsed), sig);
	ECDSA_SIG_free(parsed);
	return 0;
}

static const char *digest_of(const struct ssh_key *k, int rsa_bits)
{
	const char *type = ssh_key_type(&k->blob);
	const struct ssh_curve *curve = ssh_curve_find(type, strlen(type));

	if (curve)
		return curve->digest;
	return strcmp(type, "ssh-rsa") ? NULL : rsa_bits == 256 ? "SHA256" : "SHA512";
}

int ssh_key_sign(const struct ssh_key *k, int rsa_bits, const void *data, size_t len, struct buf *sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char bytes[2048];
	size_t n = sizeof(bytes);
	int rc = -1;

	if (ctx && EVP_DigestSignInit_ex(ctx, NULL, digest_of(k, rsa_bits), NULL, NULL, k->secret, NULL) > 0 &&
	    EVP_DigestSign(ctx, bytes, &n, data, len) > 0)
		rc = 0;
	EVP_MD_CTX_free(ctx);
	if (!rc && EVP_PKEY_get_base_id(k->secret) == EVP_PKEY_EC)
		return add_ecdsa(bytes, n, sig);
	if (!rc)
		buf_add(sig, bytes, n);
	return rc;
}
