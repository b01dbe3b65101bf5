/*
 * The operator's ssh_config, as ssh itself reads it: `ssh -G` does Include, Match and which of
 * several lines holds.  Nothing is connected to, but commands of Match exec run.
 */
#ifndef SSHCONF_SSHCONF_H
#define SSHCONF_SSHCONF_H

#include "base/err.h"
#include "base/strs.h"

/* What ssh_config says of one destination.  Empty, NULL or 0: nothing. */
struct sshconf {
	char *hostname;
	char *user;           /* NULL also when it is ssh's default */
	int port;
	struct strs identity_files; /* none when they are ssh's defaults; ~ and tokens are expanded */
	struct strs certificate_files;
	bool identities_only;
	char *identity_agent; /* a socket's path or "none" */
	struct strs known_hosts; /* the user's first; ssh's defaults when none are given */
	char *host_key_alias;
	char *proxy_jump;     /* hops, comma-separated */
	char *proxy_command;
	int connect_timeout_ms;
	int alive_interval_ms, alive_count;
};

struct sshconf_ask {
	const char *config_file; /* NULL: the user's and the system's */
	const char *host;        /* as on ssh's command line */
	const char *user;        /* given otherwise, for Match and tokens; NULL: not */
	int port;                /* 0: not given */
};

/* Keeps the answers of one run; any number of threads may ask, ssh runs for a few at a time. */
struct sshconf_run;
struct sshconf_run *sshconf_run_new(void);
void sshconf_run_free(struct sshconf_run *run);

/* Is there an ssh to ask? */
bool sshconf_available(const struct sshconf_run *run);

/* Belongs to run.  Errors are ERR_CONNECT and show what ssh said. */
const struct sshconf *sshconf_get(struct sshconf_run *run, const struct sshconf_ask *ask,
				  struct err *err) MUST_CHECK;

/* Takes over what `ssh -G` printed, defaults and all. */
void sshconf_parse(const char *text, struct sshconf *c);
void sshconf_release(struct sshconf *c);

#endif
