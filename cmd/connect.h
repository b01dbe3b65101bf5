/* How a node is reached: over SSH, or not at all when it is this very machine. */
#ifndef CMD_CONNECT_H
#define CMD_CONNECT_H

#include <ifaddrs.h>

#include "inventory/inventory.h"
#include "remote/remote.h"
#include "transport.h"

struct ssh_refusal;
struct sshconf_run;

struct connect {
	bool accept_new_host_keys;
	struct ifaddrs *own; /* this machine's addresses */
	char *known_hosts;   /* the user's file */
	struct ssh_share *share;
	struct sshconf_run *config; /* the operator's ssh_config */
	struct ssh_secrets *secrets;
	const struct remote_log *log; /* of every remote; for the caller to set; NULL: none */
	struct transport_note note; /* for the caller to set; zero: nobody is told */
	struct sudo_source *sudo; /* one for each node that may need a password */
};

/* Once per process, before any thread, as is ask_take_environment. */
int connect_start(struct err *err) MUST_CHECK;
void connect_init(struct connect *c, bool accept_new_host_keys);
void connect_release(struct connect *c);
#define auto_connect AUTO(connect_release)

/* Another way to reach a node than hactl.yaml has it; zero is just that. */
struct connect_how {
	const char *user;
	bool keys_only;              /* no password */
	struct ssh_refusal *refusal; /* see ssh/ssh.h; with it, no host key is added; may be NULL */
};

struct remote *connect_node_as(struct connect *c, const struct inv_node *n, const char *address,
			       const struct connect_how *how, bool *untrusted, struct err *err);

/* ctx is a struct connect; address is numeric. */
struct remote *connect_node(void *ctx, const struct inv_node *n, const char *address, bool *untrusted,
			    struct err *err);

#endif
