#define _GNU_SOURCE
#include "remote/log.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/mask.h"
#include "remote/frame.h"
#include "tmpl/tmpl.h"

#define MAX_NAME 300
#define MAX_VALUE 200
#define HEAD_PART 4 /* a quarter of what is kept is the beginning */

void log_begin(struct log_call *c, struct remote *r, const char *what, const struct remote_cmd *cmd)
{
	*c = (struct log_call){ .remote = r, .since_ms = clock_ms() };
	c->record = (struct remote_record){ .node = r->name ? r->name : "this machine", .what = what, .cmd = cmd,
					    .begun_ms = clock_wall_ms(), .ms = -1 };
	if (r->log)
		r->log->record(r->log->ctx, &c->record);
}

int log_end(struct log_call *c, int rc, const struct remote_result *res, const struct err *err)
{
	if (!c->remote->log)
		return rc;
	c->record.ms = (int)(clock_ms() - c->since_ms);
	c->record.res = res;
	c->record.error = rc < 0 ? err->msg : NULL;
	c->remote->log->record(c->remote->log->ctx, &c->record);
	return rc;
}

void log_name(const struct remote_cmd *cmd, struct buf *out)
{
	const struct tmpl_file *f = tmpl_files;

	while (f->name && f->text != cmd->script)
		f++;
	if (cmd->name)
		buf_puts(out, cmd->name);
	else if (f->name)
		buf_puts(out, f->name);
	else
		buf_add(out, cmd->script, strcspn(cmd->script, "\n"));
}

/* Masked before it is cut: half a secret is not known for one. */
static void add_safe(struct buf *out, const char *text, size_t len)
{
	buf_reserve(out, out->len + len + 1);
	buf_add(out, text, len);
	for (char *c = out->data + out->len - len; c < out->data + out->len; c++)
		if (iscntrl((unsigned char)*c) && *c != '\n' && *c != '\t')
			*c = '?';
	mask_secrets(out->data + out->len - len);
}

/* On one line. */
static void add_words(struct buf *out, const char *text, size_t max)
{
	auto_wipe struct buf safe = BUF_INIT;
	size_t n;

	add_safe(&safe, text, strlen(text));
	for (char *c = safe.data; *c; c++)
		if (*c == '\n')
			*c = ' ';
	n = safe.len > max ? max : safe.len;
	buf_add(out, safe.data, n);
	buf_puts(out, n < safe.len ? "..." : "");
}

static void add_lines(struct buf *out, const char *mark, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;

		buf_printf(out, "    %s| ", mark);
		buf_add(out, text, (size_t)(stop - text));
		buf_puts(out, "\n");
		text = stop + 1;
	}
}

static void add_stream(struct buf *out, const char *mark, const struct buf *stream, size_t max)
{
	auto_wipe struct buf safe = BUF_INIT;
	size_t head = max / HEAD_PART, tail = max - head;

	if (!stream->len)
		return;
	add_safe(&safe, buf_str(stream), stream->len);
	if (safe.len <= max) {
		add_lines(out, mark, safe.data, safe.len);
		return;
	}
	add_lines(out, mark, safe.data, head);
	buf_printf(out, "    %s: %zu bytes left out\n", mark, safe.len - max);
	add_lines(out, mark, safe.data + safe.len - tail, tail);
}

static void add_variables(struct buf *out, const struct remote_cmd *cmd)
{
	for (const struct remote_var *v = cmd->vars; v && v->name; v++) {
		if (!*v->value)
			continue;
		buf_printf(out, "    %s=", v->name);
		add_words(out, v->value, MAX_VALUE);
		buf_puts(out, "\n");
	}
}

/* An error may end in the last lines of the output, which is as private as the rest of it. */
static bool quotes_output(const struct remote_record *rec)
{
	auto_wipe struct buf out = BUF_INIT, err = BUF_INIT;

	if (!rec->cmd || !rec->cmd->private || !rec->res)
		return false;
	frame_last_lines(&rec->res->out, &out);
	frame_last_lines(&rec->res->err, &err);
	return (out.len && strstr(rec->error, out.data)) || (err.len && strstr(rec->error, err.data));
}

static void add_end(struct buf *out, const struct remote_record *rec)
{
	if (rec->error && quotes_output(rec)) {
		buf_puts(out, ": failed, why is kept out with the output");
	} else if (rec->error) {
		buf_puts(out, ": failed: ");
		add_words(out, rec->error, SIZE_MAX);
	} else if (rec->res && rec->res->status < 0) {
		buf_puts(out, ": held");
	} else if (rec->res) {
		buf_printf(out, ": status %d", rec->res->status);
	}
	buf_printf(out, " (%d.%03d s)", rec->ms / 1000, rec->ms % 1000);
	if (rec->cmd && rec->cmd->private && rec->res)
		buf_printf(out, ", output of %zu and %zu bytes kept out", rec->res->out.len, rec->res->err.len);
}

void remote_record_text(const struct remote_record *rec, size_t max_output, struct buf *out)
{
	bool private = rec->cmd && rec->cmd->private;

	buf_printf(out, "%s: ", rec->node);
	add_words(out, rec->what, MAX_NAME);
	if (rec->ms < 0)
		buf_puts(out, ": begins");
	else
		add_end(out, rec);
	buf_puts(out, "\n");
	if (private)
		return;
	if (rec->ms < 0 && rec->cmd)
		add_variables(out, rec->cmd);
	if (rec->ms >= 0 && rec->res) {
		add_stream(out, "out", &rec->res->out, max_output);
		add_stream(out, "err", &rec->res->err, max_output);
	}
}
