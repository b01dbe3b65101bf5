#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "openssh/master.h"
#include "openssh/mux.h"

/* What ssh cannot say is by which signal. */
#define KILLED 128
#define CHECK_MS 5000
#define UNHOLD_MS 1000

enum { IN, OUT, ERR, CONTROL, LOG, NFDS };

struct command {
	struct openssh_master *m;
	const struct remote_exec *e;
	struct remote_result *res;
	struct pollfd fds[NFDS]; /* this side's ends; fd -1 once done with */
	size_t sent;
	int64_t deadline_ms;
	int status; /* -1: not told yet */
	bool late;  /* its time is over, and it was let know */
};

static void close_end(struct command *c, int i)
{
	if (c->fds[i].fd >= 0)
		close(c->fds[i].fd);
	c->fds[i].fd = -1;
}

/* A socket for stdin, as writing to it can be kept from raising SIGPIPE. */
static int make_ends(struct command *c, int theirs[3], struct err *err)
{
	for (int i = IN; i <= ERR; i++) {
		int pair[2];
		int rc = i == IN ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) :
				   pipe2(pair, O_CLOEXEC);

		if (rc < 0)
			return err_errno(err, "%s: a pipe", c->m->name);
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		c->fds[i].fd = pair[0];
		theirs[i] = pair[1];
	}
	return 0;
}

static int ask(struct command *c, const int theirs[3], struct err *err)
{
	auto_buf struct buf request = BUF_INIT, why = BUF_INIT;
	int rc;

	mux_session(c->e->command, &request);
	c->fds[CONTROL].fd = mux_connect(c->m->path, c->deadline_ms);
	rc = c->fds[CONTROL].fd < 0 ? -1 :
	     mux_ask(c->fds[CONTROL].fd, &request, theirs, 3, c->deadline_ms, &why);
	if (rc < 0)
		return openssh_fail(c->m, c->deadline_ms, "starting a shell", err);
	if (rc)
		return err_set(err, ERR_CONNECT, "%s: sshd opens no shell (%s): is MaxSessions large enough in "
			       "its sshd_config?", c->m->name, buf_str(&why));
	return 0;
}

static int start(struct command *c, struct err *err)
{
	int theirs[3] = { -1, -1, -1 }, rc;

	for (int i = 0; i < NFDS; i++)
		c->fds[i] = (struct pollfd){ .fd = -1, .events = i == IN ? POLLOUT : POLLIN };
	rc = make_ends(c, theirs, err);
	if (!rc)
		rc = ask(c, theirs, err);
	for (int i = 0; i < 3; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	return rc;
}

/* A command that ends without reading all of its input says so by its status, not here. */
static void feed(struct command *c)
{
	size_t left = c->e->input_len - c->sent;
	ssize_t n = 0;

	if (left)
		n = send(c->fds[IN].fd, (const char *)c->e->input + c->sent, left, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->sent += n > 0 ? (size_t)n : 0;
	if (n < 0 || (c->sent == c->e->input_len && (!c->e->hold_input || c->late)))
		close_end(c, IN);
	else if (c->sent == c->e->input_len)
		c->fds[IN].events = 0;
}

static int drain(struct command *c, int i, struct err *err)
{
	char chunk[32768];
	ssize_t n = read(c->fds[i].fd, chunk, sizeof(chunk));
	int rc = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0)
		rc = remote_collect(c->e, c->res, i, chunk, (size_t)n, err);
	else
		close_end(c, i);
	explicit_bzero(chunk, n > 0 ? (size_t)n : 0);
	return rc;
}

static void hear(struct command *c)
{
	if (mux_exit_status(c->fds[CONTROL].fd, c->deadline_ms, &c->status) < 0)
		close_end(c, CONTROL);
}

/* ended: it is known to run no more. */
static int out_of_time(struct command *c, bool ended, struct err *err)
{
	auto_free char *name = NULL;

	if (asprintf(&name, "%s: ", c->m->name) < 0)
		abort();
	return remote_give_up(c->e, c->res, name,
			   ended ? "was ended there" : c->e->survives ? "goes on there" : "may still run there", err);
}

/* Lets a command that is late know, and gives it some time to end. */
static bool lets_know(struct command *c)
{
	if (remote_interrupted() || c->late || !c->e->hold_input)
		return false;
	c->late = true;
	c->deadline_ms = clock_ms() + REMOTE_END_MS;
	close_end(c, IN);
	return true;
}

static int check_time(struct command *c, struct err *err)
{
	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (clock_ms() < (c->late ? c->deadline_ms : remote_deadline(c->e, c->res, c->deadline_ms)) || lets_know(c))
		return 0;
	return out_of_time(c, false, err);
}

static int move(struct command *c, struct err *err)
{
	c->fds[LOG].fd = c->m->ssh.log;
	for (int i = 0; i < NFDS; i++)
		c->fds[i].revents = 0;
	poll(c->fds, NFDS, OPENSSH_SLICE_MS);
	if (c->fds[IN].revents & (POLLHUP | POLLERR))
		close_end(c, IN);
	else if (c->fds[IN].revents)
		feed(c);
	for (int i = OUT; i <= ERR; i++)
		if (c->fds[i].revents && drain(c, i, err) < 0)
			return -1;
	if (c->fds[CONTROL].revents)
		hear(c);
	if (c->fds[LOG].revents)
		openssh_listen(&c->m->ssh);
	return 0;
}

static bool has_come_so_far(const struct command *c)
{
	return c->e->until && strstr(buf_str(&c->res->out), c->e->until);
}

/* Until both outputs have ended and the status is known, or ssh has nothing more to say.  1: it has
 * come as far as it was waited for. */
static int talk(struct command *c, struct err *err)
{
	while (c->fds[OUT].fd >= 0 || c->fds[ERR].fd >= 0 || (c->status < 0 && c->fds[CONTROL].fd >= 0)) {
		if (check_time(c, err) < 0 || move(c, err) < 0)
			return -1;
		if (has_come_so_far(c))
			return 1;
	}
	return c->late ? out_of_time(c, true, err) : 0;
}

/* ssh hangs up without a status when a signal ended the command, and when the connection ends. */
static int finish(struct command *c, struct err *err)
{
	if (c->status < 0 && !openssh_alive(c->m, clock_ms() + CHECK_MS))
		return openssh_fail(c->m, c->deadline_ms, "waiting for a command", err);
	c->res->status = c->status < 0 ? KILLED : c->status;
	return 0;
}

/* 0: it ended; 1: it is to be held, its ends stay open. */
static int run(struct command *c, struct err *err)
{
	int rc = start(c, err);

	if (!rc)
		rc = talk(c, err);
	if (!rc)
		rc = finish(c, err);
	for (int i = IN; i <= CONTROL && rc < 1; i++)
		close_end(c, i);
	return rc;
}

static struct command command_of(struct remote *r, const struct remote_exec *e, struct remote_result *res)
{
	return (struct command){
		.m = (struct openssh_master *)r,
		.e = e,
		.res = res,
		.deadline_ms = e->timeout_ms ? clock_ms() + e->timeout_ms : INT64_MAX,
		.status = -1,
	};
}

int openssh_exec(struct remote *r, const struct remote_exec *e, struct remote_result *res,
		 struct err *err)
{
	struct command c = command_of(r, e, res);

	return run(&c, err);
}

/* ---- a command that is held: its ends, nobody in between ---- */

int openssh_hold(struct remote *r, const struct remote_exec *e, struct remote_result *res,
		 struct err *err)
{
	struct command c = command_of(r, e, res);
	int rc = run(&c, err);

	for (int i = IN; i <= CONTROL && rc == 1; i++)
		c.m->held[i] = c.fds[i].fd;
	return rc < 0 ? -1 : 0;
}

int openssh_beat(struct remote *r)
{
	const struct openssh_master *m = (struct openssh_master *)r;

	return m->held[IN] >= 0 && send(m->held[IN], "x\n", 2, MSG_NOSIGNAL | MSG_DONTWAIT) == 2 ? 0 : -1;
}

/* Waits a moment for its end: it may have something to tidy up. */
void openssh_unhold(struct remote *r)
{
	struct openssh_master *m = (struct openssh_master *)r;
	struct pollfd p = { .fd = m->held[OUT], .events = POLLIN };

	if (m->held[IN] < 0)
		return;
	shutdown(m->held[IN], SHUT_WR);
	poll(&p, 1, UNHOLD_MS);
	for (int i = IN; i <= CONTROL; i++) {
		if (m->held[i] >= 0)
			close(m->held[i]);
		m->held[i] = -1;
	}
}
