/*
 * What a sharing ssh is asked over its control socket: version 4 of the protocol of OpenSSH's
 * PROTOCOL.mux, spoken since OpenSSH 5.4 (2010).  The descriptors a session works on are handed
 * over with the request.
 */
#ifndef OPENSSH_MUX_H
#define OPENSSH_MUX_H

#include <stdint.h>

#include "base/buf.h"

enum mux_type {
	MUX_HELLO = 0x00000001,
	MUX_NEW_SESSION = 0x10000002,
	MUX_ALIVE_CHECK = 0x10000004,
	MUX_NEW_STDIO_FWD = 0x10000008,
	MUX_PERMISSION_DENIED = (int)0x80000002,
	MUX_FAILURE = (int)0x80000003,
	MUX_EXIT_MESSAGE = (int)0x80000004,
	MUX_ALIVE = (int)0x80000005,
	MUX_SESSION_OPENED = (int)0x80000006,
};

/* All of them: -1 when ssh hangs up, deadline_ms has passed or remote_interrupted(). */

/* A control connection after both hellos; the caller closes it. */
int mux_connect(const char *path, int64_t deadline_ms);

/* Sends a request and waits for its answer.  0: granted; 1: refused, why says so. */
int mux_ask(int fd, const struct buf *request, const int *fds, int nfds, int64_t deadline_ms,
	    struct buf *why);

/* Requests for mux_ask. */
void mux_session(const char *command, struct buf *request); /* with stdin, stdout, stderr */
void mux_forward(const char *host, int port, struct buf *request); /* with stdin, stdout */
void mux_alive(struct buf *request);

/* Reads a message that has begun to come: 1 and *status when it is an exit status, 0 for any
 * other, -1 also at its end. */
int mux_exit_status(int fd, int64_t deadline_ms, int *status);

#endif
