/*
 * Private keys: read from files and used here, not by libssh2, whose 1.10 signs RSA with SHA-1
 * only, which sshd from 8.8 on refuses.
 */
#ifndef SSH_KEY_H
#define SSH_KEY_H

#include <stdbool.h>

#include "base/buf.h"

struct ssh_key {
	struct buf blob; /* the public key as on the wire; empty: not known */
	void *secret;    /* EVP_PKEY; NULL: encrypted */
};
#define SSH_KEY_INIT { BUF_INIT, NULL }

/* Reads OpenSSH's own format and PEM: ed25519, ecdsa, rsa.  An encrypted key is no error, its
 * blob is that of the file or of the .pub file beside it. */
int ssh_key_load(const char *path, struct ssh_key *k, struct err *err) MUST_CHECK;
void ssh_key_release(struct ssh_key *k);

/* The same from text, of OpenSSH's format only; path is for messages. */
int ssh_key_parse(const char *path, const struct buf *text, struct ssh_key *k,
		  struct err *err) MUST_CHECK;

/* Appends the signature as libssh2 wants it, without its type; RSA signs with SHA-512. */
int ssh_key_sign(const struct ssh_key *k, const void *data, size_t len, struct buf *sig) MUST_CHECK;

/* The type a blob begins with, NULL when it is none that can be used. */
const char *ssh_key_type(const struct buf *blob);

struct ssh_curve {
	const char *type, *name, *group; /* as SSH and as OpenSSL name it */
	const char *digest;
};
/* By either name; NULL: not one of SSH's three. */
const struct ssh_curve *ssh_curve_find(const char *name, size_t len);

#endif
