#define _GNU_SOURCE
#include "remote/frame.h"

#include <ctype.h>
#include <string.h>

#include "pki/pki.h"

/* Longer lines are handed on in pieces. */
#define MAX_LINE 65536

int frame_init(struct frame *f, struct err *err)
{
	return pki_random_text(f->nonce, sizeof(f->nonce) - 1, err);
}

void frame_last_lines(const struct buf *text, struct buf *out)
{
	const char *s = buf_str(text), *end = s + text->len, *at;
	int lines = 0;

	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	for (at = end; at > s && end - at < 400; at--)
		if (at[-1] == '\n' && ++lines == 3)
			break;
	while (at < end && isspace((unsigned char)*at))
		at++;
	for (; at < end; at++) {
		if (*at == '\n')
			buf_puts(out, "; ");
		else if (*at != '\r')
			buf_add(out, iscntrl((unsigned char)*at) ? "?" : at, 1);
	}
}

#define DOAS_PASSWORD "doas asks for a password, which it takes from a terminal only: permit the user 'nopass' in doas.conf, or log in as root"

/* Of sudo, doas, templates/remote-root.sh and login shells; the first that fits. */
static const struct refusal {
	const char *said, *means;
} refusals[] = {
	{ "must have a tty",
	  "sudo wants a terminal: remove 'requiretty' for the user from sudoers, or log in as root" },
	{ "not in the sudoers", "the user may not use sudo: add it to sudoers, or log in as root" },
	{ "not allowed to execute", "sudo does not allow the user 'sh': change sudoers, or log in as root" },
	{ "may not run sudo", "the user may not use sudo: add it to sudoers, or log in as root" },
	{ "password is expired",
	  "the user's password or account has expired, so sudo refuses it: log in by hand and renew it" },
	{ "is your account locked",
	  "the user's account is locked, so sudo refuses it: unlock it, or log in as root" },
	{ "incorrect password attempt", "sudo refuses the password: is it that of the user on this node?" },
	{ "a password is required",
	  "sudo asks for a password: set ssh.sudoPasswordFile, let the user run everything with "
	  "NOPASSWD, or log in as root" },
	{ "sudo: not found", "sudo is missing: install it, or log in as root" },
	{ "doas: not found", "doas is missing: install it, or log in as root" },
	{ "neither sudo nor doas", "the user is not root and cannot become it: install sudo, or log in as root" },
	{ "doas: Authorization required", DOAS_PASSWORD },
	{ "doas: Authentication required", DOAS_PASSWORD }, /* opendoas 6.8 */
	{ "doas: Operation not permitted",
	  "doas does not permit the user to become root: add it to doas.conf, or log in as root" },
	{ "doas is not enabled", "doas has no doas.conf: write one, or log in as root" },
	{ "account is currently not available",
	  "the user may not log in (its shell is nologin): log in as another one, or give it a shell" },
	{ "allows sftp connections only",
	  "the login is forced to sftp: take the user out of ForceCommand, or choose another one" },
	{ "password has expired", "the user's password has expired: log in by hand and change it" },
};

static int explain_no_start(const struct remote_result *res, struct err *err)
{
	auto_buf struct buf said = BUF_INIT;

	frame_last_lines(res->err.len ? &res->err : &res->out, &said);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		if (strstr(buf_str(&said), refusals[i].said))
			return err_set(err, ERR_CONNECT, "%s (the node said '%s')",
				       refusals[i].means, buf_str(&said));
	if (!said.len)
		return err_set(err, ERR_CONNECT,
			       "the login runs no commands: it ended with status %d and said nothing; is the user's "
			       "shell /bin/false, or has it a forced command?", res->status);
	return err_set(err, ERR_CONNECT,
		       "the login runs no commands: status %d and '%s' instead of a shell; look for a "
		       "forced command or a special login shell",
		       res->status, buf_str(&said));
}

bool frame_tells(const struct frame *f, const struct remote_result *res, const char *word)
{
	auto_buf struct buf line = BUF_INIT;

	buf_printf(&line, "\n%s:%s\n", f->nonce, word);
	return memmem(buf_str(&res->out), res->out.len, line.data, line.len);
}

static int explain_no_end(const struct remote_result *res, struct err *err)
{
	auto_buf struct buf said = BUF_INIT;

	frame_last_lines(&res->err, &said);
	return err_set(err, ERR_REMOTE,
		       "the shell ended before its script, with status %d%s%s%s; was it killed, or the "
		       "node out of memory?",
		       res->status, said.len ? " and '" : "", buf_str(&said), said.len ? "'" : "");
}

static void cut(struct buf *b, size_t from, size_t len)
{
	memmove(b->data, b->data + from, len);
	b->len = len;
	b->data[len] = '\0';
}

/* Cuts what stands before the first nonce and after the last; *trailer is its status, or -1. */
static bool strip_stream(const struct frame *f, struct buf *b, int *trailer)
{
	auto_buf struct buf start = BUF_INIT, end = BUF_INIT;
	const char *at, *from, *last = NULL;

	*trailer = -1;
	buf_printf(&start, "\n%s\n", f->nonce);
	buf_printf(&end, "\n%s ", f->nonce);
	at = memmem(buf_str(b), b->len, start.data, start.len);
	if (!at)
		return false;
	from = at + start.len;
	for (at = from; (at = memmem(at, (size_t)(b->data + b->len - at), end.data, end.len)); at++)
		last = at;
	if (last)
		*trailer = atoi(last + end.len);
	cut(b, (size_t)(from - b->data), (size_t)((last ? last : b->data + b->len) - from));
	return true;
}

int frame_strip(const struct frame *f, struct remote_result *res, struct err *err)
{
	int trailer, ignored;

	if (!strip_stream(f, &res->out, &trailer))
		return explain_no_start(res, err);
	strip_stream(f, &res->err, &ignored);
	if (trailer < 0)
		return explain_no_end(res, err);
	res->status = trailer;
	return 0;
}

static void end_line(struct frame_lines *l, struct frame_stream *s, int fd)
{
	const char *line = buf_str(&s->line);
	size_t n = strlen(l->frame->nonce);
	bool is_nonce = !strncmp(line, l->frame->nonce, n);

	if (is_nonce) {
		s->begun = !line[n];
		s->blank = false;
	} else if (s->begun) {
		if (s->blank)
			l->on_line(l->ctx, fd, "");
		s->blank = !s->line.len;
		if (!s->blank)
			l->on_line(l->ctx, fd, line);
	}
	buf_clear(&s->line);
}

void frame_output(void *ctx, int fd, const char *data, size_t len)
{
	struct frame_lines *l = ctx;
	struct frame_stream *s = &l->streams[fd == 2];
	const char *end = data + len, *newline;

	for (; data < end; data = newline + 1) {
		newline = memchr(data, '\n', (size_t)(end - data));
		buf_add(&s->line, data, (size_t)((newline ? newline : end) - data));
		if (newline || s->line.len > MAX_LINE)
			end_line(l, s, fd);
		if (!newline)
			break;
	}
}

void frame_lines_release(struct frame_lines *l)
{
	buf_wipe(&l->streams[0].line);
	buf_wipe(&l->streams[1].line);
}
