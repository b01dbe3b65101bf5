/*
 * The log of a run: each remote call and each event, one after the other, secrets masked.  A file
 * of the run's own, 0600, of which the newest 20 of each command are kept; or the user's.
 * HACTL_TRACE adds a second place, with more of the output.  NULL is no log, and fine everywhere.
 */
#ifndef CMD_LOG_H
#define CMD_LOG_H

#include "base/err.h"
#include "remote/remote.h"

struct log;

struct log_options {
	const char *file;    /* appended to; "-": standard error, "none": nowhere; NULL: a new one below dir */
	const char *dir;
	const char *command; /* "ssh setup" */
	const char *config;  /* hactl.yaml's path, told in the first line */
};

/* NULL with an error: there is none; what fails is only worth a warning when o->file is NULL. */
struct log *log_open(const struct log_options *o, struct err *err);
void log_close(struct log *l);

/* Of files in dir whose names are prefix, a time that begins with its year, and suffix, the newest 20
 * are kept.  What a colleague's run removes at the same time is no error. */
void log_keep_newest(const char *dir, const char *prefix, const char *suffix);

/* For remotes, which must be closed before the log is. */
const struct remote_log *log_hook(const struct log *l);

/* One line, from any thread; node may be NULL. */
void log_line(struct log *l, const char *node, const char *fmt, ...) PRINTF(3, 4);

/* NULL: there is no file to look into. */
const char *log_path(const struct log *l);

/* Standard error is used for it: no table can be drawn there. */
bool log_on_terminal(const struct log *l);

#endif
