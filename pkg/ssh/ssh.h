/*
 * A remote over libssh2: one connection, kept open, non-blocking inside with deadlines.
 * Host keys are checked strictly; nothing is sent to a host whose key is not known.
 */
#ifndef SSH_SSH_H
#define SSH_SSH_H

#include "remote/remote.h"
#include "ssh/secrets.h"

enum ssh_unknown_hosts { SSH_UNKNOWN_REFUSE, SSH_UNKNOWN_ADD };

/* Why a connection was refused, where somebody can do something about it.  Zero it first. */
struct ssh_refusal {
	bool login;              /* the host key is fine, but no key or password was taken */
	struct buf fingerprint;  /* of a host key that is not known: "TYPE SHA256:..."; else empty */
	struct buf line;         /* what makes it known, */
	char *file;              /* and the file to add it to; may be NULL */
};
void ssh_refusal_release(struct ssh_refusal *r);

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
	const char *host_key_alias; /* the one name it is known by, whatever host and port; may be NULL */
	const char *host_key;       /* "TYPE BASE64": no other is taken, known_hosts is not asked; may be NULL */
	enum ssh_unknown_hosts unknown_hosts;
	bool keys_only;         /* no password is tried */
	struct ssh_refusal *refusal; /* may be NULL */
	bool *untrusted;        /* set when it is the host key that was refused; may be NULL */
	/* Set when libssh2 cannot do this login or negotiation and OpenSSH could; may be NULL. */
	bool *unsupported;
	int connect_timeout_ms; /* for name, TCP, key exchange and login together; 0: 10 s */
	/* A peer that is silent for alive_interval_ms is asked whether it lives, and is given up after
	 * alive_count times that, at least twice; 0: 3 s and 9 s in all. */
	int alive_interval_ms, alive_count;
	/* The bastion that host is reached through, which may be behind one itself; NULL: none.  All
	 * connections with the same share and the same way to it use one connection to it. */
	const struct ssh_options *via;
	const char *proxy_command; /* ssh_config's, which libssh2 cannot; NULL: none */
	struct ssh_share *share; /* NULL: of its own */
	/* For OpenSSH alone, which reads ssh_config and goes through bastions itself. */
	const char *config_file; /* "none": it reads none; NULL: the user's and the system's */
	const char *jump;        /* as ProxyJump has it; "none": no bastion; NULL: what ssh_config says */
};

/* What the connections of one run have in common: known_hosts, read once, and the bastions.
 * May be freed while they are still open; a bastion is left when the last of them is closed. */
struct ssh_share *ssh_share_new(void);
void ssh_share_free(struct ssh_share *share);

/* Call once, before any thread. */
int ssh_init(struct err *err) MUST_CHECK;

/* Connects, checks the host key, logs in.  Errors are ERR_CONNECT, name user@host and the next
 * step.  root is REMOTE_ROOT_AUTO when the user is another.  Options are not kept. */
struct remote *ssh_connect(const struct ssh_options *o, struct err *err) MUST_CHECK;

#endif
