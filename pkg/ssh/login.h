/*
 * Inside pkg/ssh: one login, over several methods, and over several connections where sshd's
 * patience (MaxAuthTries, LoginGraceTime) is less than it takes.
 */
#ifndef SSH_LOGIN_H
#define SSH_LOGIN_H

#include "ssh/identity.h"
#include "ssh/session.h"

enum ssh_step {
	SSH_STEP_FAILED = -1, /* err is set */
	SSH_STEP_REFUSED,
	SSH_STEP_TAKEN,       /* logged in */
	SSH_STEP_PARTIAL,     /* taken, and sshd wants another method besides */
	SSH_STEP_GONE,        /* sshd hung up */
};

struct ssh_login {
	struct ssh_session *s;
	const struct ssh_options *o;
	struct ssh_secrets *secrets;
	struct ssh_identities ids;
	struct ssh_password password;
	struct strs taken, refused; /* keys */
	struct strs unusable;
	struct err why;        /* of a callback of libssh2's */
	char *methods;         /* what sshd takes now, NULL: not known; and libssh2's own copy */
	char *methods_owned;
	struct {               /* of this connection */
		int requests, failures; /* failures: that sshd counts */
		int64_t asked_ms;       /* how long a person took */
		bool gone;              /* sshd hung up */
	} now;
	int reconnects, patience; /* patience: how many failures it is safe to have */
	bool password_tried, password_given_up, secret_refused, expired;
	unsigned int hidden;   /* questions without echo in this exchange */
};

/* What a person's or an agent's slowness takes is not sshd's: the time is given back.
 * ssh_pause returns what ssh_resume needs. */
int64_t ssh_pause(void);
void ssh_resume(struct ssh_login *l, int64_t paused);

/* Asks sshd what it takes from here on, which it counts as a failure unless it is the first
 * request.  -1: it hung up, or let us in. */
int ssh_login_methods(struct ssh_login *l);
/* A person took so long that sshd may have hung up for that alone. */
bool ssh_login_was_slow(const struct ssh_login *l);
bool ssh_login_takes(const struct ssh_login *l, const char *method);

/* publickey.c: the next key that was not offered; REFUSED also when there is none left. */
enum ssh_step ssh_login_publickey(struct ssh_login *l, struct err *err);
bool ssh_login_has_key(const struct ssh_login *l);
/* Gives the keys of a state another chance. */
void ssh_login_renew_keys(struct ssh_login *l, enum ssh_identity_state state);

/* interactive.c: the next password, by either method. */
enum ssh_step ssh_login_password(struct ssh_login *l, struct err *err);
enum ssh_step ssh_login_interactive(struct ssh_login *l, struct err *err);

#endif
