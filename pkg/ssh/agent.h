/* The ssh-agent protocol, as much as logging in needs (draft-miller-ssh-agent): libssh2 1.10's
 * own client cannot ask for RSA signatures with SHA-512. */
#ifndef SSH_AGENT_H
#define SSH_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct ssh_agent {
	int fd; /* -1: there is none */
	struct ssh_agent_key {
		struct buf blob;
		char *comment;
		bool used; /* the caller's mark */
	} *keys;
	size_t n;
};
#define SSH_AGENT_INIT { -1, NULL, 0 }

/* Asks the agent for its keys.  path: its socket, "none", "$NAME" of a variable, or NULL for
 * $SSH_AUTH_SOCK, where no agent is no error. */
int ssh_agent_open(struct ssh_agent *a, const char *path, int64_t deadline_ms, struct err *err) MUST_CHECK;
void ssh_agent_close(struct ssh_agent *a);

/* Appends the signature without its type; rsa_bits: of the hash where the key is RSA, 512 or 256. */
int ssh_agent_sign(struct ssh_agent *a, const struct buf *blob, int rsa_bits, const void *data, size_t len,
		   int64_t deadline_ms, struct buf *sig, struct err *err) MUST_CHECK;

#endif
