#define _GNU_SOURCE
#include "ssh/secrets.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "remote/remote.h"
#include "ssh/keyring.h"

#define MAX_ANSWERS 3
#define MAX_PASSWORD 1024
#define MAX_PASSWORD_FILE 4096
#define SLICE_NS 100000000L

/* One password that places share, in its round'th version. */
struct shared {
	struct shared *next;
	char *what;
	struct buf value;
	unsigned int round;   /* 0: not asked for yet */
	unsigned int pending; /* places that try this version */
	bool taken;           /* by a place; no other version will be asked for */
	bool asking;
	char *refuser;        /* the first place that does not take it */
	struct err none;      /* why there is none */
};

/* What one place takes instead. */
struct own {
	struct own *next;
	char *what, *place;
	struct buf value;
};

struct ssh_secrets {
	struct ssh_asker asker;
	pthread_mutex_t lock, terminal; /* terminal: one question at a time; lock is not held then */
	pthread_cond_t changed;
	struct shared *shared;
	struct own *own;
	struct ssh_keyring *keys;
};

struct ssh_secrets *ssh_secrets_new(const struct ssh_asker *asker)
{
	struct ssh_secrets *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		abort();
	if (asker)
		s->asker = *asker;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->terminal, NULL);
	s->keys = ssh_keyring_new(s);
	return s;
}

static void drop_own(struct ssh_secrets *s, const struct own *dropped)
{
	for (struct own **at = &s->own; *at; at = &(*at)->next) {
		struct own *o = *at;

		if (o != dropped)
			continue;
		*at = o->next;
		buf_wipe(&o->value);
		free(o->what);
		free(o->place);
		free(o);
		return;
	}
}

void ssh_secrets_free(struct ssh_secrets *s)
{
	if (!s)
		return;
	while (s->shared) {
		struct shared *e = s->shared;

		s->shared = e->next;
		buf_wipe(&e->value);
		err_clear(&e->none);
		free(e->what);
		free(e->refuser);
		free(e);
	}
	while (s->own)
		drop_own(s, s->own);
	ssh_keyring_free(s->keys);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->terminal);
	free(s);
}

struct ssh_keyring *ssh_secrets_keyring(struct ssh_secrets *s)
{
	return s->keys;
}

bool ssh_secrets_can_ask(const struct ssh_secrets *s)
{
	return s->asker.ask;
}

int ssh_secrets_ask(struct ssh_secrets *s, const char *prompt, bool echo, struct buf *answer, struct err *err)
{
	int rc;

	if (!s->asker.ask)
		return err_set(err, ERR_CONNECT, "there is no terminal to ask on");
	pthread_mutex_lock(&s->terminal);
	if (remote_interrupted())
		rc = err_set(err, ERR_INTERRUPTED, "interrupted");
	else
		rc = s->asker.ask(s->asker.ctx, prompt, echo, answer, err);
	pthread_mutex_unlock(&s->terminal);
	return rc;
}

static char *copy(const char *s)
{
	char *c = strdup(s);

	if (!c)
		abort();
	return c;
}

static void set_value(struct buf *to, const struct buf *from)
{
	buf_wipe(to);
	buf_reserve(to, from->len);
	buf_add(to, buf_str(from), from->len);
}

static struct shared *find_shared(struct ssh_secrets *s, const char *what)
{
	struct shared *e = s->shared;

	while (e && strcmp(e->what, what))
		e = e->next;
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		abort();
	e->what = copy(what);
	e->next = s->shared;
	s->shared = e;
	return e;
}

static struct own *find_own(struct ssh_secrets *s, const struct ssh_password *p)
{
	struct own *o = s->own;

	while (o && (strcmp(o->what, p->what) || strcmp(o->place, p->place)))
		o = o->next;
	return o;
}

static void keep_own(struct ssh_secrets *s, const struct ssh_password *p, const struct buf *value)
{
	struct own *o = find_own(s, p);

	if (!o) {
		o = calloc(1, sizeof(*o));
		if (!o)
			abort();
		o->what = copy(p->what);
		o->place = copy(p->place);
		o->next = s->own;
		s->own = o;
	}
	set_value(&o->value, value);
}

/* Asks with the lock let go; an empty answer means that the person has none. */
static int ask(struct ssh_secrets *s, const struct buf *prompt, struct buf *answer, struct err *err)
{
	int rc;

	pthread_mutex_unlock(&s->lock);
	buf_reserve(answer, MAX_PASSWORD);
	rc = ssh_secrets_ask(s, buf_str(prompt), false, answer, err);
	pthread_mutex_lock(&s->lock);
	if (!rc && !answer->len)
		rc = err_set(err, ERR_CONNECT, "no password was given");
	return rc;
}

static void ask_shared(struct ssh_secrets *s, struct shared *e, const struct ssh_password *p)
{
	auto_wipe struct buf answer = BUF_INIT;
	auto_buf struct buf prompt = BUF_INIT;
	struct err why = ERR_INIT; /* others look at e meanwhile */

	if (!s->asker.ask) {
		err_set(&e->none, ERR_CONNECT, "a %s is needed, and there is no terminal to ask for it: %s", p->what,
			p->hint);
		return;
	}
	if (e->refuser)
		buf_printf(&prompt, "%s does not take it; ", e->refuser);
	buf_printf(&prompt, "%s (used for every node that takes it): ", p->what);
	e->asking = true;
	if (!ask(s, &prompt, &answer, &why)) {
		set_value(&e->value, &answer);
		e->round++;
		free(TAKE(e->refuser));
	}
	e->none = why;
	e->asking = false;
	pthread_cond_broadcast(&s->changed);
}

static int ask_own(struct ssh_secrets *s, struct ssh_password *p, struct buf *out, struct err *err)
{
	auto_buf struct buf prompt = BUF_INIT;

	if (p->tries >= MAX_ANSWERS)
		return err_set(err, ERR_CONNECT, "none of the %d passwords is taken", MAX_ANSWERS);
	buf_printf(&prompt, "%s does not take it; %s there (empty: leave it out): ", p->place, p->what);
	if (ask(s, &prompt, out, err) < 0)
		return -1;
	p->own = true;
	keep_own(s, p, out);
	return 0;
}

static int wait_for_others(struct ssh_secrets *s, struct err *err)
{
	struct timespec until;

	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += SLICE_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(&s->changed, &s->lock, &until);
	return 0;
}

/* Until all that try the present version have told, nobody knows whether it is mistyped or just
 * not this place's. */
static int next_password(struct ssh_secrets *s, struct ssh_password *p, struct buf *out, struct err *err)
{
	struct shared *e = find_shared(s, p->what);

	for (;;) {
		if (p->round < e->round) {
			p->round = e->round;
			p->pending = true;
			e->pending++;
			buf_add(out, buf_str(&e->value), e->value.len);
			return 0;
		}
		if (e->taken)
			return ask_own(s, p, out, err);
		if (e->none.msg)
			return err_set(err, e->none.kind, "%s", e->none.msg);
		if (e->asking || e->pending) {
			if (wait_for_others(s, err) < 0)
				return -1;
		} else if (e->round == MAX_ANSWERS) {
			return err_set(err, ERR_CONNECT, "none of the %d passwords is taken", MAX_ANSWERS);
		} else {
			ask_shared(s, e, p);
		}
	}
}

static int read_first_line(const char *path, struct buf *out, struct err *err)
{
	auto_wipe struct buf text = BUF_INIT;
	size_t n;

	if (file_read(path, MAX_PASSWORD_FILE, &text, err) < 0)
		return -1;
	n = strcspn(buf_str(&text), "\r\n");
	if (!n)
		return err_set(err, ERR_CONNECT, "'%s' has no password in its first line", path);
	if (n > MAX_PASSWORD)
		return err_set(err, ERR_CONNECT, "'%s' has more than %d characters in its first line", path,
			       MAX_PASSWORD);
	buf_add(out, buf_str(&text), n);
	return 0;
}

/* The file may be a pipe, so it is read once for all. */
static int password_of_file(struct ssh_secrets *s, const struct ssh_password *p, struct buf *out, struct err *err)
{
	struct shared *e = find_shared(s, p->file);

	if (!e->value.data && !e->none.msg) {
		buf_reserve(&e->value, MAX_PASSWORD);
		(void)!read_first_line(p->file, &e->value, &e->none);
	}
	if (e->none.msg)
		return err_set(err, ERR_CONNECT, "%s", e->none.msg);
	buf_add(out, buf_str(&e->value), e->value.len);
	return 0;
}

static int given_password(struct ssh_secrets *s, const struct ssh_password *p, struct buf *out, struct err *err)
{
	if (p->tries && p->value)
		return err_set(err, ERR_CONNECT, "the password that was given is not taken");
	if (p->tries)
		return err_set(err, ERR_CONNECT, "the password in '%s' is not taken", p->file);
	if (!p->value)
		return password_of_file(s, p, out, err);
	buf_puts(out, p->value);
	return 0;
}

int ssh_secrets_password(struct ssh_secrets *s, struct ssh_password *p, struct buf *out, struct err *err)
{
	const struct own *o;
	int rc = 0;

	buf_reserve(out, MAX_PASSWORD);
	pthread_mutex_lock(&s->lock);
	o = find_own(s, p);
	if (p->value || p->file) {
		rc = given_password(s, p, out, err);
	} else if (o && !p->own) {
		p->own = true;
		buf_add(out, buf_str(&o->value), o->value.len);
	} else {
		rc = next_password(s, p, out, err);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static void settle_shared(struct ssh_secrets *s, struct ssh_password *p, enum ssh_verdict verdict)
{
	struct shared *e = find_shared(s, p->what);

	p->pending = false;
	e->pending--;
	if (verdict == SSH_PASSWORD_TAKEN)
		e->taken = true;
	else if (verdict == SSH_PASSWORD_UNTRIED)
		p->round--;
	else if (!e->refuser)
		e->refuser = copy(p->place);
	pthread_cond_broadcast(&s->changed);
}

void ssh_secrets_settle(struct ssh_secrets *s, struct ssh_password *p, enum ssh_verdict verdict)
{
	pthread_mutex_lock(&s->lock);
	if (verdict == SSH_PASSWORD_REFUSED)
		p->tries++;
	if (p->pending)
		settle_shared(s, p, verdict);
	if (p->own && verdict == SSH_PASSWORD_REFUSED)
		drop_own(s, find_own(s, p));
	if (verdict != SSH_PASSWORD_TAKEN)
		p->own = false;
	pthread_mutex_unlock(&s->lock);
}
