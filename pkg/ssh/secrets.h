/*
 * What a person types to be let in: passwords and passphrases, asked for once and shared by all
 * connections of a run.  Safe to use by many threads at once: while one asks, the others that
 * need the same answer wait for it.  Everything is wiped at the end.
 */
#ifndef SSH_SECRETS_H
#define SSH_SECRETS_H

#include <stdbool.h>

#include "base/buf.h"

struct ssh_secrets;

/* Asks a person and appends the answer, without its newline, to a buffer that the caller wipes.
 * Called by one thread at a time; ends with ERR_INTERRUPTED when remote_interrupted(). */
struct ssh_asker {
	int (*ask)(void *ctx, const char *prompt, bool echo, struct buf *answer, struct err *err);
	void *ctx;
};

/* asker: copied; NULL: nobody can be asked. */
struct ssh_secrets *ssh_secrets_new(const struct ssh_asker *asker);
void ssh_secrets_free(struct ssh_secrets *s); /* NULL is fine */

/* One place that wants a password, and what was tried there.  Set the first group, zero the rest. */
struct ssh_password {
	const char *what;  /* "password for root": begins the prompt; equal texts are one password */
	const char *place; /* "root@10.0.0.1:22", for messages and for a password of its own */
	const char *value; /* given by other means; NULL: file, or ask */
	const char *file;  /* its first line is the password; may be NULL */
	const char *hint;  /* how to give it where nobody can be asked: "set ssh.passwordFile" */

	unsigned int tries, round; /* inside */
	bool own, pending;
};

/*
 * Gives the password to try next in out, which the caller wipes.  First what was given or what
 * all places share (asked for once); when it was refused here, the person is asked again, three
 * times at most: for a new one to share when nobody has taken the last, else for one of this
 * place's own.  Each one needs ssh_secrets_settle after it.  -1: there is none (left) to try, err
 * (ERR_CONNECT, ERR_INTERRUPTED) says why, without the place's name.
 */
int ssh_secrets_password(struct ssh_secrets *s, struct ssh_password *p, struct buf *out,
			 struct err *err) MUST_CHECK;

enum ssh_verdict { SSH_PASSWORD_REFUSED, SSH_PASSWORD_TAKEN, SSH_PASSWORD_UNTRIED };

/* Tells what became of it; one that was not tried after all is given again. */
void ssh_secrets_settle(struct ssh_secrets *s, struct ssh_password *p, enum ssh_verdict verdict);

/* Asks for something that is not kept, as a one-time code; false for echo hides what is typed. */
int ssh_secrets_ask(struct ssh_secrets *s, const char *prompt, bool echo, struct buf *answer,
		    struct err *err) MUST_CHECK;

bool ssh_secrets_can_ask(const struct ssh_secrets *s);

#endif
