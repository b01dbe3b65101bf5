#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ssh/login.h"
#include "ssh/wire.h"

/* sshd hangs up at the sixth (MaxAuthTries), and others' doors are closed to who tries too many. */
#define MAX_OFFERED 5

struct signer {
	struct ssh_login *l;
	struct ssh_identity *id;
};

/* What is signed begins with the session and the request, in which libssh2 names the algorithm
 * (RFC 4252, 7). */
static int rsa_bits(const unsigned char *data, size_t len)
{
	struct wire w = wire_from(data, len);
	struct wire_string algorithm;

	wire_string(&w); /* session */
	wire_byte(&w);
	wire_string(&w); /* user, service, method */
	wire_string(&w);
	wire_string(&w);
	wire_byte(&w);
	algorithm = wire_string(&w);
	return algorithm.len >= 12 && !memcmp(algorithm.data, "rsa-sha2-256", 12) ? 256 : 512;
}

/* sshd has said that it would take the key: only now a person is asked for its passphrase. */
static int make_signature(struct ssh_login *l, struct ssh_identity *id, const void *data, size_t len,
			  struct buf *sig, struct err *err)
{
	int bits = rsa_bits(data, len), rc = 0;

	if (!id->key.secret && id->held)
		return ssh_agent_sign(&l->ids.agent, &id->key.blob, bits, data, len, l->s->deadline_ms, sig, err);
	if (!id->key.secret) {
		int64_t paused = ssh_pause();

		rc = ssh_keyring_unlock(ssh_secrets_keyring(l->secrets), id->path, &id->key, err);
		ssh_resume(l, paused);
	}
	if (!rc && ssh_key_sign(&id->key, bits, data, len, sig) < 0)
		rc = err_set(err, ERR_CONNECT, "'%s' cannot sign", id->name);
	return rc;
}

static int sign(LIBSSH2_SESSION *lib, unsigned char **sig, size_t *sig_len, const unsigned char *data,
		size_t len, void **abstract)
{
	struct signer *g = *abstract;
	struct buf out = BUF_INIT;
	int rc = make_signature(g->l, g->id, data, len, &out, &g->l->why);

	(void)lib;
	*sig_len = out.len;
	*sig = NULL;
	if (rc < 0)
		buf_release(&out);
	else
		*sig = (unsigned char *)buf_detach(&out); /* libssh2 frees it */
	return rc;
}

/* The type in the blob is what libssh2 takes for the algorithm, and sshd goes by e and n. */
static void algorithm_blob(const struct buf *blob, struct buf *out)
{
	struct wire w = wire_from(buf_str(blob), blob->len);

	if (wire_is(wire_string(&w), "ssh-rsa")) {
		wire_add_text(out, "rsa-sha2-512");
		buf_add(out, w.at, w.left);
	} else {
		buf_add(out, buf_str(blob), blob->len);
	}
}

static char *describe(const struct ssh_identity *id)
{
	const char *type = ssh_key_type(&id->key.blob);
	char *text;

	if (asprintf(&text, "%s (%s)", id->name, id->offer.len ? "certificate" : type ? type : "key") < 0)
		abort();
	return text;
}

/* libssh2 gives one error for a signature that is not taken, for a key that is taken with more to
 * follow, and for a connection that is lost after the key was accepted. */
static enum ssh_step judge(struct ssh_login *l, struct ssh_identity *id, long rc, struct err *err)
{
	struct ssh_session *s = l->s;
	auto_free char *name = describe(id);

	if (!rc)
		return SSH_STEP_TAKEN;
	id->state = SSH_ID_REFUSED;
	if (l->why.kind == ERR_INTERRUPTED)
		return err_set(err, l->why.kind, "%s", l->why.msg);
	if (l->why.msg) {
		id->state = SSH_ID_UNUSABLE;
		strs_add(&l->unusable, l->why.msg);
		err_clear(&l->why);
		return SSH_STEP_REFUSED;
	}
	if (s->end != SSH_ALIVE)
		return ssh_fail(s, rc, "login", err);
	if (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED) {
		l->now.failures++;
		if (!strs_has(&l->refused, name))
			strs_add(&l->refused, name);
		return SSH_STEP_REFUSED;
	}
	if (rc != LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED || ssh_login_methods(l) < 0)
		return SSH_STEP_GONE;
	id->state = SSH_ID_TAKEN;
	strs_add(&l->taken, name);
	return SSH_STEP_PARTIAL;
}

static enum ssh_step offer(struct ssh_login *l, struct ssh_identity *id, struct err *err)
{
	const struct buf *public = id->offer.len ? &id->offer : &id->key.blob;
	struct ssh_session *s = l->s;
	struct signer g = { l, id };
	auto_buf struct buf blob = BUF_INIT;
	void *abstract = &g;
	long rc;

	algorithm_blob(public, &blob);
	l->now.requests++;
	rc = SSH_RETRY(s, libssh2_userauth_publickey(s->lib, s->user, (unsigned char *)blob.data, blob.len, sign,
						     &abstract));
	return judge(l, id, rc, err);
}

/* An encrypted PEM file shows its public key only with the passphrase. */
static int unlock_first(struct ssh_login *l, struct ssh_identity *id)
{
	auto_err struct err why = ERR_INIT;
	int64_t paused = ssh_pause();
	int rc = ssh_keyring_unlock(ssh_secrets_keyring(l->secrets), id->path, &id->key, &why);

	ssh_resume(l, paused);
	if (rc < 0) {
		id->state = SSH_ID_UNUSABLE;
		strs_add(&l->unusable, why.msg);
	}
	return rc;
}

static struct ssh_identity *next_fresh(const struct ssh_login *l)
{
	for (size_t i = 0; i < l->ids.n; i++)
		if (l->ids.v[i].state == SSH_ID_FRESH)
			return &l->ids.v[i];
	return NULL;
}

bool ssh_login_has_key(const struct ssh_login *l)
{
	return next_fresh(l);
}

void ssh_login_renew_keys(struct ssh_login *l, enum ssh_identity_state state)
{
	for (size_t i = 0; i < l->ids.n; i++)
		if (l->ids.v[i].state == state)
			l->ids.v[i].state = SSH_ID_FRESH;
}

static void give_up(struct ssh_login *l)
{
	for (struct ssh_identity *id; (id = next_fresh(l));) {
		id->state = SSH_ID_UNUSABLE;
		strs_printf(&l->unusable, "%s was not tried: no more than %d keys are offered", id->name, MAX_OFFERED);
	}
}

enum ssh_step ssh_login_publickey(struct ssh_login *l, struct err *err)
{
	struct ssh_identity *id = next_fresh(l);

	if (l->refused.n >= MAX_OFFERED) {
		give_up(l);
		return SSH_STEP_REFUSED;
	}
	if (!id->key.blob.len && unlock_first(l, id) < 0)
		return remote_interrupted() ? err_set(err, ERR_INTERRUPTED, "interrupted") : SSH_STEP_REFUSED;
	return offer(l, id, err);
}
