/* A command that is held beside others: a channel of its own in the same session. */
#include <poll.h>

#include "base/clock.h"
#include "ssh/session.h"

/* At most; much less than the time after which the held command gives up. */
#define BEAT_MS 3000
#define PATIENCE_MS 1000
/* libssh2 asks every 2 s at most, and the answer is heard with the beat after. */
#define LEAST_SILENCE_MS 6000

/* The same bytes each time, as libssh2 wants when it could send only a part of them. */
static const char line[] = "x\n";

static int interval_ms(const struct ssh_session *s)
{
	return s->ask_ms < BEAT_MS ? s->ask_ms : BEAT_MS;
}

/* 0 when it is sent, or else the error. */
static long send_line(struct ssh_session *s)
{
	ssize_t n = libssh2_channel_write(s->held.channel, line, sizeof(line) - 1);

	if (n > 0)
		s->held.due_ms = clock_ms() + interval_ms(s);
	return n > 0 ? 0 : (long)n;
}

void ssh_beat_if_due(struct ssh_session *s, int64_t now)
{
	long rc;

	if (!s->held.channel || s->held.gone || now < s->held.due_ms)
		return;
	rc = send_line(s);
	if (!ssh_again(rc)) /* what is half sent has to be sent to its end */
		s->held.gone = rc < 0 || libssh2_channel_eof(s->held.channel);
}

/* Its thread has the session then. */
static bool has_tunnel(struct ssh_session *s)
{
	bool open;

	pthread_mutex_lock(&s->lock);
	open = s->tunnel_open;
	pthread_mutex_unlock(&s->lock);
	return open;
}

/* Behind a bastion what is sent is always taken: the peer is asked with each line, and has to answer.
 * Between two beats nobody listens, so that an answer is as old as that. */
static bool is_silent(struct ssh_session *s)
{
	int64_t now = clock_ms(), most = s->silence_ms - interval_ms(s);

	if (!s->held.heard_ms || s->received != s->held.seen) {
		s->held.seen = s->received;
		s->held.heard_ms = now;
	}
	ssh_ask(s);
	return now - s->held.heard_ms >= (most > LEAST_SILENCE_MS ? most : LEAST_SILENCE_MS);
}

static void beat(struct ssh_session *s)
{
	long rc;

	ssh_start(s, PATIENCE_MS);
	rc = SSH_RETRY(s, send_line(s));
	if (rc < 0 && s->end == SSH_INTERRUPTED)
		return;
	s->held.gone = rc < 0 || libssh2_channel_eof(s->held.channel) || is_silent(s);
	if (ssh_again(rc) && libssh2_session_block_directions(s->lib) & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		s->broken = true; /* as in ssh_leave */
}

/* A session that is at work sends it by itself, in its waits. */
int ssh_beat(struct remote *r)
{
	struct ssh_session *s = (struct ssh_session *)r;
	bool gone;

	if (pthread_mutex_trylock(&s->use))
		return 0;
	if (!has_tunnel(s) && s->held.channel && !s->held.gone && !s->broken && clock_ms() >= s->held.due_ms)
		beat(s);
	gone = !s->held.channel || s->held.gone || s->broken;
	pthread_mutex_unlock(&s->use);
	return gone ? -1 : 0;
}

static void end_held(struct ssh_session *s)
{
	LIBSSH2_CHANNEL *channel = TAKE(s->held.channel);

	if (channel && !s->broken && !s->held.gone) {
		ssh_start(s, PATIENCE_MS);
		(void)!SSH_RETRY(s, libssh2_channel_send_eof(channel));
		(void)!SSH_RETRY(s, libssh2_channel_wait_eof(channel)); /* it tidies up */
	}
	ssh_leave(s, channel);
}

/* Beside a tunnel it ends with the session. */
void ssh_unhold(struct remote *r)
{
	struct ssh_session *s = (struct ssh_session *)r;

	pthread_mutex_lock(&s->use);
	if (!has_tunnel(s))
		end_held(s);
	pthread_mutex_unlock(&s->use);
}
