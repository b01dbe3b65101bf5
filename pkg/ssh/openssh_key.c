/* The format of "-----BEGIN OPENSSH PRIVATE KEY-----": OpenSSH's PROTOCOL.key. */
#define _GNU_SOURCE
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "pki/pki.h"
#include "ssh/bcrypt.h"
#include "ssh/cipher.h"
#include "ssh/key.h"
#include "ssh/wire.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC "openssh-key-v1" /* and its NUL */

#define MAX_CIPHER_KEY 80
/* ssh-keygen -a; some minutes of work. */
#define MAX_ROUNDS 10000

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

/* Two equal numbers at the beginning tell that it was decrypted with the right key. */
static bool is_plain(struct wire_string section)
{
	struct wire w = wire_from(section.data, section.len);
	uint32_t check = wire_u32(&w);

	return wire_u32(&w) == check && !w.bad;
}

static EVP_PKEY *read_secret(struct wire_string section)
{
	struct wire w = wire_from(section.data, section.len);
	struct wire_string type;

	wire_u32(&w);
	wire_u32(&w);
	type = wire_string(&w);
	if (w.bad || !is_plain(section))
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

/* What the file says in clear, and the part that may be encrypted. */
struct envelope {
	struct wire_string cipher, derivation, options, blob, section, tag;
};

static int open_envelope(const struct buf *binary, struct envelope *e)
{
	struct wire w;
	uint32_t keys;

	if (binary->len < sizeof(MAGIC) || memcmp(binary->data, MAGIC, sizeof(MAGIC)))
		return -1;
	w = wire_from(binary->data + sizeof(MAGIC), binary->len - sizeof(MAGIC));
	e->cipher = wire_string(&w);
	e->derivation = wire_string(&w);
	e->options = wire_string(&w);
	keys = wire_u32(&w);
	e->blob = wire_string(&w);
	e->section = wire_string(&w);
	e->tag = (struct wire_string){ w.at, w.left };
	return w.bad || keys != 1 ? -1 : 0;
}

static int damaged(const char *path, struct err *err)
{
	return err_set(err, ERR_CONNECT, "'%s' is a damaged private key", path);
}

/* Appends the plain section; *wrong: it did not come out right. */
static int decrypt(const char *path, const struct envelope *e, const struct buf *passphrase, struct buf *plain,
		   bool *wrong, struct err *err)
{
	const struct ssh_cipher *c = ssh_cipher_find(e->cipher);
	struct wire w = wire_from(e->options.data, e->options.len);
	struct wire_string salt = wire_string(&w);
	uint32_t rounds = wire_u32(&w);
	unsigned char key[MAX_CIPHER_KEY];

	if (!c || !wire_is(e->derivation, "bcrypt"))
		return err_set(err, ERR_CONNECT, "'%s' is encrypted with '%.*s', which hactl does not know: change it "
						 "with ssh-keygen -p -f %s", path, (int)e->cipher.len, e->cipher.data, path);
	if (w.bad || rounds > MAX_ROUNDS ||
	    bcrypt_pbkdf(buf_str(passphrase), passphrase->len, salt.data, salt.len, rounds, key, c->key + c->iv) < 0)
		return damaged(path, err);
	*wrong = ssh_cipher_open(c, key, e->section, e->tag, plain) < 0;
	explicit_bzero(key, sizeof(key));
	return 0;
}

static int read_section(const char *path, const struct envelope *e, const struct buf *passphrase,
			struct ssh_key *k, bool *wrong, struct err *err)
{
	auto_wipe struct buf plain = BUF_INIT;
	struct wire_string section = e->section;

	if (passphrase) {
		if (decrypt(path, e, passphrase, &plain, wrong, err) < 0)
			return -1;
		section = (struct wire_string){ buf_str(&plain), plain.len };
		*wrong = *wrong || !is_plain(section);
		if (*wrong)
			return err_set(err, ERR_CONNECT, "the passphrase is not that of '%s'", path);
	}
	k->secret = read_secret(section);
	ERR_clear_error();
	return k->secret ? 0 : damaged(path, err);
}

int ssh_key_parse(const char *path, const struct buf *text, const struct buf *passphrase, struct ssh_key *k,
		  bool *wrong, struct err *err)
{
	auto_wipe struct buf binary = BUF_INIT;
	struct envelope e;
	bool encrypted;

	if (decode(text, &binary) < 0 || open_envelope(&binary, &e) < 0)
		return damaged(path, err);
	buf_clear(&k->blob);
	buf_add(&k->blob, e.blob.data, e.blob.len);
	k->foreign = ssh_key_is_fido(&k->blob);
	if (k->foreign)
		return err_set(err, ERR_CONNECT, "'%s' is a FIDO key, which only OpenSSH can use", path);
	if (!ssh_key_type(&k->blob))
		return err_set(err, ERR_CONNECT, SSH_KEY_UNUSABLE, path);
	encrypted = !wire_is(e.cipher, "none");
	if (encrypted && !passphrase)
		return 0;
	return read_section(path, &e, encrypted ? passphrase : NULL, k, wrong, err);
}
