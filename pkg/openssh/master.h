/* Inside pkg/openssh: the ssh that keeps the connection, and what is asked of it. */
#ifndef OPENSSH_MASTER_H
#define OPENSSH_MASTER_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "openssh/openssh.h"

/* Longest wait before flags are looked at. */
#define OPENSSH_SLICE_MS 100

/* A process that ssh is, while it runs and until it is waited for. */
struct openssh_process {
	pid_t pid;      /* 0: there is none */
	int log;        /* what it says on stderr; -1 */
	struct buf said; /* so far, cut at the front when it is much */
};
#define OPENSSH_PROCESS_INIT { 0, -1, BUF_INIT }

struct openssh_tunnel;

struct openssh_master {
	struct remote remote; /* first: a remote is cast to it */
	char *name;           /* user@host:port, for messages */
	char *path;           /* of the control socket; NULL before the keeper has been asked */
	char *config;         /* for it and for those to bastions; NULL: that of the options */
	char *known_hosts;    /* with the one key that is taken; NULL: those of the options count */
	struct openssh_process ssh;
	struct openssh_tunnel *tunnels;
	int held[4];          /* of a held command: stdin, stdout, stderr, control; the first is -1: none is */
};

/* process.c.  argv[0] is the program's path.  It leads a session of its own, so that no terminal's
 * Ctrl-C reaches it and it can ask nothing there.  env: "NAME=VALUE"s for it, ends in NULL. */
int openssh_start(struct openssh_process *p, char *const *argv, const char *const *env,
		  struct err *err);
/* Reads what it has said so far, without waiting. */
void openssh_listen(struct openssh_process *p);
bool openssh_has_ended(struct openssh_process *p);
/* Ends it if it runs; then p is as new but for what it said. */
void openssh_end(struct openssh_process *p);
/* The path of this very program, for ssh to start it. */
void openssh_own_path(struct buf *out);

/* keeper.c: ends and removes what is left when this program is killed.  One directory for all
 * sockets, as long as there is one master. */
int openssh_keeper_join(char **socket_path, struct err *err); /* a free path; caller frees */
void openssh_keeper_leave(const char *socket_path);
void openssh_keeper_watch(pid_t pid); /* until it ends */
int openssh_keeper_main(const char *dir);

/* arguments.c: all of the command line; names are freed with it. */
struct openssh_purpose {
	const char *control_path; /* to be a master; NULL: connect, and tell the host's key */
	const char *config;       /* this file is read; NULL: that of the options */
	const char *known_hosts;  /* only this file counts; NULL: those of the options */
	bool ask;                 /* prompts are answered */
	int timeout_ms;
};
/* What holds for bastions too, to which no argument is handed on; empty when there are none. */
int openssh_config(const struct ssh_options *o, struct buf *text, struct err *err);
int openssh_arguments(const struct ssh_options *o, const struct openssh_purpose *p,
		      struct strs *argv, struct err *err);

/* askpass.c: prompts of one connection. */
struct openssh_prompts;
struct openssh_prompts *openssh_prompts_open(const struct ssh_options *o, const char *name,
					     const char *path, struct err *err);
int openssh_prompts_fd(const struct openssh_prompts *p);
/* Answers one that waits; returns the time a person took.  master: the ssh that connects to the node;
 * what others ask, which it starts for bastions, gets no password that was given for nodes. */
int64_t openssh_prompts_serve(struct openssh_prompts *p, pid_t master);
/* Why the last prompt was not answered; "": all were. */
const char *openssh_prompts_failure(const struct openssh_prompts *p);
/* verdict: on what was answered last; NULL is fine. */
void openssh_prompts_close(struct openssh_prompts *p, enum ssh_verdict verdict);
int openssh_askpass_main(const char *path, const char *prompt);

/* explain.c: sets err from what ssh said before it ended; *again: it may be tried again. */
int openssh_explain(const struct ssh_options *o, const char *name, const struct buf *said,
		    bool *again, struct err *err);
bool openssh_refused_host_key(const struct buf *said);
bool openssh_refused_login(const struct buf *said);

/* hostkey.c: for a host key that ssh refused: learns it and says what is wrong with it.  0: nothing
 * is, by all the names that o has for the host, or it has been made known as o wants it; key is
 * then "TYPE BASE64".  1: it could not be learnt.  *bastion: it is that of a host on the way. */
int openssh_judge_host_key(const struct openssh_master *m, const struct ssh_options *o,
			   int64_t deadline_ms, struct buf *key, bool *bastion, struct err *err);
/* The line of a configuration that has ssh tell a host key to that. */
void openssh_tell_key_command(struct buf *line);
int openssh_tell_key_main(char **argv); /* argv: names, type, key */

/* Sets err for a wait that was given up: interrupted, deadline passed, or connection lost. */
int openssh_fail(struct openssh_master *m, int64_t deadline_ms, const char *doing, struct err *err);
/* Whether the connection still stands. */
bool openssh_alive(struct openssh_master *m, int64_t deadline_ms);

/* exec.c, tunnel.c: the operations of a remote. */
int openssh_exec(struct remote *r, const struct remote_exec *e, struct remote_result *res,
		 struct err *err);
int openssh_hold(struct remote *r, const struct remote_exec *e, struct remote_result *res,
		 struct err *err);
int openssh_beat(struct remote *r);
void openssh_unhold(struct remote *r);
int openssh_tunnel(struct remote *r, const char *host, int port, int *fd, struct err *err);
void openssh_tunnels_end(struct openssh_master *m);

#endif
