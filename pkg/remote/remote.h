/*
 * One machine that scripts are run on and files are put on, however it is reached.
 *
 * A transport (ssh, this machine, a recording one for tests) only implements struct remote_ops;
 * quoting, privileges, the true outcome of a script, and file transfer are written once, here.
 * A remote is used by one thread at a time.
 */
#ifndef REMOTE_REMOTE_H
#define REMOTE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/strs.h"

struct remote;

/* What a transport is asked to do: run one command line, feed it input, collect its output. */
struct remote_exec {
	const char *command;     /* the only text the login shell sees; below 32 KiB, no secrets */
	const void *input;       /* bytes for stdin, then end of file; may be NULL */
	size_t input_len;
	/* The end of file comes only when the command has ended, or shall: a command that is let
	 * know so ends itself.  When its time is over it is given REMOTE_END_MS to do it. */
	bool hold_input;
	bool survives;           /* shall go on when we give up on it */
	int timeout_ms;          /* 0: none */
	int silence_ms;          /* without any output; 0: as long as it likes */
	size_t max_output;       /* of stdout and stderr each; beyond it is an error */
	const char *until;       /* of hold: on stdout, it says that the command has come so far */
	/* Output as it comes, on the calling thread; may be NULL. */
	void (*on_output)(void *ctx, int fd, const char *data, size_t len);
	void *ctx;
};

#define REMOTE_END_MS 5000

struct remote_result {
	int status;         /* exit status; when killed by signal n 128 + n, or 128 if n is not told */
	struct buf out, err;
	int64_t heard_ms;   /* inside: when there was output last, by clock_ms */
	enum remote_late { REMOTE_IN_TIME, REMOTE_TOO_LONG, REMOTE_TOO_SILENT } late; /* why it was given up */
};
#define REMOTE_RESULT_INIT { -1, BUF_INIT, BUF_INIT, 0, REMOTE_IN_TIME }
#define auto_remote_result AUTO(remote_result_release)
void remote_result_release(struct remote_result *res); /* wipes */

struct remote_ops {
	/* 0: the command ran to its end and res says how.  -1: it did not, or that is unknown. */
	int (*exec)(struct remote *r, const struct remote_exec *e, struct remote_result *res,
		    struct err *err);
	/* A stream to host:port as seen from the machine; *fd is the caller's to close.  While it
	 * is open exec waits.  NULL: not possible. */
	int (*tunnel)(struct remote *r, const char *host, int port, int *fd, struct err *err);
	/* As exec, but returns as soon as `until` was heard, and leaves the command running beside all
	 * others with its stdin open; one at a time.  A command that ended before is none that is held:
	 * its status is set then, and -1 else.  NULL: not possible. */
	int (*hold)(struct remote *r, const struct remote_exec *e, struct remote_result *res,
		    struct err *err);
	/* Sends it a line; -1: it is gone.  Called by another thread than that of exec. */
	int (*beat)(struct remote *r);
	void (*unhold)(struct remote *r); /* ends its stdin; nothing held is fine */
	void (*close)(struct remote *r);
};

/* How what runs on a machine becomes root. */
enum remote_root {
	REMOTE_ROOT_NONE, /* not at all: the login is root, or shall do */
	REMOTE_ROOT_AUTO, /* a login that is root already; else sudo, or doas where there is no sudo */
	REMOTE_ROOT_SUDO, /* sudo -n, or with a password when it wants one */
	REMOTE_ROOT_DOAS, /* doas -n: it takes a password from a terminal only */
};

/* Where a password for sudo comes from, once a machine wants one. */
struct remote_password {
	/* Appends the next one to try to a buffer that the caller wipes; -1: there is none (left). */
	int (*get)(void *ctx, struct buf *password, struct err *err);
	/* Tells whether it was taken; called after each get that gave one. */
	void (*settle)(void *ctx, bool taken);
	void *ctx;
};

/* Transports embed this as their first member.  root and password may be set until the first
 * script runs; which way works is found out together with it. */
struct remote {
	const struct remote_ops *ops;
	const char *name;             /* of the node, for the log; borrowed; NULL: this machine */
	const struct remote_log *log; /* borrowed; NULL: nobody is told */
	enum remote_root root;
	const struct remote_password *password; /* borrowed; NULL: nobody knows one */

	enum remote_way { REMOTE_UNKNOWN, REMOTE_PLAIN, REMOTE_SUDO, REMOTE_SUDO_PASSWORD, REMOTE_DOAS } way; /* inside */
	struct buf taken; /* inside: the password that sudo took */
};

/* For transports, last in their close: what the remote itself holds. */
void remote_release(struct remote *r);

/* For transports: appends output of fd 1 or 2 to res and hands it to on_output.  More than
 * max_output bytes of one stream is ERR_REMOTE.  What is outgrown is wiped. */
int remote_collect(const struct remote_exec *e, struct remote_result *res, int fd,
		   const char *data, size_t len, struct err *err) MUST_CHECK;

/* For transports: when a command that is waited for until deadline_ms is to be given up, as it is
 * silent; and how that is told.  name: the node's, with what stands behind it, or "".  fate: what
 * became of the command.  Returns -1. */
int64_t remote_deadline(const struct remote_exec *e, struct remote_result *res, int64_t deadline_ms);
int remote_give_up(const struct remote_exec *e, struct remote_result *res, const char *name,
		   const char *fate, struct err *err);

struct remote_var {
	const char *name, *value; /* name: a shell name, [A-Za-z_][A-Za-z0-9_]* */
};

#define REMOTE_NO_TIMEOUT (-1)

struct remote_cmd {
	const char *script;            /* POSIX sh; runs in a subshell, stdin is /dev/null */
	const struct remote_var *vars; /* assigned ahead, quoted; ends in a NULL name; may be NULL */
	int timeout_ms;                /* 0: 60 s; REMOTE_NO_TIMEOUT: none */
	int silence_ms;                /* without any output; 0: as long as it likes */
	size_t max_output;             /* 0: 1 MiB */
	bool survives;                 /* goes on without us; else it ends with the connection */
	void (*on_line)(void *ctx, int fd, const char *line); /* lines as they come; may be NULL */
	void *ctx;
	const char *name; /* for the log; NULL: the template's that it is, else its first line */
	bool private;     /* neither variables nor output are for a log: there are secrets in them */
};

/* A call (run, put, get, hold) that begins or has ended.  All is borrowed, and secrets are still in
 * it: remote_record_text (remote/log.h) makes of it what may be kept. */
struct remote_record {
	const char *node, *what;
	const struct remote_cmd *cmd;    /* NULL: files are put */
	int64_t begun_ms;                /* wall time since 1970 */
	int ms;                          /* how long it took; -1: it begins */
	const struct remote_result *res; /* may be NULL */
	const char *error;               /* NULL: the script ran to its end */
};

/* Who is told of calls, on the threads that make them. */
struct remote_log {
	void (*record)(void *ctx, const struct remote_record *rec);
	void *ctx;
};

/*
 * Runs a script as root and tells its true outcome: noise of login shells, forced commands,
 * nologin shells and lost connections are told apart by a nonce around the output.
 * 0: it ran to its end, res->status says how.  -1: it did not (ERR_CONNECT, ERR_REMOTE).
 *
 * Unless it survives, the script and all it started are ended on the machine (SIGTERM, 3 s later
 * SIGKILL) when the connection ends, however that happens, or when the time is over.  What it
 * moved to a session of its own (setsid, a service manager) is out of reach.
 */
int remote_run(struct remote *r, const struct remote_cmd *cmd, struct remote_result *res,
	       struct err *err) MUST_CHECK;

/* The same, a status other than 0 is ERR_REMOTE with the last lines of its stderr. */
int remote_check(struct remote *r, const struct remote_cmd *cmd, struct remote_result *res,
		 struct err *err) MUST_CHECK;

/*
 * Starts a script as root that goes on beside others until remote_unhold, or until this program or
 * the connection ends: then its stdin ends.  Its stdin gets a line with each remote_beat.  It tells
 * that it has come so far by a line "$hactl_nonce held".  1: it does; 0: it ended before, and res
 * is what it left.  For what shall hold a lock.
 */
int remote_hold(struct remote *r, const struct remote_cmd *cmd, struct remote_result *res,
		struct err *err) MUST_CHECK;
/* From any thread, as long as the remote is open.  -1: it is gone, or cannot be told. */
int remote_beat(struct remote *r);
void remote_unhold(struct remote *r);

struct remote_file {
	const char *path; /* absolute */
	const void *data;
	size_t len;
	mode_t mode;
};

/*
 * Writes files as root, all or none: one tar stream in one exec, unpacked 0600 in a fresh
 * directory beside their places, SHA-256 compared, given owner and mode, brought to the disk, and
 * renamed when all the others are as far; a rename that fails takes the others back.  Missing
 * parent directories are made (0755; 0700 below one that is).  Files that are equal (content,
 * mode, owner root) are left alone; the paths of the others are added to changed (may be NULL).
 * Where there is much to send, the machine is asked first what it has, and only the rest is sent.
 * A machine without tar, stat or sha256sum costs one exec more, and needs openssl or shasum.
 */
int remote_put(struct remote *r, const struct remote_file *files, size_t n, struct strs *changed,
	       struct err *err) MUST_CHECK;

/* The same; a version of files[i] that is replaced is kept as backups[i] (absolute; NULL: it is
 * not), which is taken back with the rest. */
int remote_put_keeping(struct remote *r, const struct remote_file *files, const char *const *backups,
		       size_t n, struct strs *changed, struct err *err) MUST_CHECK;

/* Reads files as root in one exec; found[i] tells whether paths[i] exists.  contents[i] are
 * appended to, up to max bytes each; wiping them is the caller's. */
int remote_get(struct remote *r, const char *const *paths, size_t n, struct buf *contents,
	       bool *found, size_t max, struct err *err) MUST_CHECK;

/* Appends s as one word of POSIX sh that means s literally.  The only quoting there is. */
void remote_quote(struct buf *b, const char *s);

void remote_close(struct remote *r); /* NULL is fine */

/* This very machine.  Its root is REMOTE_ROOT_AUTO unless this program is run by root. */
struct remote *remote_local(void);

/* While on, every wait of every remote ends within a tenth of a second with ERR_INTERRUPTED.
 * Safe in a signal handler. */
void remote_interrupt(bool on);
bool remote_interrupted(void);

#endif
