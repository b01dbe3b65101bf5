/* Inside pkg/remote: starts a shell that is root, by the way that works on the machine. */
#ifndef REMOTE_ROOT_H
#define REMOTE_ROOT_H

#include "remote/frame.h"

/*
 * Hands body to a shell that is root; res is what came back, without the frame.  script_len: so
 * many bytes of body are a script, and the rest is the script's stdin; 0: all of it is read by
 * `sh -s`.  The input of e is set here.  The first call of a remote finds the way to root on its
 * own connection's first command; a password that is wanted costs one more.
 */
int root_exec(struct remote *r, const struct frame *f, struct remote_exec *e, const struct buf *body,
	      size_t script_len, struct remote_result *res, struct err *err) MUST_CHECK;

/* The same for a script that is held; the way must be known. */
int root_hold(struct remote *r, struct remote_exec *e, const struct buf *script,
	      struct remote_result *res, struct err *err) MUST_CHECK;

#endif
