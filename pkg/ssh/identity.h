/* Inside pkg/ssh: the keys that a login may offer, in the order of ssh(1): those that were named
 * first, then the agent's, then the usual files.  A certificate comes before its key. */
#ifndef SSH_IDENTITY_H
#define SSH_IDENTITY_H

#include "base/strs.h"
#include "ssh/agent.h"
#include "ssh/keyring.h"
#include "ssh/ssh.h"

enum ssh_identity_state { SSH_ID_FRESH, SSH_ID_REFUSED, SSH_ID_TAKEN, SSH_ID_UNUSABLE };

struct ssh_identity {
	char *name;         /* for messages */
	char *path;         /* of the private key; NULL: the agent has it */
	struct buf offer;   /* a certificate; empty: the key's own blob */
	struct ssh_key key; /* no secret: the agent signs, or path has to be unlocked */
	bool held;          /* by the agent */
	enum ssh_identity_state state;
};

struct ssh_identities {
	struct ssh_agent agent;
	struct ssh_identity *v;
	size_t n;
	struct strs unusable; /* why something that was named is not among them */
	bool foreign;         /* OpenSSH could use what libssh2 cannot */
};
#define SSH_IDENTITIES_INIT { SSH_AGENT_INIT, NULL, 0, STRS_INIT, false }

/* Nothing is asked for.  What cannot be used is no error. */
void ssh_identities_find(struct ssh_identities *ids, const struct ssh_options *o, struct ssh_keyring *keys,
			 int64_t deadline_ms);
void ssh_identities_release(struct ssh_identities *ids);

#endif
