#define _GNU_SOURCE
#include "ssh/share.h"

#include <string.h>

#include "ssh/jump.h"

struct ssh_share {
	pthread_mutex_t lock;
	struct ssh_known *known;
	struct ssh_bastion *bastions;
};

struct ssh_share *ssh_share_new(void)
{
	struct ssh_share *share = calloc(1, sizeof(*share));

	if (!share)
		abort();
	pthread_mutex_init(&share->lock, NULL);
	return share;
}

static void known_free(struct ssh_known *k)
{
	known_hosts_release(&k->hosts);
	pthread_rwlock_destroy(&k->lock);
	free(k->key);
	free(k);
}

void ssh_share_free(struct ssh_share *share)
{
	if (!share)
		return;
	for (struct ssh_known *k; (k = share->known);) {
		share->known = k->next;
		known_free(k);
	}
	for (struct ssh_bastion *b; (b = share->bastions);) {
		share->bastions = b->next;
		ssh_bastion_unref(b);
	}
	pthread_mutex_destroy(&share->lock);
	free(share);
}

static struct ssh_known *known_new(const char *key, const char *const *paths, struct err *err)
{
	struct ssh_known *k = calloc(1, sizeof(*k));

	if (!k)
		abort();
	k->key = strdup(key);
	if (!k->key)
		abort();
	pthread_rwlock_init(&k->lock, NULL);
	if (!known_hosts_read(&k->hosts, paths, err))
		return k;
	known_free(k);
	return NULL;
}

struct ssh_known *ssh_share_known(struct ssh_share *share, const char *const *paths, struct err *err)
{
	auto_buf struct buf key = BUF_INIT;
	struct ssh_known *k;

	for (size_t i = 0; paths[i]; i++)
		buf_printf(&key, "%s\n", paths[i]);
	pthread_mutex_lock(&share->lock);
	for (k = share->known; k && strcmp(k->key, buf_str(&key)); k = k->next)
		;
	if (!k && (k = known_new(buf_str(&key), paths, err))) {
		k->next = share->known;
		share->known = k;
	}
	pthread_mutex_unlock(&share->lock);
	return k;
}

struct ssh_bastion *ssh_share_bastion(struct ssh_share *share, const char *key)
{
	struct ssh_bastion *b;

	pthread_mutex_lock(&share->lock);
	for (b = share->bastions; b && strcmp(b->key, key); b = b->next)
		;
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b || !(b->key = strdup(key)))
			abort();
		pthread_mutex_init(&b->lock, NULL);
		pthread_cond_init(&b->changed, NULL);
		b->refs = 1;
		b->next = share->bastions;
		share->bastions = b;
	}
	pthread_mutex_lock(&b->lock);
	b->refs++;
	pthread_mutex_unlock(&b->lock);
	pthread_mutex_unlock(&share->lock);
	return b;
}
