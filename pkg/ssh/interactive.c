/* Passwords: by the method of that name, or as the answer to a question of PAM's. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ssh/login.h"

#define MAX_QUESTION 200
/* PAM takes two seconds to refuse a password, and sshd up to twice as long as PAM. */
#define PAM_MS 10000

/* REFUSED: there is none left; l->unusable says why. */
static enum ssh_step next_password(struct ssh_login *l, struct buf *password, struct err *err)
{
	int64_t paused = ssh_pause();
	auto_err struct err why = ERR_INIT;
	int rc = ssh_secrets_password(l->secrets, &l->password, password, &why);

	ssh_resume(l, paused);
	if (rc == 0) {
		int timeout_ms = ssh_login_timeout(l->o);

		l->s->deadline_ms = clock_ms() + (timeout_ms < PAM_MS ? PAM_MS : timeout_ms);
		return SSH_STEP_TAKEN;
	}
	if (why.kind == ERR_INTERRUPTED)
		return err_set(err, why.kind, "%s", why.msg);
	l->password_given_up = true;
	strs_add(&l->unusable, why.msg);
	return SSH_STEP_REFUSED;
}

static void settle(struct ssh_login *l, enum ssh_step step)
{
	bool taken = step == SSH_STEP_TAKEN || step == SSH_STEP_PARTIAL || l->expired;

	ssh_secrets_settle(l->secrets, &l->password, taken ? SSH_PASSWORD_TAKEN :
			   step == SSH_STEP_REFUSED ? SSH_PASSWORD_REFUSED : SSH_PASSWORD_UNTRIED);
	if (step != SSH_STEP_REFUSED || l->expired)
		return;
	l->secret_refused = true;
	if (l->password.value || l->password.file)
		l->password_given_up = true;
}

/* libssh2 has one error for refused and for taken with more to follow, and with
 * keyboard-interactive for a lost connection too: the methods that sshd still takes tell. */
static enum ssh_step judge(struct ssh_login *l, const char *method, long rc, struct err *err)
{
	struct ssh_session *s = l->s;

	if (!rc)
		return SSH_STEP_TAKEN;
	if (s->end != SSH_ALIVE)
		return ssh_fail(s, rc, "login", err);
	if (rc != LIBSSH2_ERROR_AUTHENTICATION_FAILED)
		return SSH_STEP_GONE;
	l->now.failures++;
	if (ssh_login_methods(l) < 0)
		return ssh_login_was_slow(l) ? SSH_STEP_GONE : SSH_STEP_REFUSED;
	return ssh_login_takes(l, method) ? SSH_STEP_REFUSED : SSH_STEP_PARTIAL;
}

enum ssh_step ssh_login_password(struct ssh_login *l, struct err *err)
{
	auto_wipe struct buf password = BUF_INIT;
	struct ssh_session *s = l->s;
	enum ssh_step step = next_password(l, &password, err);
	long rc;

	if (step != SSH_STEP_TAKEN)
		return step;
	l->now.requests++;
	rc = SSH_RETRY(s, libssh2_userauth_password_ex(s->lib, s->user, (unsigned int)strlen(s->user), password.data,
						       (unsigned int)password.len, NULL));
	l->expired = l->expired || rc == LIBSSH2_ERROR_PASSWORD_EXPIRED;
	step = judge(l, "password", rc, err);
	settle(l, step);
	return step;
}

/* ---- keyboard-interactive: libssh2 calls back with sshd's questions, also with none ---- */

/* PAM's pam_unix, pam_pwquality and their like. */
static bool is_about_a_new_password(const char *question)
{
	return strcasestr(question, "new password") || strcasestr(question, "new unix password") ||
	       strcasestr(question, "change your password");
}

/* A code or the like: a person's, and for this login alone. */
static int ask(struct ssh_login *l, const char *question, bool echo, struct buf *answer)
{
	auto_buf struct buf prompt = BUF_INIT;
	int64_t paused = ssh_pause();
	int rc;

	buf_printf(&prompt, "%s asks: %s", l->s->name, question);
	if (!ssh_secrets_can_ask(l->secrets))
		rc = err_set(&l->why, ERR_CONNECT, "sshd asks '%s' and there is no terminal to pass that on", question);
	else
		rc = ssh_secrets_ask(l->secrets, buf_str(&prompt), echo, answer, &l->why);
	ssh_resume(l, paused);
	return rc;
}

/* The first question without echo is for the password. */
static int answer(struct ssh_login *l, const char *question, bool echo, struct buf *out)
{
	enum ssh_step step;

	l->expired = l->expired || is_about_a_new_password(question);
	if (l->expired)
		return -1;
	if (echo || l->hidden++ || l->password_tried)
		return ask(l, question, echo, out);
	step = next_password(l, out, &l->why);
	l->password_tried = step == SSH_STEP_TAKEN;
	if (step == SSH_STEP_REFUSED)
		err_set(&l->why, ERR_CONNECT, "%s", l->unusable.v[l->unusable.n - 1]);
	return step == SSH_STEP_TAKEN ? 0 : -1;
}

static char *question_of(const LIBSSH2_USERAUTH_KBDINT_PROMPT *p)
{
	size_t n = p->length < MAX_QUESTION ? p->length : MAX_QUESTION;
	char *text = strndup((const char *)p->text, n);

	if (!text)
		abort();
	return text;
}

static void respond(const char *name, int name_len, const char *instruction, int instruction_len, int n,
		    const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses,
		    void **abstract)
{
	struct ssh_session *s = *abstract;
	struct ssh_login *l = s->login;

	(void)name;
	(void)name_len;
	(void)instruction;
	(void)instruction_len;
	for (int i = 0; i < n && !l->why.msg && !l->expired; i++) {
		auto_free char *question = question_of(&prompts[i]);
		struct buf out = BUF_INIT;

		if (answer(l, question, prompts[i].echo, &out) < 0) {
			buf_wipe(&out);
			break;
		}
		responses[i].length = (unsigned int)out.len;
		responses[i].text = buf_detach(&out); /* libssh2 frees it */
	}
}

enum ssh_step ssh_login_interactive(struct ssh_login *l, struct err *err)
{
	struct ssh_session *s = l->s;
	enum ssh_step step;
	long rc;

	l->hidden = 0;
	l->password_tried = false;
	l->now.requests++;
	rc = SSH_RETRY(s, libssh2_userauth_keyboard_interactive_ex(s->lib, s->user, (unsigned int)strlen(s->user),
								   respond));
	step = judge(l, "keyboard-interactive", rc, err);
	if (l->password_tried)
		settle(l, step);
	if (l->why.kind == ERR_INTERRUPTED && step != SSH_STEP_FAILED)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (step == SSH_STEP_REFUSED && l->why.msg && !strs_has(&l->unusable, l->why.msg))
		strs_add(&l->unusable, l->why.msg);
	if (step == SSH_STEP_REFUSED && (l->why.msg || l->expired || !l->password_tried)) /* another try would go the same way */
		l->password_given_up = true;
	err_clear(&l->why);
	return step;
}
