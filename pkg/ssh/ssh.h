/*
 * A remote over libssh2: one connection, kept open, non-blocking inside with deadlines.
 * Host keys are checked strictly; nothing is sent to a host whose key is not known.
 */
#ifndef SSH_SSH_H
#define SSH_SSH_H

#include "remote/remote.h"
#include "ssh/secrets.h"

enum ssh_unknown_hosts { SSH_UNKNOWN_REFUSE, SSH_UNKNOWN_ADD };

struct ssh_options {
	const char *host; /* name or numeric address */
	int port;         /* 0: 22 */
	const char *user;
	const char *const *identity_files; /* ends in NULL; NULL: agent, then the usual names in ~/.ssh */
	const char *const *certificate_files; /* ends in NULL; may be NULL; KEY-cert.pub is found anyway */
	bool identities_only;       /* of the agent's keys only those that identity_files name */
	const char *identity_agent; /* a socket's path, or "none"; NULL: $SSH_AUTH_SOCK */
	const char *password_file;  /* its first line is the password; may be NULL */
	const char *password;       /* given otherwise; may be NULL; wins over password_file */
	struct ssh_secrets *secrets; /* shared by all connections of a run; NULL: nobody is asked */
	/* Ends in NULL; the first is the one that is added to.  NULL: the user's and the system's. */
	const char *const *known_hosts;
	const char *alias;                 /* a second name the host key may be known by; may be NULL */
	enum ssh_unknown_hosts unknown_hosts;
	bool *untrusted;        /* set when it is the host key that was refused; may be NULL */
	/* Set when libssh2 cannot do this login or negotiation and OpenSSH could; may be NULL. */
	bool *unsupported;
	int connect_timeout_ms; /* for name, TCP, key exchange and login together; 0: 10 s */
};

/* Call once, before any thread. */
int ssh_init(struct err *err) MUST_CHECK;

/* Connects, checks the host key, logs in.  Errors are ERR_CONNECT, name user@host and the next
 * step.  Sets sudo when the user is not root.  Options are not kept. */
struct remote *ssh_connect(const struct ssh_options *o, struct err *err) MUST_CHECK;

#endif
