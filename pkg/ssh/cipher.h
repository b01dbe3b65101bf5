/* Inside pkg/ssh: the ciphers that ssh-keygen -Z knows, for the private part of a key file. */
#ifndef SSH_CIPHER_H
#define SSH_CIPHER_H

#include <stdbool.h>

#include "ssh/wire.h"

struct ssh_cipher {
	const char *name, *openssl; /* as OpenSSH and as OpenSSL call it */
	size_t key, iv, block, tag; /* bytes; tag: what follows the section */
};

/* NULL: not one of them. */
const struct ssh_cipher *ssh_cipher_find(struct wire_string name);

/* Appends the plain text; key holds c->key bytes and then c->iv.  -1: the tag or the length does
 * not fit, which for those without a tag only the plain text can tell. */
int ssh_cipher_open(const struct ssh_cipher *c, const unsigned char *key, struct wire_string section,
		    struct wire_string tag, struct buf *out) MUST_CHECK;

#endif
