#define _GNU_SOURCE
#include "ssh/cipher.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define POLY_KEY 32
#define POLY_TAG 16

/* OpenSSH's cipher.c. */
static const struct ssh_cipher ciphers[] = {
	{ "aes256-ctr", "AES-256-CTR", 32, 16, 16, 0 },
	{ "aes192-ctr", "AES-192-CTR", 24, 16, 16, 0 },
	{ "aes128-ctr", "AES-128-CTR", 16, 16, 16, 0 },
	{ "aes256-cbc", "AES-256-CBC", 32, 16, 16, 0 },
	{ "aes192-cbc", "AES-192-CBC", 24, 16, 16, 0 },
	{ "aes128-cbc", "AES-128-CBC", 16, 16, 16, 0 },
	{ "3des-cbc", "DES-EDE3-CBC", 24, 8, 8, 0 },
	{ "aes256-gcm@openssh.com", "AES-256-GCM", 32, 12, 16, 16 },
	{ "aes128-gcm@openssh.com", "AES-128-GCM", 16, 12, 16, 16 },
	/* two keys, of which the second only serves the length of packets */
	{ "chacha20-poly1305@openssh.com", "ChaCha20", 64, 0, 8, POLY_TAG },
};

const struct ssh_cipher *ssh_cipher_find(struct wire_string name)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++)
		if (wire_is(name, ciphers[i].name))
			return &ciphers[i];
	return NULL;
}

static int poly1305(const unsigned char *key, struct wire_string data, unsigned char tag[POLY_TAG])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	size_t len;
	int rc = ctx && EVP_MAC_init(ctx, key, POLY_KEY, NULL) &&
		 EVP_MAC_update(ctx, (const unsigned char *)data.data, data.len) &&
		 EVP_MAC_final(ctx, tag, &len, POLY_TAG) ? 0 : -1;

	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return rc;
}

/* OpenSSH's PROTOCOL.chacha20poly1305, of packet 0: block 0 of the stream is Poly1305's key, the
 * text begins with block 1. */
static int check_poly1305(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *evp, const unsigned char *key,
			  struct wire_string section, struct wire_string tag)
{
	static const unsigned char zeroes[POLY_KEY];
	unsigned char counter[16] = { 0 }, poly_key[POLY_KEY], expected[POLY_TAG];
	int n;

	if (!EVP_DecryptInit_ex(ctx, evp, NULL, key, counter) ||
	    !EVP_DecryptUpdate(ctx, poly_key, &n, zeroes, POLY_KEY) ||
	    poly1305(poly_key, section, expected) < 0 || CRYPTO_memcmp(expected, tag.data, POLY_TAG))
		return -1;
	explicit_bzero(poly_key, sizeof(poly_key));
	counter[0] = 1;
	return EVP_DecryptInit_ex(ctx, NULL, NULL, key, counter) ? 0 : -1;
}

static int start(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *evp, const struct ssh_cipher *c,
		 const unsigned char *key, struct wire_string section, struct wire_string tag)
{
	if (!c->iv)
		return check_poly1305(ctx, evp, key, section, tag);
	if (!EVP_DecryptInit_ex(ctx, evp, NULL, key, key + c->key) || !EVP_CIPHER_CTX_set_padding(ctx, 0))
		return -1;
	if (c->tag && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag.len, (void *)tag.data) <= 0)
		return -1;
	return 0;
}

int ssh_cipher_open(const struct ssh_cipher *c, const unsigned char *key, struct wire_string section,
		    struct wire_string tag, struct buf *out)
{
	EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, c->openssl, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0, rc = -1;

	if (!ctx)
		abort();
	buf_reserve(out, out->len + section.len + c->block);
	if (evp && section.len && section.len % c->block == 0 && tag.len == c->tag &&
	    !start(ctx, evp, c, key, section, tag)) {
		unsigned char *to = (unsigned char *)out->data + out->len;

		if (EVP_DecryptUpdate(ctx, to, &n, (const unsigned char *)section.data, (int)section.len) &&
		    EVP_DecryptFinal_ex(ctx, to + n, &rest) > 0)
			rc = 0;
		out->len += rc ? 0 : section.len;
	}
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(evp);
	return rc;
}
