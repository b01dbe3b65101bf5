#define _GNU_SOURCE
#include "remote/fake.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "pki/pki.h"
#include "remote/tar.h"
#include "tmpl/tmpl.h"

struct answer {
	struct answer *next;
	char *match, *out, *err;
	int status;
};

struct file {
	struct file *next;
	char *path;
	struct buf content;
	mode_t mode;
};

struct fake {
	struct remote remote;
	struct answer *answers;
	struct file *files;
	struct strs scripts, puts;
	int fail_in; /* calls; 0: never */
};

static char *copy(const char *s)
{
	char *c = strdup(s ? s : "");

	if (!c)
		abort();
	return c;
}

static void *allocate(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

static struct file *find_file(const struct fake *f, const char *path)
{
	struct file *file = f->files;

	while (file && strcmp(file->path, path))
		file = file->next;
	return file;
}

/* false: it was there just so. */
static bool set_file(struct fake *f, const char *path, const char *data, size_t len, mode_t mode)
{
	struct file *file = find_file(f, path);

	if (file && file->mode == mode && file->content.len == len &&
	    !memcmp(buf_str(&file->content), data, len))
		return false;
	if (!file) {
		file = allocate(sizeof(*file));
		file->path = copy(path);
		file->next = f->files;
		f->files = file;
	}
	buf_clear(&file->content);
	buf_add(&file->content, data, len);
	file->mode = mode;
	return true;
}

/* Reads one word of remote_quote; *at is moved behind it. */
static void unquote(const char **at, struct buf *out)
{
	const char *s = *at;

	while (*s == '\'' || *s == '\\') {
		if (*s == '\\') {
			buf_add(out, s + 1, 1);
			s += 2;
		} else {
			size_t n = strcspn(s + 1, "'");

			buf_add(out, s + 1, n);
			s += n + 2;
		}
	}
	*at = s;
}

static int answer_get(struct fake *f, const char *script, struct buf *out)
{
	const char *at = strstr(script, "set --") + 6;
	char sum[65];

	while (*at == ' ') {
		auto_buf struct buf path = BUF_INIT;
		const struct file *file;

		at++;
		unquote(&at, &path);
		file = find_file(f, buf_str(&path));
		if (file) {
			pki_sha256(buf_str(&file->content), file->content.len, sum);
			buf_printf(out, "file %zu %s\n", file->content.len, sum);
			buf_add(out, buf_str(&file->content), file->content.len);
		} else {
			buf_puts(out, "none\n");
		}
	}
	return 0;
}

static int answer_script(struct fake *f, const char *script, struct remote_result *res,
			 struct err *err)
{
	const struct answer *a = f->answers;

	strs_add(&f->scripts, script);
	while (a && !strstr(script, a->match))
		a = a->next;
	if (!a)
		return err_set(err, ERR_FAILED, "the test taught no answer for this script:\n%s", script);
	buf_puts(&res->out, a->out);
	buf_puts(&res->err, a->err);
	return a->status;
}

/* files: remote-put.sh's, quoted. */
static int answer_put(struct fake *f, const char *files, const char *tar, size_t len, struct buf *out, struct err *err)
{
	auto_buf struct buf list = BUF_INIT;
	struct tar_member m;
	const char *line;
	int rc;

	unquote(&files, &list);
	line = buf_str(&list);
	for (size_t n = 1; (rc = tar_next(&tar, &len, &m, err)) == 1; n++) {
		const char *end = strchr(line, '\n'), *path = strchr(line, '/');
		auto_free char *name = strndup(path, (size_t)(end - path));
		unsigned int mode;

		if (!name || sscanf(line, "%*s %o", &mode) != 1)
			abort();
		strs_add(&f->puts, name);
		if (set_file(f, name, m.data, m.len, mode))
			buf_printf(out, "changed %zu\n", n);
		line = end + 1;
	}
	return rc;
}

/* The frame as templates/remote-run.sh and remote-put.sh write it. */
static int add_framed(const struct remote_exec *e, const char *nonce, int status, int fd,
		      const struct buf *body, struct remote_result *res, struct err *err)
{
	auto_buf struct buf framed = BUF_INIT;

	buf_printf(&framed, "\n%s\n", nonce);
	buf_add(&framed, buf_str(body), body->len);
	buf_printf(&framed, "\n%s %d\n", nonce, status);
	return remote_collect(e, res, fd, framed.data, framed.len, err);
}

static int answer(struct fake *f, const struct remote_exec *e, struct remote_result *body,
		  struct err *err)
{
	const char *input = e->input, *script = strstr(input, "hactl_script="), *dd = strstr(e->command, "dd bs=1 "),
		   *files = strstr(input, "hactl_files=");
	auto_buf struct buf text = BUF_INIT;
	size_t len;

	if (dd && files && sscanf(dd, "dd bs=1 count=%zu", &len) == 1)
		return answer_put(f, files + strlen("hactl_files="), input + len, e->input_len - len, &body->out, err);
	assert(script);
	script += strlen("hactl_script=");
	unquote(&script, &text);
	script = buf_str(&text);
	if (strstr(script, tmpl_text("remote-get.sh")))
		return answer_get(f, script, &body->out);
	if (strstr(script, tmpl_text("remote-same.sh")))
		return 0; /* it has nothing just so, as far as it says */
	return answer_script(f, script, body, err);
}

static int fake_exec(struct remote *r, const struct remote_exec *e, struct remote_result *res,
		     struct err *err)
{
	auto_remote_result struct remote_result body = REMOTE_RESULT_INIT;
	struct fake *f = (struct fake *)r;
	char nonce[65];
	int status;

	if (f->fail_in && !--f->fail_in)
		return err_set(err, ERR_CONNECT, "the connection is lost");
	if (sscanf(e->input, "hactl_nonce=%64s", nonce) != 1)
		abort();
	status = answer(f, e, &body, err);
	if (status < 0 || add_framed(e, nonce, status, 1, &body.out, res, err) < 0 ||
	    add_framed(e, nonce, status, 2, &body.err, res, err) < 0)
		return -1;
	res->status = 0;
	return 0;
}

static void fake_close(struct remote *r)
{
	struct fake *f = (struct fake *)r;

	for (struct answer *a; (a = f->answers);) {
		f->answers = a->next;
		free(a->match);
		free(a->out);
		free(a->err);
		free(a);
	}
	for (struct file *file; (file = f->files);) {
		f->files = file->next;
		free(file->path);
		buf_wipe(&file->content);
		free(file);
	}
	strs_release(&f->scripts);
	strs_release(&f->puts);
	remote_release(r);
	free(f);
}

static int end_hold(const struct answer *a, const struct remote_exec *e, struct remote_result *res, struct err *err)
{
	auto_buf struct buf out = BUF_INIT;
	const struct buf nothing = BUF_INIT;
	char nonce[65];

	if (sscanf(e->input, "hactl_nonce=%64s", nonce) != 1)
		abort();
	buf_puts(&out, a->out);
	if (add_framed(e, nonce, a->status, 1, &out, res, err) < 0 || add_framed(e, nonce, a->status, 2, &nothing, res, err) < 0)
		return -1;
	res->status = 0;
	return 0;
}

/* Whatever it is, it is held, unless the test taught how it ends. */
static int fake_hold(struct remote *r, const struct remote_exec *e, struct remote_result *res, struct err *err)
{
	struct fake *f = (struct fake *)r;

	if (f->fail_in && !--f->fail_in)
		return err_set(err, ERR_CONNECT, "the connection is lost");
	for (const struct answer *a = f->answers; a; a = a->next)
		if (!strcmp(a->match, REMOTE_FAKE_HOLD))
			return end_hold(a, e, res, err);
	buf_puts(&res->out, e->until);
	return 0;
}

static int fake_beat(struct remote *r)
{
	(void)r;
	return 0;
}

struct remote *remote_fake(void)
{
	static const struct remote_ops ops = { .exec = fake_exec, .hold = fake_hold, .beat = fake_beat, .close = fake_close };
	struct fake *f = allocate(sizeof(*f));

	f->remote.ops = &ops;
	return &f->remote;
}

void remote_fake_answer(struct remote *r, const char *match, int status, const char *out,
			const char *err)
{
	struct fake *f = (struct fake *)r;
	struct answer *a = allocate(sizeof(*a));

	*a = (struct answer){ f->answers, copy(match), copy(out), copy(err), status };
	f->answers = a;
}

void remote_fake_fail(struct remote *r, int nth)
{
	((struct fake *)r)->fail_in = nth;
}

void remote_fake_file(struct remote *r, const char *path, const char *text, mode_t mode)
{
	set_file((struct fake *)r, path, text, strlen(text), mode);
}

const char *remote_fake_text(const struct remote *r, const char *path, mode_t *mode)
{
	const struct file *file = find_file((const struct fake *)r, path);

	if (file && mode)
		*mode = file->mode;
	return file ? buf_str(&file->content) : NULL;
}

const struct strs *remote_fake_scripts(const struct remote *r)
{
	return &((const struct fake *)r)->scripts;
}

const struct strs *remote_fake_puts(const struct remote *r)
{
	return &((const struct fake *)r)->puts;
}
