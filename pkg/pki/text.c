#define _GNU_SOURCE
#include "pki/pki.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/sha.h>

void pki_sha256(const void *data, size_t len, char hex[65])
{
	unsigned char sum[SHA256_DIGEST_LENGTH];

	SHA256(data, len, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}

/* n characters of set, each as likely as the others: bytes beyond the last whole multiple of
 * the set's size are thrown away. */
static int random_from(const char *set, char *out, size_t n, struct err *err)
{
	unsigned size = (unsigned)strlen(set), limit = 256 - 256 % size;
	unsigned char pool[64];
	size_t have = 0;

	for (size_t i = 0; i < n;) {
		if (!have && getentropy(pool, have = sizeof(pool)) < 0)
			return err_errno(err, "reading the system's random source");
		if (pool[--have] < limit)
			out[i++] = set[pool[have] % size];
	}
	explicit_bzero(pool, sizeof(pool));
	return 0;
}

int pki_token(char token[24], struct err *err)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	if (random_from(set, token, 23, err) < 0)
		return -1;
	token[6] = '.';
	token[23] = '\0';
	return 0;
}

int pki_random_text(char *out, size_t n, struct err *err)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	if (random_from(set, out, n, err) < 0)
		return -1;
	out[n] = '\0';
	return 0;
}

static const char base64_set[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char c)
{
	const char *at = c ? strchr(base64_set, c) : NULL;

	return at ? (int)(at - base64_set) : -1;
}

/* OpenSSL's decoders pass over damage; this one follows Go's base64.StdEncoding, which the
 * readers of kubeconfigs use: line ends anywhere, padding required, nothing after it. */
int pki_base64_decode(const char *text, size_t len, struct buf *out, struct err *err)
{
	unsigned bits = 0, digits = 0, pad = 0;

	buf_reserve(out, out->len + len / 4 * 3 + 3);
	for (size_t i = 0; i < len; i++) {
		int value = base64_value(text[i]);

		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (text[i] == '=' && digits + pad >= 2 && digits + pad < 4) {
			pad++;
			continue;
		}
		if (value < 0 || pad)
			return err_set(err, ERR_FAILED, "not base64: bad character at byte %zu", i + 1);
		bits = bits << 6 | (unsigned)value;
		if (++digits < 4)
			continue;
		buf_add(out, (char[]){ (char)(bits >> 16), (char)(bits >> 8), (char)bits }, 3);
		bits = digits = 0;
	}
	if (digits + pad != 0 && digits + pad != 4)
		return err_set(err, ERR_FAILED, "not base64: it ends in the middle");
	if (digits == 2)
		buf_add(out, (char[]){ (char)(bits >> 4) }, 1);
	if (digits == 3)
		buf_add(out, (char[]){ (char)(bits >> 10), (char)(bits >> 2) }, 2);
	return 0;
}

void pki_base64_encode(const void *data, size_t len, struct buf *out)
{
	const unsigned char *p = data;

	buf_reserve(out, out->len + (len + 2) / 3 * 4);
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned bits = (unsigned)p[i] << 16;

		if (n > 1)
			bits |= (unsigned)p[i + 1] << 8;
		if (n > 2)
			bits |= p[i + 2];
		char quad[4] = { base64_set[bits >> 18], base64_set[bits >> 12 & 63],
				 n > 1 ? base64_set[bits >> 6 & 63] : '=',
				 n > 2 ? base64_set[bits & 63] : '=' };

		buf_add(out, quad, 4);
	}
}
