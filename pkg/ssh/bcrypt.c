/* As OpenBSD's bcrypt_pbkdf(3): PBKDF2 with bcrypt over SHA-512 for its pseudo-random function,
 * the output interleaved so that no part of the key can be had for less than all of it. */
#define _GNU_SOURCE
#include "ssh/bcrypt.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SIZE 64
#define WORDS 8
#define BLOCK (WORDS * 4)
#define MAX_SALT (1 << 16)
#define MAX_KEY 1024

struct blowfish {
	uint32_t p[18], s[4][256];
};

static uint32_t mix(const struct blowfish *b, uint32_t x)
{
	return ((b->s[0][x >> 24] + b->s[1][x >> 16 & 0xff]) ^ b->s[2][x >> 8 & 0xff]) + b->s[3][x & 0xff];
}

static void encrypt(const struct blowfish *b, uint32_t *left, uint32_t *right)
{
	uint32_t l = *left, r = *right;

	for (int i = 0; i < 16; i += 2) {
		l ^= b->p[i];
		r ^= mix(b, l);
		r ^= b->p[i + 1];
		l ^= mix(b, r);
	}
	*left = r ^ b->p[17];
	*right = l ^ b->p[16];
}

/* 16 words of a hash, most significant byte first. */
static void to_words(const unsigned char hash[HASH_SIZE], uint32_t words[16])
{
	for (int i = 0; i < 16; i++)
		words[i] = (uint32_t)hash[4 * i] << 24 | (uint32_t)hash[4 * i + 1] << 16 |
			   (uint32_t)hash[4 * i + 2] << 8 | hash[4 * i + 3];
}

/* Blowfish's key schedule; salt: NULL, or mixed into each step (what bcrypt calls Eks). */
static void expand(struct blowfish *b, const uint32_t key[16], const uint32_t *salt)
{
	uint32_t *boxes = b->s[0], l = 0, r = 0;
	int at = 0;

	for (int i = 0; i < 18; i++)
		b->p[i] ^= key[i % 16];
	for (int i = 0; i < 18 + 1024; i += 2) {
		if (salt) {
			l ^= salt[at++ % 16];
			r ^= salt[at++ % 16];
		}
		encrypt(b, &l, &r);
		uint32_t *to = i < 18 ? b->p + i : boxes + i - 18;

		to[0] = l;
		to[1] = r;
	}
}

static void bcrypt(struct blowfish *b, const uint32_t pass[16], const unsigned char salt_hash[HASH_SIZE],
		   unsigned char out[BLOCK])
{
	static const char magic[BLOCK + 1] = "OxychromaticBlowfishSwatDynamite";
	uint32_t salt[16], text[16];
	unsigned char padded[HASH_SIZE] = { 0 };

	to_words(salt_hash, salt);
	memcpy(b->p, blowfish_pi, sizeof(b->p));
	memcpy(b->s, blowfish_pi + 18, sizeof(b->s));
	expand(b, pass, salt);
	for (int i = 0; i < 64; i++) {
		expand(b, salt, NULL);
		expand(b, pass, NULL);
	}
	memcpy(padded, magic, BLOCK);
	to_words(padded, text);
	for (int i = 0; i < 64; i++)
		for (int w = 0; w < WORDS; w += 2)
			encrypt(b, &text[w], &text[w + 1]);
	for (int i = 0; i < BLOCK; i++)
		out[i] = text[i / 4] >> 8 * (i % 4) & 0xff; /* least significant first, unlike above */
	explicit_bzero(text, sizeof(text));
}

static void sha512(const void *data, size_t len, unsigned char hash[HASH_SIZE])
{
	if (!EVP_Digest(data, len, hash, NULL, EVP_sha512(), NULL))
		abort();
}

/* The count'th block: rounds of bcrypt, each salted with the one before, all xored. */
static void derive_block(struct blowfish *b, const uint32_t pass[16], unsigned char *salt, size_t salt_len,
			 uint32_t count, uint32_t rounds, unsigned char block[BLOCK])
{
	unsigned char hash[HASH_SIZE], round[BLOCK];

	for (int i = 0; i < 4; i++)
		salt[salt_len + (size_t)i] = count >> (24 - 8 * i) & 0xff;
	sha512(salt, salt_len + 4, hash);
	bcrypt(b, pass, hash, round);
	memcpy(block, round, BLOCK);
	while (--rounds) {
		sha512(round, BLOCK, hash);
		bcrypt(b, pass, hash, round);
		for (int i = 0; i < BLOCK; i++)
			block[i] ^= round[i];
	}
	explicit_bzero(round, sizeof(round));
}

struct work {
	struct blowfish b;
	uint32_t pass[16];
	unsigned char hash[HASH_SIZE], block[BLOCK];
	unsigned char salt[];
};

int bcrypt_pbkdf(const void *pass, size_t pass_len, const void *salt, size_t salt_len, uint32_t rounds,
		 unsigned char *key, size_t key_len)
{
	size_t blocks = (key_len + BLOCK - 1) / BLOCK, size = sizeof(struct work) + salt_len + 4;
	struct work *w;

	if (!rounds || !pass_len || !salt_len || salt_len > MAX_SALT || !key_len || key_len > MAX_KEY)
		return -1;
	w = calloc(1, size);
	if (!w)
		abort();
	memcpy(w->salt, salt, salt_len);
	sha512(pass, pass_len, w->hash);
	to_words(w->hash, w->pass);
	for (size_t n = 0; n < blocks; n++) {
		derive_block(&w->b, w->pass, w->salt, salt_len, (uint32_t)n + 1, rounds, w->block);
		for (size_t i = 0; i < BLOCK && i * blocks + n < key_len; i++)
			key[i * blocks + n] = w->block[i];
	}
	explicit_bzero(w, size);
	free(w);
	return 0;
}
