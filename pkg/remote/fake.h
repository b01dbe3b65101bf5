/*
 * A remote for tests: it keeps what it is told to run and to write, and answers as it was taught.
 * Files put are files that can be got; no process is started.
 */
#ifndef REMOTE_FAKE_H
#define REMOTE_FAKE_H

#include "remote/remote.h"

struct remote *remote_fake(void);

/* A script (with its variable assignments in front) that contains match ends so.  The answer
 * taught last wins; a script without any is an error that shows it.  out, err may be NULL. */
void remote_fake_answer(struct remote *r, const char *match, int status, const char *out,
			const char *err);

/* Taught as match, it is how a script ends that would have been held. */
#define REMOTE_FAKE_HOLD "hactl.holder"

/* The nth call from now (1: the next) finds the connection lost. */
void remote_fake_fail(struct remote *r, int nth);

/* A file that is there already. */
void remote_fake_file(struct remote *r, const char *path, const char *text, mode_t mode);

/* What a file has become; NULL: there is none. */
const char *remote_fake_text(const struct remote *r, const char *path, mode_t *mode);

/* The scripts run so far, in their order; puts and gets are not among them. */
const struct strs *remote_fake_scripts(const struct remote *r);

/* The paths put so far, in their order, whether they changed or not. */
const struct strs *remote_fake_puts(const struct remote *r);

#endif
