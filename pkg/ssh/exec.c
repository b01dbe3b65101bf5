#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ssh/session.h"

#define OPEN_RETRY_MS 3000

struct command {
	struct ssh_session *s;
	LIBSSH2_CHANNEL *channel;
	const struct remote_exec *e;
	struct remote_result *res;
	size_t sent;
	int64_t deadline_ms; /* however much it prints */
	bool ended_input;
	bool late; /* its time is over, and it was let know */
};

static int try_open(struct command *c)
{
	struct ssh_session *s = c->s;
	int rc;

	do {
		c->channel = libssh2_channel_open_session(s->lib);
		rc = c->channel ? 0 : libssh2_session_last_errno(s->lib);
	} while (ssh_again(rc) && !ssh_wait(s));
	return rc;
}

/* sshd counts a session that was closed for a moment longer, which matters when its MaxSessions is
 * small. */
static int open_channel(struct command *c, struct err *err)
{
	struct clock_poll p = clock_poll_start(OPEN_RETRY_MS, 200);
	int rc;

	while ((rc = try_open(c)) == LIBSSH2_ERROR_CHANNEL_FAILURE && !remote_interrupted() &&
	       clock_poll_pause(&p))
		;
	if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE && c->s->end == SSH_ALIVE)
		return err_set(err, ERR_CONNECT, "%s: sshd opens no shell: is MaxSessions large enough in its "
			       "sshd_config?", c->s->name);
	if (rc)
		return ssh_fail(c->s, rc, "opening a channel", err);
	rc = (int)SSH_RETRY(c->s, libssh2_channel_exec(c->channel, c->e->command));
	return rc ? ssh_fail(c->s, rc, "starting a shell", err) : 0;
}

/* Sends what the window takes: 1 when something moved.  A command that ended without reading its
 * input closes the channel; its status says what that means. */
static int feed(struct command *c, struct err *err)
{
	size_t left = c->e->input_len - c->sent;
	ssize_t n = 0;

	if (c->ended_input || (!left && c->e->hold_input && !c->late))
		return 0;
	if (left)
		n = libssh2_channel_write(c->channel, (const char *)c->e->input + c->sent, left);
	if (ssh_again(n))
		return 0;
	if (n == LIBSSH2_ERROR_CHANNEL_CLOSED || n == LIBSSH2_ERROR_CHANNEL_EOF_SENT) {
		c->ended_input = true;
		return 0;
	}
	if (n < 0)
		return ssh_fail(c->s, n, "sending", err);
	c->sent += (size_t)n;
	if (c->sent < c->e->input_len || (c->e->hold_input && !c->late))
		return 1;
	n = libssh2_channel_send_eof(c->channel);
	c->ended_input = !ssh_again(n);
	return n < 0 && !ssh_again(n) ? ssh_fail(c->s, n, "sending", err) : 1;
}

/* Reads all there is of one stream: 1 when something came. */
static int drain(struct command *c, int stream, struct err *err)
{
	char chunk[32768];
	int moved = 0;

	for (;;) {
		ssize_t n = libssh2_channel_read_ex(c->channel, stream, chunk, sizeof(chunk));
		int rc;

		if (n == 0 || ssh_read_again(c->s, n))
			return moved;
		if (n < 0)
			return ssh_fail(c->s, n, "receiving", err);
		rc = remote_collect(c->e, c->res, stream ? 2 : 1, chunk, (size_t)n, err);
		explicit_bzero(chunk, (size_t)n);
		if (rc < 0)
			return -1;
		moved = 1;
	}
}

/* ended: it is known to run no more. */
static int out_of_time(struct command *c, bool ended, struct err *err)
{
	auto_free char *name = NULL;

	if (!c->late && c->s->end != SSH_TIMEOUT)
		return ssh_fail(c->s, 0, "waiting for a command", err);
	if (asprintf(&name, "%s: ", c->s->name) < 0)
		abort();
	return remote_give_up(c->e, c->res, name,
			   ended ? "was ended there" : c->e->survives ? "goes on there" : "may still run there", err);
}

/* Lets a command that is late know, and gives it some time to end. */
static bool lets_know(struct command *c)
{
	if (c->s->end != SSH_TIMEOUT || c->late || !c->e->hold_input)
		return false;
	c->late = true;
	ssh_start(c->s, REMOTE_END_MS);
	return true;
}

/* Reads while it writes: a command that is not listened to stops listening itself.  1: it has come
 * as far as it was waited for. */
static int talk(struct command *c, struct err *err)
{
	while (!libssh2_channel_eof(c->channel)) {
		int fed = feed(c, err);
		int out = fed < 0 ? -1 : drain(c, 0, err);
		int errs = out < 0 ? -1 : drain(c, SSH_EXTENDED_DATA_STDERR, err);

		if (errs < 0)
			return -1;
		if (c->e->until && strstr(buf_str(&c->res->out), c->e->until))
			return 1;
		if (!c->late)
			c->s->deadline_ms = remote_deadline(c->e, c->res, c->deadline_ms);
		if (!fed && !out && !errs && !libssh2_channel_eof(c->channel) && ssh_wait(c->s) < 0 &&
		    !lets_know(c))
			return out_of_time(c, false, err);
	}
	return c->late ? out_of_time(c, true, err) : 0;
}

static int signal_number(const char *name)
{
	static const struct { const char *name; int number; } signals[] = {
		{ "HUP", 1 }, { "INT", 2 }, { "QUIT", 3 }, { "ILL", 4 }, { "ABRT", 6 }, { "FPE", 8 },
		{ "KILL", 9 }, { "USR1", 10 }, { "SEGV", 11 }, { "USR2", 12 }, { "PIPE", 13 },
		{ "ALRM", 14 }, { "TERM", 15 },
	};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!strcmp(name, signals[i].name))
			return signals[i].number;
	return 0;
}

/* Status 0 from libssh2 may also mean that there was none: the exit comes before the close. */
static int finish(struct command *c, struct err *err)
{
	char *name = NULL;
	long rc = SSH_RETRY(c->s, libssh2_channel_wait_closed(c->channel));

	if (rc && c->s->end == SSH_TIMEOUT)
		return out_of_time(c, false, err);
	if (rc)
		return ssh_fail(c->s, rc, "waiting for a command", err);
	libssh2_channel_get_exit_signal(c->channel, &name, NULL, NULL, NULL, NULL, NULL);
	c->res->status = name ? 128 + signal_number(name) : libssh2_channel_get_exit_status(c->channel);
	if (name)
		libssh2_free(c->s->lib, name);
	return 0;
}

/* 0: it ended; 1: it is to be held. */
static int run(struct command *c, struct err *err)
{
	int rc;

	if (ssh_acquire(c->s, c->e->timeout_ms, err) < 0)
		return -1;
	c->deadline_ms = c->s->deadline_ms;
	rc = open_channel(c, err);
	if (!rc)
		rc = talk(c, err);
	if (!rc)
		rc = finish(c, err);
	if (rc < 1)
		ssh_leave(c->s, c->channel);
	return rc;
}

int ssh_exec(struct remote *r, const struct remote_exec *e, struct remote_result *res,
	     struct err *err)
{
	struct command c = { .s = (struct ssh_session *)r, .e = e, .res = res };
	int rc;

	pthread_mutex_lock(&c.s->use);
	rc = run(&c, err);
	pthread_mutex_unlock(&c.s->use);
	return rc;
}

int ssh_hold(struct remote *r, const struct remote_exec *e, struct remote_result *res,
	     struct err *err)
{
	struct command c = { .s = (struct ssh_session *)r, .e = e, .res = res };
	int rc;

	pthread_mutex_lock(&c.s->use);
	rc = run(&c, err);
	if (rc == 1)
		c.s->held = (struct ssh_held){ .channel = c.channel };
	pthread_mutex_unlock(&c.s->use);
	return rc < 0 ? -1 : 0;
}
