/* What known_hosts say of a key, in words for the user. */
#ifndef SSH_HOSTKEY_H
#define SSH_HOSTKEY_H

#include "ssh/known_hosts.h"
#include "ssh/ssh.h"

/* 0 when the key is known, or was unknown and has been added as o wants it.  name: for messages;
 * of o known_hosts, which must be set, and unknown_hosts count. */
int ssh_judge_host_key(const char *name, const struct ssh_options *o, const struct known_hosts *k,
		       const struct known_names *names, const char *key, size_t len,
		       struct err *err) MUST_CHECK;

#endif
