/* A command that is held beside others: a channel of its own in the same session. */
#include <poll.h>

#include "base/clock.h"
#include "ssh/session.h"

/* Much less than the time after which the held command gives up. */
#define BEAT_MS 3000
#define PATIENCE_MS 1000

/* The same bytes each time, as libssh2 wants when it could send only a part of them. */
static const char line[] = "x\n";

/* 0 when it is sent, or else the error. */
static long send_line(struct ssh_session *s)
{
	ssize_t n = libssh2_channel_write(s->held.channel, line, sizeof(line) - 1);

	if (n > 0)
		s->held.due_ms = clock_ms() + BEAT_MS;
	return n > 0 ? 0 : (long)n;
}

void ssh_beat_if_due(struct ssh_session *s, int64_t now)
{
	long rc;

	if (!s->held.channel || s->held.gone || now < s->held.due_ms)
		return;
	rc = send_line(s);
	s->held.gone = libssh2_channel_eof(s->held.channel) || (rc < 0 && !ssh_again(rc));
}

/* A session that is at work sends it by itself, in its waits. */
int ssh_beat(struct remote *r)
{
	struct ssh_session *s = (struct ssh_session *)r;
	bool open, gone;

	if (pthread_mutex_trylock(&s->use))
		return 0;
	pthread_mutex_lock(&s->lock);
	open = s->tunnel_open;
	pthread_mutex_unlock(&s->lock);
	if (!open && s->held.channel && !s->held.gone && clock_ms() >= s->held.due_ms) {
		ssh_start(s, PATIENCE_MS);
		s->held.gone = SSH_RETRY(s, send_line(s)) < 0 || libssh2_channel_eof(s->held.channel);
	}
	gone = !s->held.channel || s->held.gone || s->broken;
	pthread_mutex_unlock(&s->use);
	return gone ? -1 : 0;
}

void ssh_unhold(struct remote *r)
{
	struct ssh_session *s = (struct ssh_session *)r;
	LIBSSH2_CHANNEL *channel = s->held.channel;

	pthread_mutex_lock(&s->use);
	s->held.channel = NULL;
	if (channel && !s->broken && !s->held.gone) {
		ssh_start(s, PATIENCE_MS);
		(void)!SSH_RETRY(s, libssh2_channel_send_eof(channel));
		(void)!SSH_RETRY(s, libssh2_channel_wait_eof(channel)); /* it tidies up */
	}
	ssh_leave(s, channel);
	pthread_mutex_unlock(&s->use);
}
