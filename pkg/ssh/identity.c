#define _GNU_SOURCE
#include "ssh/identity.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "ssh/cert.h"

struct finder {
	struct ssh_identities *ids;
	const struct ssh_options *o;
	struct ssh_keyring *keys;
};

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len && a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static struct ssh_agent_key *find_in_agent(struct ssh_agent *a, const struct buf *blob)
{
	for (size_t i = 0; i < a->n; i++)
		if (same(&a->keys[i].blob, blob))
			return &a->keys[i];
	return NULL;
}

static bool is_listed(const struct ssh_identities *ids, const struct buf *offered)
{
	for (size_t i = 0; i < ids->n; i++) {
		const struct ssh_identity *id = &ids->v[i];

		if (same(id->offer.len ? &id->offer : &id->key.blob, offered))
			return true;
	}
	return false;
}

static void add(struct ssh_identities *ids, const char *name, const char *path, const struct ssh_key *key,
		const struct buf *offer)
{
	struct ssh_identity *id;

	if (is_listed(ids, offer ? offer : &key->blob))
		return;
	ids->v = reallocarray(ids->v, ids->n + 1, sizeof(*ids->v));
	if (!ids->v)
		abort();
	id = &ids->v[ids->n++];
	*id = (struct ssh_identity){ .name = strdup(name), .path = path ? strdup(path) : NULL };
	if (!id->name || (path && !id->path))
		abort();
	ssh_key_share(key, &id->key);
	if (offer)
		buf_add(&id->offer, buf_str(offer), offer->len);
	id->held = find_in_agent(&ids->agent, &key->blob);
}

/* Says why a certificate is of no use now. */
static int check_cert(struct ssh_identities *ids, const char *path, const struct ssh_cert *c, struct err *err)
{
	uint64_t now = (uint64_t)clock_wall_ms() / 1000;

	if (now < c->after || now >= c->before)
		return err_set(err, ERR_CONNECT, "'%s' is %s: have it signed anew", path,
			       now < c->after ? "not valid yet" : "expired");
	if (ssh_cert_usable(c))
		return 0;
	ids->foreign = true;
	return err_set(err, ERR_CONNECT, "'%s' is a certificate of a kind that this libssh2 cannot use", path);
}

static void offer_cert(struct ssh_identities *ids, const char *path, const struct buf *blob,
		       const struct ssh_cert *c, const char *key_path, const struct ssh_key *key)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *name = NULL;

	if (check_cert(ids, path, c, &err) < 0) {
		if (!strs_has(&ids->unusable, err.msg))
			strs_add(&ids->unusable, err.msg);
		return;
	}
	if (asprintf(&name, "%s for %s", path, *c->principals ? c->principals : "everybody") < 0)
		abort();
	add(ids, name, key_path, key, blob);
}

/* The certificate in path, if it is one of this key. */
static void find_cert(struct finder *f, const char *path, bool named, const char *key_path,
		      const struct ssh_key *key)
{
	auto_free char *file = file_resolve(path, NULL);
	auto_buf struct buf blob = BUF_INIT;
	auto_err struct err err = ERR_INIT;
	struct ssh_cert c = SSH_CERT_INIT;

	if (!named && access(file, F_OK) < 0)
		return;
	if (ssh_public_load(file, &blob, &err) < 0 || ssh_cert_parse(path, &blob, &c, &err) < 0) {
		if (!strs_has(&f->ids->unusable, err.msg))
			strs_add(&f->ids->unusable, err.msg);
	} else if (same(&c.key, &key->blob)) {
		offer_cert(f->ids, path, &blob, &c, key_path, key);
	}
	ssh_cert_release(&c);
}

static void find_certs(struct finder *f, const char *path, const struct ssh_key *key)
{
	auto_free char *beside = NULL;

	for (const char *const *c = f->o->certificate_files; c && *c; c++)
		find_cert(f, *c, true, path, key);
	if (asprintf(&beside, "%s-cert.pub", path) < 0)
		abort();
	find_cert(f, beside, false, path, key);
}

static void find_file(struct finder *f, const char *path, bool named)
{
	auto_free char *file = file_resolve(path, NULL);
	auto_err struct err why = ERR_INIT;
	struct ssh_key key = SSH_KEY_INIT;

	if (!named && access(file, F_OK) < 0)
		return;
	if (ssh_keyring_load(f->keys, file, &key, &why) < 0) {
		strs_add(&f->ids->unusable, why.msg);
		f->ids->foreign = f->ids->foreign || key.foreign;
	} else {
		find_certs(f, file, &key);
		add(f->ids, path, file, &key, NULL);
	}
	ssh_key_release(&key);
}

static void find_files(struct finder *f, const char *const *paths, bool named)
{
	for (; *paths; paths++)
		find_file(f, *paths, named);
}

static void find_agent_cert(struct ssh_identities *ids, const char *name, const struct buf *blob)
{
	auto_err struct err err = ERR_INIT;
	struct ssh_cert c = SSH_CERT_INIT;
	const struct ssh_key key = { .blob = *blob };

	if (ssh_cert_parse(name, blob, &c, &err) < 0)
		strs_add(&ids->unusable, err.msg);
	else if (!is_listed(ids, blob))
		offer_cert(ids, name, blob, &c, NULL, &key);
	ssh_cert_release(&c);
}

static void find_agent_key(struct finder *f, const char *name, const struct ssh_key *key)
{
	for (const char *const *c = f->o->certificate_files; c && *c; c++)
		find_cert(f, *c, true, NULL, key);
	add(f->ids, name, NULL, key, NULL);
}

static void find_in_agents_keys(struct finder *f)
{
	struct ssh_identities *ids = f->ids;

	for (size_t i = 0; i < ids->agent.n; i++) {
		struct ssh_agent_key *k = &ids->agent.keys[i];
		const struct ssh_key key = { .blob = k->blob };
		auto_free char *name = NULL;

		if (asprintf(&name, "the agent's '%s'", k->comment) < 0)
			abort();
		if (ssh_cert_is(&k->blob))
			find_agent_cert(ids, name, &k->blob);
		else if (ssh_key_type(&k->blob))
			find_agent_key(f, name, &key);
		else
			ids->foreign = ids->foreign || ssh_key_is_fido(&k->blob);
	}
}

void ssh_identities_find(struct ssh_identities *ids, const struct ssh_options *o, struct ssh_keyring *keys,
			 int64_t deadline_ms)
{
	static const char *const usual[] = { "~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa", NULL };
	struct finder f = { ids, o, keys };
	auto_err struct err why = ERR_INIT;

	if (ssh_agent_open(&ids->agent, o->identity_agent, deadline_ms, &why) < 0)
		strs_add(&ids->unusable, why.msg);
	if (o->identity_files)
		find_files(&f, o->identity_files, true);
	if (!o->identities_only)
		find_in_agents_keys(&f);
	if (!o->identity_files)
		find_files(&f, usual, false);
}

void ssh_identities_release(struct ssh_identities *ids)
{
	for (size_t i = 0; i < ids->n; i++) {
		free(ids->v[i].name);
		free(ids->v[i].path);
		buf_release(&ids->v[i].offer);
		ssh_key_release(&ids->v[i].key);
	}
	free(ids->v);
	ids->v = NULL;
	ids->n = 0;
	strs_release(&ids->unusable);
	ssh_agent_close(&ids->agent);
}
