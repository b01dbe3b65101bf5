#define _GNU_SOURCE
#include "ssh/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "ssh/cert.h"
#include "ssh/wire.h"

#define MAX_KEY_FILE 65536
#define OPENSSH_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"

const struct ssh_curve *ssh_curve_find(const char *name, size_t len)
{
	static const struct ssh_curve curves[] = {
		{ "ecdsa-sha2-nistp256", "nistp256", "prime256v1", "SHA256" },
		{ "ecdsa-sha2-nistp384", "nistp384", "secp384r1", "SHA384" },
		{ "ecdsa-sha2-nistp521", "nistp521", "secp521r1", "SHA512" },
	};
	const struct wire_string s = { name, len };

	for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++)
		if (wire_is(s, curves[i].type) || wire_is(s, curves[i].name) || wire_is(s, curves[i].group))
			return &curves[i];
	return NULL;
}

const char *ssh_key_type(const struct buf *blob)
{
	struct wire w = wire_from(buf_str(blob), blob->len);
	struct wire_string type = wire_string(&w);
	const struct ssh_curve *curve = ssh_curve_find(type.data, type.len);

	return wire_is(type, "ssh-ed25519") ? "ssh-ed25519" :
	       wire_is(type, "ssh-rsa")	    ? "ssh-rsa" :
	       curve			    ? curve->type :
					      NULL;
}

bool ssh_key_is_fido(const struct buf *blob)
{
	struct wire w = wire_from(buf_str(blob), blob->len);
	struct wire_string type = wire_string(&w);

	return type.len > 3 && !memcmp(type.data, "sk-", 3);
}

static int add_number(EVP_PKEY *pkey, const char *name, struct buf *blob)
{
	BIGNUM *n = NULL;
	unsigned char bytes[4096];
	int len = -1;

	if (EVP_PKEY_get_bn_param(pkey, name, &n) && BN_num_bytes(n) <= (int)sizeof(bytes))
		len = BN_bn2bin(n, bytes);
	BN_free(n);
	if (len < 0)
		return -1;
	wire_add_number(blob, bytes, (size_t)len);
	return 0;
}

static int add_point(EVP_PKEY *pkey, struct buf *blob)
{
	char group[64];
	unsigned char point[256];
	size_t group_len = 0, len = 0;
	const struct ssh_curve *curve;

	if (!EVP_PKEY_get_group_name(pkey, group, sizeof(group), &group_len) ||
	    !(curve = ssh_curve_find(group, strlen(group))) ||
	    !EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len))
		return -1;
	wire_add_text(blob, curve->type);
	wire_add_text(blob, curve->name);
	wire_add_string(blob, point, len);
	return 0;
}

/* RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4. */
static int write_blob(EVP_PKEY *pkey, struct buf *blob)
{
	unsigned char raw[32];
	size_t len = sizeof(raw);

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		wire_add_text(blob, "ssh-rsa");
		return add_number(pkey, OSSL_PKEY_PARAM_RSA_E, blob) < 0 ||
				       add_number(pkey, OSSL_PKEY_PARAM_RSA_N, blob) < 0 ? -1 : 0;
	case EVP_PKEY_EC:
		return add_point(pkey, blob);
	case EVP_PKEY_ED25519:
		if (!EVP_PKEY_get_raw_public_key(pkey, raw, &len))
			return -1;
		wire_add_text(blob, "ssh-ed25519");
		wire_add_string(blob, raw, len);
		return 0;
	default:
		return -1;
	}
}

/* An encrypted PEM file does not show its public key; the file beside it may. */
static void read_public(const char *path, struct buf *blob)
{
	auto_err struct err ignored = ERR_INIT;
	auto_free char *pub = NULL;

	if (asprintf(&pub, "%s.pub", path) < 0)
		abort();
	if (ssh_public_load(pub, blob, &ignored) < 0 || !ssh_key_type(blob))
		buf_clear(blob);
}

/* What OpenSSL may ask for while it reads PEM. */
struct question {
	const struct buf *passphrase; /* NULL: it is only noted that it asks */
	bool asked;
};

static int answer(char *buf, int size, int rwflag, void *question)
{
	struct question *q = question;

	(void)rwflag;
	q->asked = true;
	if (!q->passphrase || q->passphrase->len > (size_t)size)
		return -1;
	memcpy(buf, buf_str(q->passphrase), q->passphrase->len);
	return (int)q->passphrase->len;
}

static int parse_pem(const char *path, const struct buf *text, const struct buf *passphrase, struct ssh_key *k,
		     bool *wrong, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(buf_str(text), (int)text->len);
	struct question q = { passphrase, false };

	if (!bio)
		abort();
	k->secret = PEM_read_bio_PrivateKey(bio, NULL, answer, &q);
	BIO_free(bio);
	ERR_clear_error();
	if (!k->secret && q.asked && !passphrase) {
		read_public(path, &k->blob);
		return 0;
	}
	*wrong = !k->secret && q.asked;
	if (*wrong)
		return err_set(err, ERR_CONNECT, "the passphrase is not that of '%s'", path);
	if (!k->secret)
		return err_set(err, ERR_CONNECT, "'%s' is no private key", path);
	buf_clear(&k->blob);
	return write_blob(k->secret, &k->blob) < 0 ? err_set(err, ERR_CONNECT, SSH_KEY_UNUSABLE, path) : 0;
}

int ssh_key_unlock(const char *path, const struct buf *passphrase, struct ssh_key *k, bool *wrong,
		   struct err *err)
{
	auto_wipe struct buf text = BUF_INIT;
	int rc;

	*wrong = false;
	if (file_read(path, MAX_KEY_FILE, &text, err) < 0)
		return -1;
	if (strstr(buf_str(&text), OPENSSH_BEGIN))
		rc = ssh_key_parse(path, &text, passphrase, k, wrong, err);
	else
		rc = parse_pem(path, &text, passphrase, k, wrong, err);
	if (rc < 0 && !passphrase)
		ssh_key_release(k);
	return rc;
}

int ssh_key_load(const char *path, struct ssh_key *k, struct err *err)
{
	bool wrong;

	return ssh_key_unlock(path, NULL, k, &wrong, err);
}

void ssh_key_share(const struct ssh_key *from, struct ssh_key *to)
{
	buf_clear(&to->blob);
	buf_add(&to->blob, buf_str(&from->blob), from->blob.len);
	if (from->secret)
		EVP_PKEY_up_ref(from->secret);
	EVP_PKEY_free(to->secret);
	to->secret = from->secret;
}

void ssh_key_release(struct ssh_key *k)
{
	buf_release(&k->blob);
	EVP_PKEY_free(k->secret);
	k->secret = NULL;
}
