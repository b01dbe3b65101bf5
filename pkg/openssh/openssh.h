/*
 * A remote over OpenSSH: one ssh per node that keeps its connection open and shares it
 * (ControlMaster).  Commands and tunnels are asked of it over its control socket, so none of them
 * starts a process or logs in again.
 *
 * What ssh can do works: FIDO keys, certificates, ProxyCommand, host keys signed by an authority,
 * servers with algorithms that libssh2 lacks.  The promises are those of ssh/ssh.h; the operator's
 * ssh_config is read by ssh itself and what the options say wins over it.  ssh does not tell by
 * which signal a command was killed: its status is 128 then.
 */
#ifndef OPENSSH_OPENSSH_H
#define OPENSSH_OPENSSH_H

#include "ssh/ssh.h"

/*
 * ssh and this module start the program itself as their helper: to answer prompts, and to end
 * what is left when the program is killed.  The first thing in main(): does nothing unless it is
 * such a start, and then does not return.
 */
void openssh_helper(int argc, char **argv);

/* As ssh_connect.  host is what ssh_config knows the node by; port 0 and user NULL: what that
 * says.  unsupported is not touched. */
struct remote *openssh_connect(const struct ssh_options *o, struct err *err) MUST_CHECK;

#endif
