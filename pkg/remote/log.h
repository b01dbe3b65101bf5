/* What is told of the calls that reach a machine, as text that may be kept: secrets masked. */
#ifndef REMOTE_LOG_H
#define REMOTE_LOG_H

#include "remote/remote.h"

#define REMOTE_LOG_OUTPUT (16 << 10) /* bytes kept of each stream, its beginning and its end */

/* Appends the record as lines: the call and how it ended, its variables, its output with "out| "
 * and "err| " in front.  Control characters are '?'.  Of what is private, sizes are all there is.
 * What stood in between is wiped; out may be released as any text. */
void remote_record_text(const struct remote_record *rec, size_t max_output, struct buf *out);

/* ---- for the files of this module ---- */

/* Tells the remote's log that a call begins; what is borrowed until log_end, which tells its end
 * and hands rc on. */
struct log_call {
	struct remote *remote;
	struct remote_record record;
	int64_t since_ms;
};
void log_begin(struct log_call *c, struct remote *r, const char *what, const struct remote_cmd *cmd);
int log_end(struct log_call *c, int rc, const struct remote_result *res, const struct err *err);

/* What a script is called: its name, else that of the template it is, else its first line. */
void log_name(const struct remote_cmd *cmd, struct buf *out);

#endif
