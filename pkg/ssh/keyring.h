/* Inside pkg/ssh: the private keys of a run, each file read and each passphrase asked for once. */
#ifndef SSH_KEYRING_H
#define SSH_KEYRING_H

#include "ssh/key.h"
#include "ssh/secrets.h"

struct ssh_keyring;

struct ssh_keyring *ssh_keyring_new(struct ssh_secrets *s);
void ssh_keyring_free(struct ssh_keyring *r);
struct ssh_keyring *ssh_secrets_keyring(struct ssh_secrets *s);

/* As ssh_key_load; the secret is shared with the keyring. */
int ssh_keyring_load(struct ssh_keyring *r, const char *path, struct ssh_key *k, struct err *err) MUST_CHECK;

/* Makes k one that can sign: asks for the passphrase of path, three times at most, or waits until
 * another thread has.  Fails at once for a file that failed before. */
int ssh_keyring_unlock(struct ssh_keyring *r, const char *path, struct ssh_key *k, struct err *err) MUST_CHECK;

#endif
