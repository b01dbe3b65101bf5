#define _GNU_SOURCE
#include "ssh/login.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* sshd hangs up at the sixth failure (MaxAuthTries). */
#define PATIENCE 5
/* A password that is refused costs as much: itself, and the question what is taken then. */
#define PASSWORD_COST 2
#define MAX_RECONNECTS 4
/* LoginGraceTime is 120 s by default, and may be less. */
#define SLOW_ANSWER_MS 5000

#define HOW_TO_GIVE "set ssh.passwordFile or ssh.passwordEnv, or ssh-add a key that the node takes"

int64_t ssh_pause(void)
{
	return clock_ms();
}

void ssh_resume(struct ssh_login *l, int64_t paused)
{
	int64_t took = clock_ms() - paused;

	l->now.asked_ms += took;
	l->s->deadline_ms += took;
	l->s->heard_ms += took;
	l->s->listened_ms += took;
}

bool ssh_login_was_slow(const struct ssh_login *l)
{
	return l->now.asked_ms >= SLOW_ANSWER_MS;
}

/* libssh2 keeps the last list to its end, but forgets those before. */
int ssh_login_methods(struct ssh_login *l)
{
	struct ssh_session *s = l->s;
	char *list;

	if (l->methods_owned)
		libssh2_free(s->lib, TAKE(l->methods_owned));
	if (l->now.requests++)
		l->now.failures++;
	do
		list = libssh2_userauth_list(s->lib, s->user, (unsigned int)strlen(s->user));
	while (!list && ssh_again(libssh2_session_last_errno(s->lib)) && !ssh_wait(s));
	l->now.gone = !list;
	if (!list)
		return -1;
	l->methods_owned = list;
	free(l->methods);
	l->methods = strdup(list);
	if (!l->methods)
		abort();
	return 0;
}

bool ssh_login_takes(const struct ssh_login *l, const char *method)
{
	size_t n = strlen(method);

	for (const char *at = l->methods; at && *at; at += strcspn(at, ",")) {
		at += *at == ',';
		if (strcspn(at, ",") == n && !memcmp(at, method, n))
			return true;
	}
	return false;
}

static enum ssh_step reconnect(struct ssh_login *l, struct err *err)
{
	l->reconnects++;
	memset(&l->now, 0, sizeof(l->now));
	free(TAKE(l->methods));
	l->methods_owned = NULL;
	ssh_login_renew_keys(l, SSH_ID_TAKEN); /* half a login is lost */
	if (ssh_reconnect(l->s, l->o, err) < 0)
		return SSH_STEP_FAILED;
	return ssh_login_methods(l) < 0 ? SSH_STEP_GONE : SSH_STEP_REFUSED;
}

/* Too many failures, or too much time: a new connection has new patience. */
static enum ssh_step hung_up(struct ssh_login *l, struct err *err)
{
	struct ssh_session *s = l->s;

	if (libssh2_userauth_authenticated(s->lib))
		return SSH_STEP_TAKEN;
	if (s->end != SSH_ALIVE)
		return ssh_fail(s, LIBSSH2_ERROR_SOCKET_DISCONNECT, "login", err);
	if (l->reconnects == MAX_RECONNECTS || (!ssh_login_was_slow(l) && !l->now.failures))
		return err_set(err, ERR_CONNECT,
			       "%s: sshd hung up during the login: has the account of '%s' expired (chage -l %s), or has "
			       "sshd had too many attempts (MaxAuthTries)? its log on the node tells",
			       s->name, s->user, s->user);
	if (ssh_login_was_slow(l))
		ssh_login_renew_keys(l, SSH_ID_REFUSED);
	else
		l->patience = l->now.failures;
	return reconnect(l, err);
}

static bool password_is_left(const struct ssh_login *l)
{
	return !l->password_given_up && !l->expired;
}

static bool is_given(const struct ssh_password *p)
{
	return p->value || p->file;
}

static bool password_can_be_had(const struct ssh_login *l)
{
	return password_is_left(l) && (is_given(&l->password) ? !l->password.tries : ssh_secrets_can_ask(l->secrets));
}

static bool has_patience(const struct ssh_login *l, int cost)
{
	return !l->now.failures || l->now.failures + cost <= l->patience || l->reconnects == MAX_RECONNECTS;
}

/* One attempt by what sshd takes now; *left: there was one to make.  Asking what it takes costs a
 * round trip, so a key is offered first. */
static enum ssh_step attempt(struct ssh_login *l, bool *left, struct err *err)
{
	bool key = ssh_login_has_key(l), guess = !l->methods && !l->now.requests && key;
	bool password = ssh_login_takes(l, "password");

	if (!l->methods && !guess)
		return ssh_login_methods(l) < 0 ? SSH_STEP_GONE : SSH_STEP_REFUSED;
	if (key && (guess || ssh_login_takes(l, "publickey")))
		return has_patience(l, 1) ? ssh_login_publickey(l, err) : reconnect(l, err);
	if (password_is_left(l) && (password || ssh_login_takes(l, "keyboard-interactive"))) {
		if (password_can_be_had(l) && !has_patience(l, PASSWORD_COST))
			return reconnect(l, err);
		return password ? ssh_login_password(l, err) : ssh_login_interactive(l, err);
	}
	*left = false;
	return SSH_STEP_REFUSED;
}

/* TAKEN, FAILED, or REFUSED when nothing is left to try. */
static enum ssh_step log_in(struct ssh_login *l, struct err *err)
{
	for (bool left = true; left;) {
		enum ssh_step step = attempt(l, &left, err);

		if (step == SSH_STEP_PARTIAL)
			ssh_login_renew_keys(l, SSH_ID_REFUSED);
		if (step == SSH_STEP_GONE || (l->now.gone && (ssh_login_has_key(l) || password_can_be_had(l))))
			step = hung_up(l, err);
		if (step == SSH_STEP_FAILED || step == SSH_STEP_TAKEN)
			return step;
	}
	return SSH_STEP_REFUSED;
}

/* ---- why it was refused ---- */

static void say_tried(const struct ssh_login *l, struct buf *b)
{
	auto_free char *taken = strs_join(&l->taken, ", "), *refused = strs_join(&l->refused, ", ");

	if (l->expired) {
		buf_printf(b, "login refused: the password of '%s' has expired", l->s->user);
		return;
	}
	if (!l->refused.n && !l->taken.n && !l->secret_refused) {
		buf_puts(b, "there is no key to log in with");
		return;
	}
	buf_puts(b, "login refused: sshd ");
	if (l->taken.n)
		buf_printf(b, "takes %s, but wants more%s", taken, l->refused.n || l->secret_refused ? ", and " : "");
	if (l->refused.n)
		buf_printf(b, "takes none of the keys %s%s", refused, l->secret_refused ? ", nor " : "");
	else if (l->secret_refused)
		buf_puts(b, "does not take ");
	if (l->secret_refused && l->password.file)
		buf_printf(b, "the password in '%s'", l->password.file);
	else if (l->secret_refused)
		buf_printf(b, "the password%s", l->password.value ? " that was given" : "");
}

static void say_why_not_tried(const struct ssh_login *l, struct buf *b)
{
	const struct strs *reasons[] = { &l->ids.unusable, &l->unusable };
	bool any = l->refused.n || l->taken.n || l->secret_refused || l->expired;

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < reasons[i]->n; j++, any = true)
			buf_printf(b, "%s%s", any ? "; " : ": ", reasons[i]->v[j]);
	if (l->methods)
		buf_printf(b, " (it takes %s)", l->methods);
}

static void say_next(const struct ssh_login *l, struct buf *b)
{
	const struct ssh_session *s = l->s;

	if (l->expired)
		buf_printf(b, "; log in once with ssh -p %d %s@%s and change the password", s->port, s->user, s->host);
	else if (l->secret_refused && !strcmp(s->user, "root"))
		buf_puts(b, "; does sshd let root in by password (PermitRootLogin yes), and is the account not locked "
			    "(passwd -S root)?");
	else if (l->secret_refused)
		buf_printf(b, "; is '%s' the right user (ssh.user), and is the account not locked (passwd -S %s)?",
			   s->user, s->user);
	else if (l->refused.n)
		buf_printf(b, "; is '%s' the right user (ssh.user), is the account not locked, and has it one of the keys "
			      "in its authorized_keys (ssh-copy-id -p %d %s@%s)?", s->user, s->port, s->user, s->host);
	else if (!l->taken.n)
		buf_puts(b, "; set ssh.identityFile, or start ssh-agent and ssh-add a key");
}

/* Methods that libssh2 does not have, as gssapi-with-mic. */
static bool takes_only_foreign(const struct ssh_login *l)
{
	return l->methods && *l->methods && !ssh_login_takes(l, "publickey") && !ssh_login_takes(l, "password") &&
	       !ssh_login_takes(l, "keyboard-interactive");
}

static int refused(struct ssh_login *l, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	bool foreign = l->ids.foreign || takes_only_foreign(l);

	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	say_tried(l, &b);
	say_why_not_tried(l, &b);
	say_next(l, &b);
	if (foreign)
		buf_puts(&b, "; OpenSSH may be able to (ssh.transport: openssh)");
	if (l->o->refusal)
		l->o->refusal->login = true;
	if (foreign && l->o->unsupported)
		*l->o->unsupported = true;
	return err_set(err, ERR_CONNECT, "%s: %s", l->s->name, buf_str(&b));
}

static void login_release(struct ssh_login *l)
{
	l->s->login = NULL;
	ssh_identities_release(&l->ids);
	free(l->methods);
	strs_release(&l->taken);
	strs_release(&l->refused);
	strs_release(&l->unusable);
	err_clear(&l->why);
	if (!l->o->secrets)
		ssh_secrets_free(l->secrets);
}

int ssh_login(struct ssh_session *s, const struct ssh_options *o, struct err *err)
{
	auto_free char *what = NULL;
	struct ssh_login l = { .s = s, .o = o, .patience = PATIENCE,
			       .password_given_up = o->keys_only,
			       .secrets = o->secrets ? o->secrets : ssh_secrets_new(NULL) };
	enum ssh_step step;

	if (asprintf(&what, "password for %s", o->user) < 0)
		abort();
	l.password = (struct ssh_password){ .what = what, .place = s->name, .value = o->password,
					    .file = o->password ? NULL : o->password_file, .hint = HOW_TO_GIVE };
	s->login = &l;
	ssh_identities_find(&l.ids, o, ssh_secrets_keyring(l.secrets), s->deadline_ms);
	step = log_in(&l, err);
	if (step == SSH_STEP_REFUSED)
		(void)!refused(&l, err);
	login_release(&l);
	return step == SSH_STEP_TAKEN ? 0 : -1;
}
