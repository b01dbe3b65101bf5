#define _GNU_SOURCE
#include "remote/remote.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pki/pki.h"
#include "remote/log.h"
#include "remote/root.h"
#include "remote/tar.h"
#include "tmpl/tmpl.h"

#define MAX_PATH 4095
#define PUT_TIMEOUT_MS 300000
#define PUT_MAX_OUTPUT (1 << 20)
/* To ask first costs a round trip or two and some processes there: as much as sending so much. */
#define ASK_FROM (256 << 10)
#define LACKS_TOOLS 69 /* what remote-put.sh says then; EX_UNAVAILABLE */

/* A path stands on a line of its own in the manifest. */
static int check_path(const char *path, struct err *err)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len > MAX_PATH || path[len - 1] == '/' || strchr(path, '\n'))
		return err_set(err, ERR_FAILED,
			       "'%s' is no path of a file: it must begin with '/', not end with it, and "
			       "stay on one line",
			       path);
	return 0;
}

/* A line for each, as remote-put.sh takes it. */
static void write_manifest(const struct remote_file *files, size_t n, struct buf *out)
{
	char sum[65];

	for (size_t i = 0; i < n; i++) {
		pki_sha256(files[i].data, files[i].len, sum);
		buf_printf(out, "%s %o %s\n", sum, files[i].mode & 07777, files[i].path);
	}
}

/* As remote-put-plain.sh and remote-same.sh take it. */
static void write_long_manifest(const struct remote_file *files, const char *const *backups, size_t n,
				struct buf *out)
{
	char sum[65];

	for (size_t i = 0; i < n; i++) {
		pki_sha256(files[i].data, files[i].len, sum);
		buf_printf(out, "%s %o %zu\n%s\n%s\n", sum, files[i].mode & 07777, files[i].len,
			   files[i].path, backups && backups[i] ? backups[i] : "");
	}
}

/* The length of its directory, with the slash. */
static size_t dir_len(const char *path)
{
	return (size_t)(strrchr(path, '/') + 1 - path);
}

/* Is the directory of one the same as that of another, or above it? */
static bool holds(const char *path, const char *other)
{
	return !strncmp(path, other, dir_len(path));
}

/* Which file's directory is the root of files[i], the topmost of theirs: remote-put.sh says why. */
static const char *root_of(const struct remote_file *files, size_t n, size_t i)
{
	const char *root = files[i].path;

	for (size_t j = 0; j < n; j++)
		if (holds(files[j].path, root))
			root = files[j].path;
	return root;
}

static void write_roots(const struct remote_file *files, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const char *root = root_of(files, n, i);
		size_t first = 0;

		while (!holds(root, files[first].path))
			first++;
		if (first == i) {
			buf_add(out, root, dir_len(root));
			buf_puts(out, "\n");
		}
	}
}

/* Where a file lies on the node until all are there, below '/'. */
static void stage_name(const char *path, const char *root, const char *nonce, struct buf *out)
{
	size_t len = dir_len(root);

	buf_clear(out);
	buf_add(out, path + 1, len - 1);
	buf_printf(out, ".hactl.%s/%s", nonce, path + len);
}

static void write_script(const char *nonce, const struct remote_file *files, size_t n, struct buf *out)
{
	auto_buf struct buf manifest = BUF_INIT, roots = BUF_INIT;

	write_manifest(files, n, &manifest);
	write_roots(files, n, &roots);
	buf_printf(out, "hactl_nonce=%s hactl_files=", nonce);
	remote_quote(out, buf_str(&manifest));
	buf_puts(out, " hactl_roots=");
	remote_quote(out, buf_str(&roots));
	buf_printf(out, "\n%s", tmpl_text("remote-put.sh"));
}

/* The script and the tar stream, in a buffer that is reserved first: it holds secrets. */
static void write_stream(const char *script, const char *nonce, const struct remote_file *files, size_t n,
			 struct buf *out)
{
	size_t size = strlen(script) + TAR_SIZE_END;
	auto_buf struct buf name = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		size += tar_size(strlen(files[i].path) + strlen(nonce) + 16, files[i].len);
	buf_reserve(out, size);
	buf_puts(out, script);
	for (size_t i = 0; i < n; i++) {
		stage_name(files[i].path, root_of(files, n, i), nonce, &name);
		tar_add(out, buf_str(&name), files[i].mode & 07777, files[i].data, files[i].len);
	}
	tar_end(out);
}

static void note_changed(const char *out, const struct remote_file *files, size_t n,
			 struct strs *changed)
{
	const char *line = out;

	for (unsigned long i; changed && line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "changed %lu", &i) == 1 && i >= 1 && i <= n)
			strs_add(changed, files[i - 1].path);
	}
}

static int put_result(const struct remote_result *res, struct err *err)
{
	auto_buf struct buf said = BUF_INIT;

	if (!res->status)
		return 0;
	frame_last_lines(&res->err, &said);
	return err_set(err, ERR_REMOTE, "no file was written: %s (status %d)",
		       said.len ? buf_str(&said) : "the node said nothing", res->status);
}

static void list_files(const struct remote_file *files, size_t n, struct buf *out)
{
	buf_puts(out, "put");
	for (size_t i = 0; i < n; i++)
		buf_printf(out, " %s (%zu bytes)", files[i].path, files[i].len);
}

/* root_exec for a put, which is told to the log. */
static int exec_put(struct remote *r, const struct remote_file *files, size_t n, const struct frame *frame,
		    const struct buf *stream, size_t script_len, struct remote_result *res, struct err *err)
{
	struct remote_exec e = { .timeout_ms = PUT_TIMEOUT_MS, .max_output = PUT_MAX_OUTPUT };
	auto_buf struct buf what = BUF_INIT;
	struct log_call call;

	list_files(files, n, &what);
	log_begin(&call, r, buf_str(&what), NULL);
	return log_end(&call, root_exec(r, frame, &e, stream, script_len, res, err), res, err);
}

/* *lacks: the machine has not what it takes, and nothing was done. */
static int put_fast(struct remote *r, const struct remote_file *files, size_t n, struct strs *changed,
		    bool *lacks, struct err *err)
{
	auto_buf struct buf script = BUF_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_wipe struct buf stream = BUF_INIT;
	struct frame frame;

	if (frame_init(&frame, err) < 0)
		return -1;
	write_script(frame.nonce, files, n, &script);
	write_stream(buf_str(&script), frame.nonce, files, n, &stream);
	if (exec_put(r, files, n, &frame, &stream, script.len, &res, err) < 0)
		return -1;
	*lacks = res.status == LACKS_TOOLS;
	if (*lacks)
		return 0;
	note_changed(buf_str(&res.out), files, n, changed);
	return put_result(&res, err);
}

/* backups: as of remote_put_keeping; or NULL. */
static int put_plain(struct remote *r, const struct remote_file *files, const char *const *backups,
		     size_t n, struct strs *changed, struct err *err)
{
	auto_buf struct buf manifest = BUF_INIT, script = BUF_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_wipe struct buf stream = BUF_INIT;
	struct frame frame;
	size_t size = 0;

	if (frame_init(&frame, err) < 0)
		return -1;
	write_long_manifest(files, backups, n, &manifest);
	buf_printf(&script, "hactl_nonce=%s hactl_manifest=%zu\n%s", frame.nonce, manifest.len,
		   tmpl_text("remote-put-plain.sh"));
	for (size_t i = 0; i < n; i++)
		size += files[i].len;
	buf_reserve(&stream, script.len + manifest.len + size + 1);
	buf_add(&stream, script.data, script.len);
	buf_add(&stream, manifest.data, manifest.len);
	for (size_t i = 0; i < n; i++)
		buf_add(&stream, files[i].data, files[i].len);
	if (exec_put(r, files, n, &frame, &stream, script.len, &res, err) < 0 || put_result(&res, err) < 0)
		return -1;
	note_changed(buf_str(&res.out), files, n, changed);
	return 0;
}

static int send_files(struct remote *r, const struct remote_file *files, size_t n,
		      struct strs *changed, struct err *err)
{
	bool lacks = false;

	if (put_fast(r, files, n, changed, &lacks, err) < 0)
		return -1;
	return lacks ? put_plain(r, files, NULL, n, changed, err) : 0;
}

/* Leaves out of wanted, a copy of files, what the machine has just so; *n is how many are left. */
static int leave_out_equal(struct remote *r, struct remote_file *wanted, size_t *n, struct err *err)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_buf struct buf manifest = BUF_INIT;
	const char *line = "";
	size_t left = 0, i = 0;

	write_long_manifest(wanted, NULL, *n, &manifest);

	const struct remote_var vars[] = { { "manifest", buf_str(&manifest) }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = tmpl_text("remote-same.sh"), .vars = vars,
					.timeout_ms = PUT_TIMEOUT_MS, .private = true };

	if (remote_check(r, &cmd, &res, err) < 0)
		return -1;
	for (line = buf_str(&res.out); i < *n; i++) {
		bool equal = !strncmp(line, "same\n", 5);

		if (!equal)
			wanted[left++] = wanted[i];
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : "";
	}
	*n = left;
	return 0;
}

static int ask_and_send(struct remote *r, const struct remote_file *files, size_t n,
			struct strs *changed, struct err *err)
{
	auto_free struct remote_file *wanted = calloc(n, sizeof(*wanted));

	if (!wanted)
		abort();
	memcpy(wanted, files, n * sizeof(*wanted));
	if (leave_out_equal(r, wanted, &n, err) < 0)
		return -1;
	return n ? send_files(r, wanted, n, changed, err) : 0;
}

int remote_put(struct remote *r, const struct remote_file *files, size_t n, struct strs *changed,
	       struct err *err)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++) {
		if (check_path(files[i].path, err) < 0)
			return -1;
		size += files[i].len;
	}
	if (!n)
		return 0;
	return size < ASK_FROM ? send_files(r, files, n, changed, err) :
				 ask_and_send(r, files, n, changed, err);
}

int remote_put_keeping(struct remote *r, const struct remote_file *files, const char *const *backups,
		       size_t n, struct strs *changed, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (check_path(files[i].path, err) < 0 || (backups[i] && check_path(backups[i], err) < 0))
			return -1;
	return n ? put_plain(r, files, backups, n, changed, err) : 0;
}

/* One answer of remote-get.sh; *at is moved behind it. */
static int read_answer(const char *path, const char **at, const char *end, struct buf *content,
		       bool *found, struct err *err)
{
	char sum[65], expected[65];
	size_t size, left = (size_t)(end - *at);
	int head = 0;

	*found = false;
	if (left >= 5 && !memcmp(*at, "none\n", 5)) {
		*at += 5;
		return 0;
	}
	if (sscanf(*at, "file %zu %64[0-9a-f]%n", &size, expected, &head) != 2 || (*at)[head] != '\n' ||
	    size > left - (size_t)head - 1)
		return err_set(err, ERR_REMOTE, "'%s' could not be read whole: try again", path);
	*at += head + 1;
	pki_sha256(*at, size, sum);
	if (strcmp(sum, expected))
		return err_set(err, ERR_REMOTE, "'%s' changed while it was read: try again", path);
	buf_reserve(content, content->len + size);
	buf_add(content, *at, size);
	*at += size;
	*found = true;
	return 0;
}

int remote_get(struct remote *r, const char *const *paths, size_t n, struct buf *contents,
	       bool *found, size_t max, struct err *err)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_buf struct buf script = BUF_INIT, name = BUF_INIT;
	const char *at, *end;

	if (!n)
		return 0;
	buf_printf(&script, "max=%zu\nset --", max);
	buf_puts(&name, "get");
	for (size_t i = 0; i < n; i++) {
		if (check_path(paths[i], err) < 0)
			return -1;
		buf_puts(&script, " ");
		remote_quote(&script, paths[i]);
		buf_printf(&name, " %s", paths[i]);
	}
	buf_printf(&script, "\n%s", tmpl_text("remote-get.sh"));

	const struct remote_cmd cmd = {
		.script = buf_str(&script),
		.name = buf_str(&name),
		.private = true,
		.timeout_ms = PUT_TIMEOUT_MS,
		.max_output = max > SIZE_MAX / 2 / (n + 1) ? SIZE_MAX / 2 : n * (max + 128) + 1,
	};

	if (remote_check(r, &cmd, &res, err) < 0)
		return -1;
	at = buf_str(&res.out);
	end = at + res.out.len;
	for (size_t i = 0; i < n; i++)
		if (read_answer(paths[i], &at, end, &contents[i], &found[i], err) < 0)
			return -1;
	return 0;
}
