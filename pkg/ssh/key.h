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
	bool foreign;    /* it cannot be used here, but by OpenSSH it can */
};
#define SSH_KEY_INIT { BUF_INIT, NULL, false }

/* Reads OpenSSH's own format and PEM: ed25519, ecdsa, rsa.  An encrypted key is no error, its
 * blob is that of the file or of the .pub file beside it. */
int ssh_key_load(const char *path, struct ssh_key *k, struct err *err) MUST_CHECK;
void ssh_key_release(struct ssh_key *k);

/* The same with the passphrase of an encrypted key.  *wrong is set when it is another's.  Takes
 * as long as the file's key derivation is made to: a tenth of a second, usually. */
int ssh_key_unlock(const char *path, const struct buf *passphrase, struct ssh_key *k, bool *wrong,
		   struct err *err) MUST_CHECK;

/* The same from text, of OpenSSH's format only; path is for messages.  passphrase NULL: an
 * encrypted key is no error. */
int ssh_key_parse(const char *path, const struct buf *text, const struct buf *passphrase, struct ssh_key *k,
		  bool *wrong, struct err *err) MUST_CHECK;

/* to becomes a key of its own with the same secret. */
void ssh_key_share(const struct ssh_key *from, struct ssh_key *to);

/* On a FIDO device: libssh2 cannot send what such keys sign. */
bool ssh_key_is_fido(const struct buf *blob);

/* Appends the signature as libssh2 wants it, without its type; rsa_bits: of the hash where the
 * key is RSA, 512 or 256. */
int ssh_key_sign(const struct ssh_key *k, int rsa_bits, const void *data, size_t len,
		 struct buf *sig) MUST_CHECK;

/* The type a blob begins with, NULL when it is none that can be used. */
const char *ssh_key_type(const struct buf *blob);

#define SSH_KEY_UNUSABLE "'%s' is a key of a kind that cannot be used: make one with ssh-keygen -t ed25519"

struct ssh_curve {
	const char *type, *name, *group; /* as SSH and as OpenSSL name it */
	const char *digest;
};
/* By either name; NULL: not one of SSH's three. */
const struct ssh_curve *ssh_curve_find(const char *name, size_t len);

#endif
