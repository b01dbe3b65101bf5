/* The format of "-----BEGIN OPENSSH PRIVATE KEY-----": OpenSSH's PROTOCOL.key. */
#define _GNU_SOURCE
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "pki/pki.h"
#include "ssh/key.h"
#include "ssh/wire.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC "openssh-key-v1" /* and its NUL */

static BIGNUM *number(struct wire_string s)
{
	BIGNUM *n = BN_bin2bn((const unsigned char *)s.data, (int)s.len, NULL);

	if (!n)
		abort();
	return n;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (!params || !ctx)
		abort();
	if (EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

static EVP_PKEY *read_rsa(struct wire *w)
{
	static const char *const names[] = { OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
					     OSSL_PKEY_PARAM_RSA_D };
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *numbers[3];
	EVP_PKEY *pkey;

	for (int i = 0; i < 3; i++) {
		numbers[i] = number(wire_string(w));
		OSSL_PARAM_BLD_push_BN(bld, names[i], numbers[i]);
	}
	pkey = w->bad ? NULL : from_params("RSA", bld);
	OSSL_PARAM_BLD_free(bld);
	for (int i = 0; i < 3; i++)
		BN_clear_free(numbers[i]);
	return pkey;
}

static EVP_PKEY *read_ecdsa(struct wire *w)
{
	struct wire_string name = wire_string(w), point = wire_string(w), secret = wire_string(w);
	const struct ssh_curve *curve = ssh_curve_find(name.data, name.len);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *d = number(secret);
	EVP_PKEY *pkey = NULL;

	if (!w->bad && curve) {
		OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0);
		OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len);
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d);
		pkey = from_params("EC", bld);
	}
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(d);
	return pkey;
}

static EVP_PKEY *read_ed25519(struct wire *w)
{
	struct wire_string public = wire_string(w), secret = wire_string(w);

	if (public.len != 32 || secret.len != 64)
		return NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
					    (const unsigned char *)secret.data, 32);
}

static EVP_PKEY *read_secret(struct wire_string section)
{
	struct wire w = wire_from(section.data, section.len);
	uint32_t check = wire_u32(&w);
	bool intact = wire_u32(&w) == check;
	struct wire_string type = wire_string(&w);

	if (w.bad || !intact)
		return NULL;
	if (wire_is(type, "ssh-rsa"))
		return read_rsa(&w);
	if (wire_is(type, "ssh-ed25519"))
		return read_ed25519(&w);
	if (ssh_curve_find(type.data, type.len))
		return read_ecdsa(&w);
	return NULL;
}

static int decode(const struct buf *text, struct buf *binary)
{
	auto_err struct err ignored = ERR_INIT;
	const char *begin = strstr(buf_str(text), BEGIN), *end = begin ? strstr(begin, END) : NULL;

	if (!end)
		return -1;
	begin += strlen(BEGIN);
	return pki_base64_decode(begin, (size_t)(end - begin), binary, &ignored);
}

int ssh_key_parse(const char *path, const struct buf *text, struct ssh_key *k, struct err *err)
{
	auto_wipe struct buf binary = BUF_INIT;
	struct wire w;
	struct wire_string cipher, blob, section;
	uint32_t keys;

	if (decode(text, &binary) < 0 || binary.len < sizeof(MAGIC) ||
	    memcmp(binary.data, MAGIC, sizeof(MAGIC)))
		return err_set(err, ERR_CONNECT, "'%s' is a damaged private key", path);
	w = wire_from(binary.data + sizeof(MAGIC), binary.len - sizeof(MAGIC));
	cipher = wire_string(&w);
	wire_string(&w); /* key derivation and its options */
	wire_string(&w);
	keys = wire_u32(&w);
	blob = wire_string(&w);
	section = wire_string(&w);
	if (w.bad || keys != 1)
		return err_set(err, ERR_CONNECT, "'%s' is a damaged private key", path);
	buf_add(&k->blob, blob.data, blob.len);
	if (!ssh_key_type(&k->blob))
		return err_set(err, ERR_CONNECT,
			       "'%s' is a key of a kind that cannot be used: make one with ssh-keygen -t "
			       "ed25519",
			       path);
	if (!wire_is(cipher, "none"))
		return 0;
	k->secret = read_secret(section);
	ERR_clear_error();
	return k->secret ? 0 : err_set(err, ERR_CONNECT, "'%s' is a damaged private key", path);
}
