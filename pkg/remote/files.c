#define _GNU_SOURCE
#include "remote/remote.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pki/pki.h"
#include "remote/root.h"
#include "remote/tar.h"
#include "tmpl/tmpl.h"

#define MAX_PATH 4095
#define PUT_TIMEOUT_MS 300000
#define PUT_MAX_OUTPUT (1 << 20)

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

static void write_manifest(const struct remote_file *files, size_t n, struct buf *out)
{
	char sum[65];

	for (size_t i = 0; i < n; i++) {
		pki_sha256(files[i].data, files[i].len, sum);
		buf_printf(out, "%s %o\n%s\n", sum, files[i].mode & 07777, files[i].path);
	}
}

/* Where a file lies on the node until all are there, below '/': remote-put.sh says why. */
static void stage_name(const char *path, const char *nonce, struct buf *out)
{
	const char *name = strrchr(path, '/') + 1;

	buf_clear(out);
	buf_add(out, path + 1, (size_t)(name - path - 1));
	buf_printf(out, ".hactl.%s/%s", nonce, name);
}

/* The script, the manifest, the tar stream, in a buffer that is reserved first: it holds secrets. */
static void write_stream(const char *script, const char *manifest, const char *nonce,
			 const struct remote_file *files, size_t n, struct buf *out)
{
	size_t size = strlen(script) + strlen(manifest) + TAR_SIZE_END;
	auto_buf struct buf name = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		size += tar_size(strlen(files[i].path) + strlen(nonce) + 16, files[i].len);
	buf_reserve(out, size);
	buf_puts(out, script);
	buf_puts(out, manifest);
	for (size_t i = 0; i < n; i++) {
		stage_name(files[i].path, nonce, &name);
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

int remote_put(struct remote *r, const struct remote_file *files, size_t n, struct strs *changed,
	       struct err *err)
{
	auto_buf struct buf manifest = BUF_INIT, script = BUF_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_wipe struct buf stream = BUF_INIT;
	struct frame frame;

	for (size_t i = 0; i < n; i++)
		if (check_path(files[i].path, err) < 0)
			return -1;
	if (!n)
		return 0;
	if (frame_init(&frame, err) < 0)
		return -1;
	buf_printf(&script, "hactl_nonce=%s hactl_count=%zu\n%s", frame.nonce, n, tmpl_text("remote-put.sh"));
	write_manifest(files, n, &manifest);
	write_stream(buf_str(&script), buf_str(&manifest), frame.nonce, files, n, &stream);

	struct remote_exec e = { .timeout_ms = PUT_TIMEOUT_MS, .max_output = PUT_MAX_OUTPUT };

	if (root_exec(r, &frame, &e, &stream, script.len, &res, err) < 0 || put_result(&res, err) < 0)
		return -1;
	note_changed(buf_str(&res.out), files, n, changed);
	return 0;
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
	auto_buf struct buf script = BUF_INIT;
	const char *at, *end;

	if (!n)
		return 0;
	buf_printf(&script, "max=%zu\nset --", max);
	for (size_t i = 0; i < n; i++) {
		if (check_path(paths[i], err) < 0)
			return -1;
		buf_puts(&script, " ");
		remote_quote(&script, paths[i]);
	}
	buf_printf(&script, "\n%s", tmpl_text("remote-get.sh"));

	const struct remote_cmd cmd = {
		.script = buf_str(&script),
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
