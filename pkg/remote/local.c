#define _GNU_SOURCE
#include "remote/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"

/* How long a wait may be before the interrupt flag is looked at. */
#define SLICE_MS 100
#define GRACE_MS 1000

extern char **environ;

enum { IN, OUT, ERR };

struct child {
	pid_t pid;
	struct pollfd fds[3]; /* this side's ends; fd -1 once done with */
	const char *input;
	size_t left;
	bool hold_input;
	int64_t deadline_ms; /* INT64_MAX: none */
};

/* Its own process group, so that all of it can be killed and a terminal's Ctrl-C stays away;
 * signals as a login would have them, whatever this program ignores. */
static int spawn(const char *command, const int fds[3], pid_t *pid)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&files, fds[i], i);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(pid, "/bin/sh", &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static void close_end(struct child *c, int i)
{
	if (c->fds[i].fd >= 0)
		close(c->fds[i].fd);
	c->fds[i].fd = -1;
}

/* A socket for stdin, as writing to it can be kept from raising SIGPIPE; pipes for the others, as
 * /dev/stderr cannot be opened when it is a socket. */
static int make_end(int i, int *ours, int *theirs)
{
	int pair[2];
	int rc = i == IN ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) :
			   pipe2(pair, O_CLOEXEC);

	if (rc < 0)
		return errno;
	*ours = pair[0];
	*theirs = pair[1];
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static int start(struct child *c, const struct remote_exec *e, struct err *err)
{
	int theirs[3] = { -1, -1, -1 }, rc = 0;

	for (int i = 0; i < 3 && !rc; i++) {
		rc = make_end(i, &c->fds[i].fd, &theirs[i]);
		c->fds[i].events = i == IN ? POLLOUT : POLLIN;
	}
	if (!rc)
		rc = spawn(e->command, theirs, &c->pid);
	for (int i = 0; i < 3; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	errno = rc;
	return rc ? err_errno(err, "'sh' cannot be started on this machine") : 0;
}

/* A child that ends without reading all of its input says so by its status, not here. */
static void feed(struct child *c)
{
	bool hung_up = c->fds[IN].revents & (POLLERR | POLLHUP);
	ssize_t n = 0;

	if (c->left)
		n = send(c->fds[IN].fd, c->input, c->left, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		c->input += n;
		c->left -= (size_t)n;
	}
	if (n < 0 || hung_up || (!c->left && !c->hold_input))
		close_end(c, IN);
	c->fds[IN].events = c->left ? POLLOUT : 0;
}

static int drain(struct child *c, int i, const struct remote_exec *e, struct remote_result *res,
		 struct err *err)
{
	char chunk[16384];
	ssize_t n = read(c->fds[i].fd, chunk, sizeof(chunk));
	int rc = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0)
		rc = remote_collect(e, res, i, chunk, (size_t)n, err);
	else
		close_end(c, i);
	explicit_bzero(chunk, n > 0 ? (size_t)n : 0);
	return rc;
}

static int check_time(const struct child *c, const struct remote_exec *e, struct remote_result *res,
		      struct err *err)
{
	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (clock_ms() >= remote_deadline(e, res, c->deadline_ms))
		return remote_give_up(e, res, "", e->survives ? "still runs" : "was ended", err);
	return 0;
}

/* 1: it has come as far as it was waited for. */
static int talk(struct child *c, const struct remote_exec *e, struct remote_result *res,
		struct err *err)
{
	while (c->fds[OUT].fd >= 0 || c->fds[ERR].fd >= 0) {
		if (check_time(c, e, res, err) < 0)
			return -1;
		for (int i = 0; i < 3; i++)
			c->fds[i].revents = 0;
		poll(c->fds, 3, SLICE_MS);
		if (c->fds[IN].revents)
			feed(c);
		for (int i = OUT; i <= ERR; i++)
			if (c->fds[i].revents && drain(c, i, e, res, err) < 0)
				return -1;
		if (e->until && strstr(buf_str(&res->out), e->until))
			return 1;
	}
	return 0;
}

static bool has_ended(pid_t pid, int *status)
{
	pid_t got = waitpid(pid, status, WNOHANG);

	return got == pid || (got < 0 && errno != EINTR);
}

static int reap(const struct child *c, const struct remote_exec *e, struct remote_result *res, int *status,
		struct err *err)
{
	struct clock_poll p = clock_poll_start(INT32_MAX, SLICE_MS);

	while (!has_ended(c->pid, status)) {
		if (check_time(c, e, res, err) < 0)
			return -1;
		clock_poll_pause(&p);
	}
	return 0;
}

static void end_group(pid_t pid)
{
	struct clock_poll p = clock_poll_start(GRACE_MS, 50);
	bool gone;
	int status;

	kill(-pid, SIGTERM);
	do
		gone = has_ended(pid, &status);
	while (!gone && clock_poll_pause(&p));
	kill(-pid, SIGKILL);
	while (!gone && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

struct local {
	struct remote remote; /* first: a remote is cast to it */
	struct child held;    /* pid -1: nothing is */
};

static struct child child_of(const struct remote_exec *e)
{
	return (struct child){
		.pid = -1,
		.fds = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } },
		.input = e->input,
		.left = e->input_len,
		.hold_input = e->hold_input,
		.deadline_ms = e->timeout_ms ? clock_ms() + e->timeout_ms : INT64_MAX,
	};
}

/* 0: it ended; 1: it is to be held, and c is its. */
static int run(struct child *c, const struct remote_exec *e, struct remote_result *res, struct err *err)
{
	int rc, status = 0;

	*c = child_of(e);
	rc = start(c, e, err);
	if (!rc)
		rc = talk(c, e, res, err);
	if (rc == 1)
		return 1;
	if (c->pid > 0 && (rc < 0 || reap(c, e, res, &status, err) < 0)) {
		close_end(c, IN);
		if (!e->survives)
			end_group(c->pid);
		rc = -1;
	}
	for (int i = 0; i < 3; i++)
		close_end(c, i);
	if (!rc)
		res->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return rc;
}

static int local_exec(struct remote *r, const struct remote_exec *e, struct remote_result *res,
		      struct err *err)
{
	struct child c;

	(void)r;
	return run(&c, e, res, err);
}

static int local_hold(struct remote *r, const struct remote_exec *e, struct remote_result *res, struct err *err)
{
	struct local *l = (struct local *)r;
	struct child c;
	int rc = run(&c, e, res, err);

	if (rc == 1)
		l->held = c;
	return rc < 0 ? -1 : 0;
}

static int local_beat(struct remote *r)
{
	const struct local *l = (struct local *)r;

	return l->held.pid > 0 && send(l->held.fds[IN].fd, "x\n", 2, MSG_NOSIGNAL | MSG_DONTWAIT) == 2 ? 0 : -1;
}

static void local_unhold(struct remote *r)
{
	struct local *l = (struct local *)r;
	struct clock_poll p = clock_poll_start(GRACE_MS, 50);
	int status;

	if (l->held.pid < 0)
		return;
	close_end(&l->held, IN);
	while (!has_ended(l->held.pid, &status))
		if (!clock_poll_pause(&p)) {
			end_group(l->held.pid);
			break;
		}
	for (int i = 0; i < 3; i++)
		close_end(&l->held, i);
	l->held.pid = -1;
}

static void local_close(struct remote *r)
{
	local_unhold(r);
	remote_release(r);
	free(r);
}

struct remote *remote_local(void)
{
	static const struct remote_ops ops = { .exec = local_exec, .hold = local_hold, .beat = local_beat,
					       .unhold = local_unhold, .close = local_close };
	struct local *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->held.pid = -1;
	l->remote.ops = &ops;
	l->remote.root = geteuid() == 0 ? REMOTE_ROOT_NONE : REMOTE_ROOT_AUTO;
	return &l->remote;
}
