/* Inside pkg/sshconf: runs ssh, with bounds on its time and output. */
#ifndef SSHCONF_RUN_H
#define SSHCONF_RUN_H

#include "base/buf.h"
#include "base/strs.h"

/* input: its stdin, or -1.  0: it ran and its status was 0;
 * else what it said is in err. */
int sshconf_ssh(const struct strs *argv, int input, struct buf *out, struct err *err) MUST_CHECK;

#endif
