#define _GNU_SOURCE
#include "remote/root.h"

#include <string.h>

#include "tmpl/tmpl.h"

static const struct {
	const char *word;   /* as templates/remote-root.sh tells it */
	const char *prefix; /* of the shell that is to be root, once the way is known */
} ways[] = {
	[REMOTE_PLAIN] = { "root", "" },
	[REMOTE_SUDO] = { "sudo", "sudo -n " },
	/* -k: a sudo that still knows the user would leave the password to the script */
	[REMOTE_SUDO_PASSWORD] = { "password", "sudo -k -S -p '' " },
	[REMOTE_DOAS] = { "doas", "doas -n " },
};

void remote_release(struct remote *r)
{
	buf_wipe(&r->taken);
}

/* A shell reads more of stdin than it runs, so data cannot follow a script of `sh -s`.  dd takes
 * exactly the script, and leaves an argument that every login shell, csh and fish included, takes
 * alike.  A dd without fullblock refuses before it reads; one by one, bytes cost a node as much
 * as three processes. */
static void add_eval(struct buf *command, size_t len)
{
	buf_printf(command,
		   "sh -c 'hactl=$(dd bs=%zu count=1 iflag=fullblock 2>/dev/null) || "
		   "hactl=$(dd bs=1 count=%zu 2>/dev/null); eval \"$hactl\"'",
		   len, len);
}

/* The line that sudo -S reads, so many times; password NULL: nothing. */
static void add_password(struct buf *input, const struct buf *password, int times)
{
	while (password && times--) {
		buf_add(input, buf_str(password), password->len);
		buf_puts(input, "\n");
	}
}

/* password: the one to try; NULL: none. */
static void compose_search(const struct remote *r, const struct frame *f, const struct buf *password,
			   size_t script_len, struct buf *command, struct buf *input)
{
	static const char *const hows[] = { "none", "auto", "sudo", "doas" };
	auto_buf struct buf search = BUF_INIT;

	buf_printf(&search, "hactl_nonce=%s hactl_how=%s hactl_password=%zu hactl_script=%zu\n%s", f->nonce,
		   hows[r->root], password ? password->len + 1 : 0, script_len, tmpl_text("remote-root.sh"));
	buf_puts(command, "exec ");
	add_eval(command, search.len);
	buf_puts(input, buf_str(&search));
	add_password(input, password, 2);
}

static void compose_known(const struct remote *r, size_t script_len, struct buf *command,
			  struct buf *input)
{
	buf_printf(command, "exec %s", ways[r->way].prefix);
	if (script_len)
		add_eval(command, script_len);
	else
		buf_puts(command, "sh -s");
	add_password(input, r->way == REMOTE_SUDO_PASSWORD ? &r->taken : NULL, 1);
}

/* 0: the shell ran, or not as explained; 1: sudo wants a password. */
static int attempt(struct remote *r, const struct frame *f, struct remote_exec *e, const struct buf *body,
		   size_t script_len, const struct buf *password, struct remote_result *res,
		   struct err *err)
{
	auto_buf struct buf command = BUF_INIT;
	auto_wipe struct buf input = BUF_INIT;

	buf_reserve(&input, body->len + strlen(tmpl_text("remote-root.sh")) + 256 +
		    2 * (password ? password->len + 1 : 0) + r->taken.len + 1);
	if (r->way == REMOTE_UNKNOWN)
		compose_search(r, f, password, script_len, &command, &input);
	else
		compose_known(r, script_len, &command, &input);
	buf_add(&input, buf_str(body), body->len);
	e->command = buf_str(&command);
	e->input = input.data;
	e->input_len = input.len;
	remote_result_release(res);
	if (r->ops->exec(r, e, res, err) < 0)
		return -1;
	if (r->way != REMOTE_UNKNOWN)
		return 0;
	for (enum remote_way way = REMOTE_PLAIN; way <= REMOTE_DOAS; way++)
		if ((way == REMOTE_SUDO_PASSWORD) == !!password && frame_tells(f, res, ways[way].word))
			r->way = way;
	return r->way == REMOTE_UNKNOWN && frame_tells(f, res, "password");
}

/* Tries one password; *again: it was refused, and another one may be right. */
static int try_password(struct remote *r, const struct frame *f, struct remote_exec *e,
			const struct buf *body, size_t script_len, struct remote_result *res, bool *again,
			struct err *err)
{
	auto_wipe struct buf password = BUF_INIT;
	int rc;

	if (r->password->get(r->password->ctx, &password, err) < 0)
		return err_wrap(err, "sudo wants a password");
	if (memchr(buf_str(&password), '\n', password.len))
		rc = err_set(err, ERR_FAILED, "the password for sudo must be one line");
	else
		rc = attempt(r, f, e, body, script_len, &password, res, err);
	if (rc >= 0 && r->way == REMOTE_SUDO_PASSWORD) {
		r->taken = password;
		password = (struct buf)BUF_INIT;
	}
	*again = rc >= 0 && r->way == REMOTE_UNKNOWN && memmem(buf_str(&res->err), res->err.len, "incorrect password", 18);
	r->password->settle(r->password->ctx, r->way == REMOTE_SUDO_PASSWORD);
	return rc < 0 ? -1 : 0;
}

int root_exec(struct remote *r, const struct frame *f, struct remote_exec *e, const struct buf *body,
	      size_t script_len, struct remote_result *res, struct err *err)
{
	bool again;
	int rc;

	if (r->root == REMOTE_ROOT_NONE)
		r->way = REMOTE_PLAIN;
	rc = attempt(r, f, e, body, script_len, NULL, res, err);
	for (again = rc == 1 && r->password; again && rc >= 0;)
		rc = try_password(r, f, e, body, script_len, res, &again, err);
	return rc < 0 ? -1 : frame_strip(f, res, err);
}

int root_hold(struct remote *r, struct remote_exec *e, const struct buf *script,
	      struct remote_result *res, struct err *err)
{
	auto_buf struct buf command = BUF_INIT;
	auto_wipe struct buf input = BUF_INIT;

	buf_reserve(&input, script->len + r->taken.len + 2);
	compose_known(r, script->len, &command, &input);
	buf_add(&input, buf_str(script), script->len);
	e->command = buf_str(&command);
	e->input = input.data;
	e->input_len = input.len;
	return r->ops->hold(r, e, res, err);
}
