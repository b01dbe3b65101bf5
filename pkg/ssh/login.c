#define _GNU_SOURCE
#include <string.h>

#include "base/file.h"
#include "ssh/agent.h"
#include "ssh/key.h"
#include "ssh/session.h"
#include "ssh/wire.h"

/* sshd hangs up at the sixth key it refuses (MaxAuthTries). */
#define MAX_OFFERED 5

struct login {
	struct ssh_session *s;
	struct ssh_agent agent;
	struct strs tried, unusable;
};

enum offer { OFFER_FAILED = -1, OFFER_REFUSED, OFFER_TAKEN };

/* Who signs: the key itself, or the agent for it. */
struct signer {
	const struct ssh_key *key;
	struct ssh_agent *agent;
	int64_t deadline_ms;
	struct err err;
};

static int sign(LIBSSH2_SESSION *lib, unsigned char **sig, size_t *sig_len,
		const unsigned char *data, size_t len, void **abstract)
{
	struct signer *g = *abstract;
	struct buf out = BUF_INIT;
	int rc;

	(void)lib;
	if (g->key->secret)
		rc = ssh_key_sign(g->key, data, len, &out);
	else
		rc = ssh_agent_sign(g->agent, &g->key->blob, data, len, g->deadline_ms, &out, &g->err);
	if (rc < 0 && !g->err.msg)
		err_set(&g->err, ERR_CONNECT, "it cannot sign");
	*sig_len = out.len;
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

static enum offer judge_offer(struct login *l, long rc, const char *name, struct signer *g,
			      struct err *err)
{
	if (!rc)
		return OFFER_TAKEN;
	if (g->err.kind == ERR_INTERRUPTED)
		return err_set(err, g->err.kind, "%s", g->err.msg);
	if (g->err.msg) {
		strs_printf(&l->unusable, "%s: %s", name, g->err.msg);
		return OFFER_REFUSED;
	}
	if (l->s->end == SSH_ALIVE && (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
				       rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED))
		return OFFER_REFUSED;
	return ssh_fail(l->s, rc, "login", err);
}

static enum offer offer_key(struct login *l, const struct ssh_key *key, const char *name,
			    struct err *err)
{
	struct ssh_session *s = l->s;
	struct signer g = { key, &l->agent, s->deadline_ms, ERR_INIT };
	auto_buf struct buf blob = BUF_INIT;
	void *abstract = &g;
	enum offer result;
	long rc;

	if (l->tried.n == MAX_OFFERED) {
		strs_printf(&l->unusable, "%s: sshd takes no more than %d offers", name, MAX_OFFERED);
		return OFFER_REFUSED;
	}
	strs_printf(&l->tried, "%s (%s)", name, ssh_key_type(&key->blob));
	algorithm_blob(&key->blob, &blob);
	rc = SSH_RETRY(s, libssh2_userauth_publickey(s->lib, s->user, (unsigned char *)blob.data,
						     blob.len, sign, &abstract));
	result = judge_offer(l, rc, name, &g, err);
	err_clear(&g.err);
	return result;
}

static struct ssh_agent_key *find_in_agent(struct login *l, const struct buf *blob)
{
	for (size_t i = 0; i < l->agent.n; i++) {
		const struct buf *b = &l->agent.keys[i].blob;

		if (blob->len && b->len == blob->len && !memcmp(b->data, blob->data, b->len))
			return &l->agent.keys[i];
	}
	return NULL;
}

static enum offer offer_file(struct login *l, const char *path, struct err *err)
{
	auto_free char *file = file_resolve(path, NULL);
	auto_err struct err why = ERR_INIT;
	struct ssh_key key = SSH_KEY_INIT;
	struct ssh_agent_key *held;
	enum offer result = OFFER_REFUSED;

	if (ssh_key_load(file, &key, &why) < 0) {
		strs_add(&l->unusable, why.msg);
		return OFFER_REFUSED;
	}
	held = find_in_agent(l, &key.blob);
	if (!key.secret && !held)
		strs_printf(&l->unusable, "'%s' is encrypted and no ssh-agent holds it: run ssh-add %s",
			    path, path);
	else if (!held || !held->used)
		result = offer_key(l, &key, path, err);
	if (held)
		held->used = true;
	ssh_key_release(&key);
	return result;
}

static enum offer offer_files(struct login *l, const char *const *paths, bool named,
			      struct err *err)
{
	enum offer result = OFFER_REFUSED;

	for (; *paths && result == OFFER_REFUSED; paths++) {
		auto_free char *file = file_resolve(*paths, NULL);

		if (named || access(file, F_OK) == 0)
			result = offer_file(l, *paths, err);
	}
	return result;
}

static enum offer offer_agent(struct login *l, struct err *err)
{
	enum offer result = OFFER_REFUSED;

	for (size_t i = 0; i < l->agent.n && result == OFFER_REFUSED; i++) {
		struct ssh_agent_key *k = &l->agent.keys[i];
		const struct ssh_key key = { k->blob, NULL };
		auto_buf struct buf name = BUF_INIT;

		if (k->used || !ssh_key_type(&k->blob))
			continue;
		k->used = true;
		buf_printf(&name, "the agent's '%s'", k->comment);
		result = offer_key(l, &key, buf_str(&name), err);
	}
	return result;
}

/* Named files come before the agent, the usual ones after it. */
static enum offer offer_all(struct login *l, const char *const *files, struct err *err)
{
	static const char *const usual[] = { "~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa",
					     NULL };
	auto_err struct err why = ERR_INIT;
	enum offer result = OFFER_REFUSED;

	if (ssh_agent_open(&l->agent, l->s->deadline_ms, &why) < 0)
		strs_add(&l->unusable, why.msg);
	if (files)
		result = offer_files(l, files, true, err);
	if (result == OFFER_REFUSED)
		result = offer_agent(l, err);
	if (result == OFFER_REFUSED && !files)
		result = offer_files(l, usual, false, err);
	return result;
}

/* What sshd would accept, as "publickey,password"; NULL when it does not say. */
static const char *methods_of(struct ssh_session *s)
{
	const char *methods;

	do
		methods = libssh2_userauth_list(s->lib, s->user, (unsigned int)strlen(s->user));
	while (!methods && SSH_AGAIN(libssh2_session_last_errno(s->lib)) && !ssh_wait(s));
	return methods;
}

static int refused(struct login *l, struct err *err)
{
	auto_free char *tried = strs_join(&l->tried, ", "), *unusable = strs_join(&l->unusable, "; ");
	const struct ssh_session *s = l->s;
	const char *methods = methods_of(l->s);

	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (!l->tried.n)
		return err_set(err, ERR_CONNECT,
			       "%s: there is no key to log in with%s%s; set ssh.identityFile, or start "
			       "ssh-agent and ssh-add a key",
			       s->name, *unusable ? ": " : "", unusable);
	return err_set(err, ERR_CONNECT,
		       "%s: login refused: sshd takes none of the keys %s%s%s%s%s%s; is '%s' the right "
		       "user (ssh.user) and has it one of them in its authorized_keys (ssh-copy-id -p %d "
		       "%s@%s)?",
		       s->name, tried, *unusable ? "; not offered: " : "", unusable,
		       methods ? " (it takes " : "", methods ? methods : "", methods ? ")" : "", s->user,
		       s->port, s->user, s->host);
}

int ssh_login(struct ssh_session *s, const struct ssh_options *o, struct err *err)
{
	struct login l = { s, SSH_AGENT_INIT, STRS_INIT, STRS_INIT };
	enum offer result = offer_all(&l, o->identity_files, err);

	if (result == OFFER_REFUSED)
		result = refused(&l, err);
	ssh_agent_close(&l.agent);
	strs_release(&l.tried);
	strs_release(&l.unusable);
	return result == OFFER_TAKEN ? 0 : -1;
}
