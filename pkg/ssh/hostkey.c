#define _GNU_SOURCE
#include <openssl/evp.h>
#include <string.h>

#include "pki/pki.h"
#include "ssh/hostkey.h"
#include "ssh/session.h"
#include "ssh/wire.h"

/* "ssh-ed25519 SHA256:...", as ssh-keygen -l prints it. */
static void fingerprint(const char *key, size_t len, struct buf *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct wire w = wire_from(key, len);
	struct wire_string type = wire_string(&w);
	unsigned int n = 0;

	EVP_Digest(key, len, digest, &n, EVP_sha256(), NULL);
	buf_printf(out, "%.*s SHA256:", (int)type.len, type.data);
	pki_base64_encode(digest, n, out);
	while (out->len && out->data[out->len - 1] == '=')
		out->data[--out->len] = '\0';
}

void ssh_refusal_release(struct ssh_refusal *r)
{
	buf_release(&r->fingerprint);
	buf_release(&r->line);
	free(r->file);
	*r = (struct ssh_refusal){ 0 };
}

struct shown_key {
	const char *key;
	size_t len;
	struct buf print, line;
};

static int refuse_unknown(const char *name, const struct ssh_options *o,
			  const struct shown_key *shown, const struct known_result *found,
			  struct err *err)
{
	auto_buf struct buf note = BUF_INIT;

	if (o->refusal) {
		buf_puts(&o->refusal->fingerprint, buf_str(&shown->print));
		buf_puts(&o->refusal->line, buf_str(&shown->line));
		o->refusal->file = o->known_hosts[0] ? strdup(o->known_hosts[0]) : NULL;
	}
	if (found->authority.len)
		buf_printf(&note, "; the @cert-authority line %s is of no use, as host certificates are not "
			   "supported", buf_str(&found->authority));
	if (found->malformed.len)
		buf_printf(&note, "; line %s is malformed and was passed over", buf_str(&found->malformed));
	return err_set(err, ERR_CONNECT,
		       "%s: its host key is not known: %s%s; compare it with the machine's own (ssh-keygen "
		       "-lf /etc/ssh/ssh_host_*_key.pub there), then add this line to '%s', or run again "
		       "with --accept-new-host-keys: %s",
		       name, buf_str(&shown->print), buf_str(&note),
		       o->known_hosts[0] ? o->known_hosts[0] : "~/.ssh/known_hosts", buf_str(&shown->line));
}

static int refuse_changed(const char *name, const struct shown_key *shown,
			  const struct known_result *found, struct err *err)
{
	if (found->verdict == KNOWN_REVOKED)
		return err_set(err, ERR_CONNECT,
			       "%s: its host key %s is revoked (%s): do not trust this machine; give it a new "
			       "host key",
			       name, buf_str(&shown->print), buf_str(&found->place));
	if (found->verdict == KNOWN_OTHER_TYPE)
		return err_set(err, ERR_CONNECT,
			       "%s: it shows the host key %s, but is known by a key of another type (%s); "
			       "if that is in order, add this line to the file: %s",
			       name, buf_str(&shown->print), buf_str(&found->place), buf_str(&shown->line));
	return err_set(err, ERR_CONNECT,
		       "%s: its host key has changed to %s; %s has another one: somebody may be between, or "
		       "the machine was installed anew; if you know why, remove that line and try again",
		       name, buf_str(&shown->print), buf_str(&found->place));
}

static int refuse_pinned(const char *name, const struct shown_key *shown, struct err *err)
{
	return err_set(err, ERR_CONNECT,
		       "%s: it shows the host key %s, which is not the one of its sshHostKey: somebody may be "
		       "between, or the machine was installed anew; if you know why, write there: %s",
		       name, buf_str(&shown->print), strchr(buf_str(&shown->line), ' ') + 1);
}

/* Another connection may have added the same line meanwhile. */
static int add_key(const char *name, const struct ssh_options *o, const struct shown_key *shown,
		   struct ssh_trust *t, struct err *err)
{
	struct known_result found;
	int rc = 0;

	pthread_rwlock_wrlock(&t->known->lock);
	known_hosts_check(&t->known->hosts, &t->names, shown->key, shown->len, &found);
	if (found.verdict == KNOWN_NOT_FOUND) {
		rc = known_hosts_append(o->known_hosts[0], buf_str(&shown->line), err);
		if (!rc)
			known_hosts_add_text(&t->known->hosts, o->known_hosts[0], buf_str(&shown->line));
	} else if (found.verdict != KNOWN_MATCH) {
		rc = refuse_changed(name, shown, &found, err);
	}
	pthread_rwlock_unlock(&t->known->lock);
	known_result_release(&found);
	return rc;
}

static int judge(const char *name, const struct ssh_options *o, const struct shown_key *shown,
		 struct ssh_trust *t, const struct known_result *found, struct err *err)
{
	if (found->verdict == KNOWN_MATCH)
		return 0;
	if (!t->known)
		return refuse_pinned(name, shown, err);
	if (found->verdict != KNOWN_NOT_FOUND)
		return refuse_changed(name, shown, found, err);
	if (o->unknown_hosts == SSH_UNKNOWN_REFUSE || !o->known_hosts[0])
		return refuse_unknown(name, o, shown, found, err);
	if (add_key(name, o, shown, t, err) < 0 && err->kind != ERR_CONNECT) {
		err->kind = ERR_CONNECT;
		return err_wrap(err, "%s: its host key could not be added", name);
	}
	return err->kind ? -1 : 0;
}

static void look_up(struct ssh_trust *t, const char *key, size_t len, struct known_result *found)
{
	if (!t->known) {
		known_hosts_check(&t->pinned, &t->names, key, len, found);
		return;
	}
	pthread_rwlock_rdlock(&t->known->lock);
	known_hosts_check(&t->known->hosts, &t->names, key, len, found);
	pthread_rwlock_unlock(&t->known->lock);
}

int ssh_judge_host_key(const char *name, const struct ssh_options *o, struct ssh_trust *t,
		       const char *key, size_t len, struct err *err)
{
	struct shown_key shown = { key, len, BUF_INIT, BUF_INIT };
	struct known_result found;
	int rc;

	look_up(t, key, len, &found);
	fingerprint(key, len, &shown.print);
	known_hosts_line(&t->names, key, len, &shown.line);
	rc = judge(name, o, &shown, t, &found, err);
	known_result_release(&found);
	buf_release(&shown.print);
	buf_release(&shown.line);
	return rc;
}

int ssh_check_host_key(struct ssh_session *s, const struct ssh_options *o, struct ssh_trust *t,
		       struct err *err)
{
	const char *key;
	size_t len;
	int type;

	key = libssh2_session_hostkey(s->lib, &len, &type);
	if (!key)
		return ssh_fail(s, 0, "its host key", err);
	return ssh_judge_host_key(s->name, o, t, key, len, err);
}

int ssh_trust_init(struct ssh_trust *t, const struct ssh_options *o, struct err *err)
{
	*t = (struct ssh_trust){ KNOWN_NAMES_INIT, NULL, KNOWN_HOSTS_INIT, STRS_INIT };
	if (o->host_key_alias)
		known_names_add(&t->names, o->host_key_alias, 22);
	else
		known_names_add(&t->names, o->host, o->port ? o->port : 22);
	if (o->alias)
		known_names_add(&t->names, o->alias, o->port ? o->port : 22);
	if (o->host_key) {
		auto_buf struct buf line = BUF_INIT;

		buf_printf(&line, "* %s", o->host_key);
		known_hosts_add_text(&t->pinned, "sshHostKey", buf_str(&line));
		known_hosts_types(&t->pinned, &t->names, &t->types);
		return 0;
	}
	t->known = ssh_share_known(o->share, o->known_hosts, err);
	if (!t->known)
		return -1;
	pthread_rwlock_rdlock(&t->known->lock);
	known_hosts_types(&t->known->hosts, &t->names, &t->types);
	pthread_rwlock_unlock(&t->known->lock);
	return 0;
}

void ssh_trust_release(struct ssh_trust *t)
{
	known_names_release(&t->names);
	known_hosts_release(&t->pinned);
	strs_release(&t->types);
}
