/* OpenSSH's user certificates (its PROTOCOL.certkeys), as much as offering one needs. */
#ifndef SSH_CERT_H
#define SSH_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct ssh_cert {
	struct buf key;        /* the public key it is for, as on the wire */
	char *principals;      /* "alice,root"; "" for everybody */
	uint64_t after, before; /* valid from and until, seconds since 1970 */
};
#define SSH_CERT_INIT { BUF_INIT, NULL, 0, 0 }
void ssh_cert_release(struct ssh_cert *c);

bool ssh_cert_is(const struct buf *blob);

/* Host certificates and damaged ones are errors; path is for messages. */
int ssh_cert_parse(const char *path, const struct buf *blob, struct ssh_cert *c, struct err *err) MUST_CHECK;

/* The blob of a line as in KEY.pub and KEY-cert.pub. */
int ssh_public_load(const char *path, struct buf *blob, struct err *err) MUST_CHECK;

/* Whether the libssh2 that runs can offer it: 1.10 only those of ecdsa keys. */
bool ssh_cert_usable(const struct ssh_cert *c);

#endif
