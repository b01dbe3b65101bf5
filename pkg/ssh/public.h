/* The operator's own public key, as a line for authorized_keys: found, or made. */
#ifndef SSH_PUBLIC_H
#define SSH_PUBLIC_H

#include "base/buf.h"

/*
 * The key of identity_file (its .pub, or what the private key itself says); with NULL the first one
 * of the agent, else of the usual files in ~/.ssh.  Appends the line without its newline.
 * 0: found; 1: there is none; -1: one that is named cannot be read.
 */
int ssh_public_find(const char *identity_file, struct buf *line, struct err *err) MUST_CHECK;

/* Makes an ed25519 key without a passphrase, PATH (0600) and PATH.pub, as ssh-keygen does; neither
 * may exist.  Folders that are missing are made 0700. */
int ssh_public_generate(const char *path, const char *comment, struct err *err) MUST_CHECK;

#endif
