/* Whether the host key that a host shows is to be believed, in words for the user. */
#ifndef SSH_HOSTKEY_H
#define SSH_HOSTKEY_H

#include "ssh/share.h"

/* What a host may show: its sshHostKey, or what known_hosts say of its names. */
struct ssh_trust {
	struct known_names names;
	struct ssh_known *known;   /* the share's; NULL: pinned is all there is */
	struct known_hosts pinned;
	struct strs types;         /* of the keys that may be shown, as "ssh-ed25519" */
};

/* Of o: host, port, alias, host_key_alias, host_key, and known_hosts and share, which must be set.  Release
 * it also when it fails. */
int ssh_trust_init(struct ssh_trust *t, const struct ssh_options *o, struct err *err) MUST_CHECK;
void ssh_trust_release(struct ssh_trust *t);

/* 0 when the key is known, or was unknown and has been added as o->unknown_hosts wants it.  key:
 * as on the wire; name: for messages.  Any thread. */
int ssh_judge_host_key(const char *name, const struct ssh_options *o, struct ssh_trust *t,
		       const char *key, size_t len, struct err *err) MUST_CHECK;

#endif
