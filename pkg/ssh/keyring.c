#define _GNU_SOURCE
#include "ssh/keyring.h"

#include <pthread.h>
#include <string.h>

#define MAX_ANSWERS 3
#define MAX_PASSPHRASE 1024

struct slot {
	struct slot *next;
	char *path;
	struct ssh_key key;
	struct err err; /* why it cannot be read, or not be decrypted */
	pthread_mutex_t lock;
};

struct ssh_keyring {
	struct ssh_secrets *secrets;
	pthread_mutex_t lock; /* of the list; each slot has its own, held while a person is asked */
	struct slot *slots;
};

struct ssh_keyring *ssh_keyring_new(struct ssh_secrets *s)
{
	struct ssh_keyring *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->secrets = s;
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void ssh_keyring_free(struct ssh_keyring *r)
{
	while (r->slots) {
		struct slot *s = r->slots;

		r->slots = s->next;
		ssh_key_release(&s->key);
		err_clear(&s->err);
		pthread_mutex_destroy(&s->lock);
		free(s->path);
		free(s);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct slot *add_slot(struct ssh_keyring *r, const char *path)
{
	struct slot *s = calloc(1, sizeof(*s));

	if (!s || !(s->path = strdup(path)))
		abort();
	pthread_mutex_init(&s->lock, NULL);
	(void)!ssh_key_load(path, &s->key, &s->err);
	s->next = r->slots;
	r->slots = s;
	return s;
}

static struct slot *find_slot(struct ssh_keyring *r, const char *path)
{
	struct slot *s;

	pthread_mutex_lock(&r->lock);
	for (s = r->slots; s && strcmp(s->path, path); s = s->next)
		;
	if (!s)
		s = add_slot(r, path);
	pthread_mutex_unlock(&r->lock);
	return s;
}

static int give(struct slot *s, struct ssh_key *k, struct err *err)
{
	k->foreign = s->key.foreign;
	if (s->err.msg)
		return err_set(err, s->err.kind, "%s", s->err.msg);
	ssh_key_share(&s->key, k);
	return 0;
}

int ssh_keyring_load(struct ssh_keyring *r, const char *path, struct ssh_key *k, struct err *err)
{
	struct slot *s = find_slot(r, path);
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = give(s, k, err);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* One question and one derivation; *wrong: another answer may do. */
static int try_passphrase(struct ssh_keyring *r, struct slot *s, bool again, bool *wrong, struct err *err)
{
	auto_wipe struct buf answer = BUF_INIT;
	auto_buf struct buf prompt = BUF_INIT;

	buf_reserve(&answer, MAX_PASSPHRASE);
	buf_printf(&prompt, "%spassphrase for '%s': ", again ? "that is not it; " : "", s->path);
	if (ssh_secrets_ask(r->secrets, buf_str(&prompt), false, &answer, err) < 0)
		return -1;
	if (!answer.len)
		return err_set(err, ERR_CONNECT, "'%s' is encrypted and no passphrase was given", s->path);
	return ssh_key_unlock(s->path, &answer, &s->key, wrong, err);
}

static int unlock(struct ssh_keyring *r, struct slot *s, struct err *err)
{
	bool wrong = false;

	if (!ssh_secrets_can_ask(r->secrets))
		return err_set(err, ERR_CONNECT,
			       "'%s' is encrypted and no ssh-agent holds it, and there is no terminal to ask "
			       "for its passphrase: run ssh-add %s", s->path, s->path);
	for (int i = 1;; i++) {
		bool again = wrong;
		int rc;

		wrong = false;
		rc = try_passphrase(r, s, again, &wrong, err);

		if (!rc || !wrong || i == MAX_ANSWERS)
			return rc;
		err_clear(err);
	}
}

/* Others that need the same key wait for the slot. */
int ssh_keyring_unlock(struct ssh_keyring *r, const char *path, struct ssh_key *k, struct err *err)
{
	struct slot *s = find_slot(r, path);
	int rc;

	pthread_mutex_lock(&s->lock);
	if (!s->err.msg && !s->key.secret)
		(void)!unlock(r, s, &s->err);
	rc = give(s, k, err);
	pthread_mutex_unlock(&s->lock);
	return rc;
}
