#define _GNU_SOURCE
#include "remote/remote.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "remote/log.h"
#include "remote/root.h"
#include "tmpl/tmpl.h"

#define DEFAULT_TIMEOUT_MS 60000
#define DEFAULT_MAX_OUTPUT (1 << 20)
/* For the frame, and for what a login shell says before it. */
#define NOISE 16384
/* Our own time-out comes first, and says what happened. */
#define LIMIT_MARGIN_S 15

static bool interrupted;

void remote_interrupt(bool on)
{
	__atomic_store_n(&interrupted, on, __ATOMIC_RELAXED);
}

bool remote_interrupted(void)
{
	return __atomic_load_n(&interrupted, __ATOMIC_RELAXED);
}

void remote_quote(struct buf *b, const char *s)
{
	buf_puts(b, "'");
	for (const char *quote; (quote = strchr(s, '\'')); s = quote + 1) {
		buf_add(b, s, (size_t)(quote - s));
		buf_puts(b, "'\\''");
	}
	buf_puts(b, s);
	buf_puts(b, "'");
}

void remote_result_release(struct remote_result *res)
{
	buf_wipe(&res->out);
	buf_wipe(&res->err);
	res->status = -1;
	res->heard_ms = 0;
	res->late = REMOTE_IN_TIME;
}

void remote_close(struct remote *r)
{
	if (r)
		r->ops->close(r);
}

static void grow_wiped(struct buf *b, size_t need)
{
	struct buf bigger = BUF_INIT;

	buf_reserve(&bigger, need > 2 * b->cap ? need : 2 * b->cap);
	buf_add(&bigger, buf_str(b), b->len);
	buf_wipe(b);
	*b = bigger;
}

int remote_collect(const struct remote_exec *e, struct remote_result *res, int fd,
		   const char *data, size_t len, struct err *err)
{
	struct buf *b = fd == 1 ? &res->out : &res->err;

	res->heard_ms = clock_ms();
	if (len > e->max_output - b->len)
		return err_set(err, ERR_REMOTE, "more than %zu bytes of %s output", e->max_output,
			       fd == 1 ? "standard" : "error");
	if (b->len + len + 1 > b->cap)
		grow_wiped(b, b->len + len + 1);
	buf_add(b, data, len);
	if (e->on_output)
		e->on_output(e->ctx, fd, data, len);
	return 0;
}

int64_t remote_deadline(const struct remote_exec *e, struct remote_result *res, int64_t deadline_ms)
{
	if (!e->silence_ms)
		return deadline_ms;
	if (!res->heard_ms)
		res->heard_ms = clock_ms();
	return res->heard_ms + e->silence_ms < deadline_ms ? res->heard_ms + e->silence_ms : deadline_ms;
}

int remote_give_up(const struct remote_exec *e, struct remote_result *res, const char *name,
		   const char *fate, struct err *err)
{
	bool silent = e->silence_ms && res->heard_ms && clock_ms() - res->heard_ms >= e->silence_ms;

	res->late = silent ? REMOTE_TOO_SILENT : REMOTE_TOO_LONG;
	if (silent)
		return err_set(err, ERR_REMOTE, "%sa command printed nothing for %d s; it %s", name, e->silence_ms / 1000, fate);
	return err_set(err, ERR_REMOTE,
		       "%sa command did not end within %d s (is it waiting for something, or has it left "
		       "a process behind that holds its output?); it %s",
		       name, e->timeout_ms / 1000, fate);
}

static size_t quoted_size(const char *s)
{
	size_t n = 2;

	for (; *s; s++)
		n += *s == '\'' ? 4 : 1;
	return n;
}

static bool is_shell_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

/* The script with its variables; reserved first, as variables may be secrets. */
static int add_variables(const struct remote_cmd *cmd, struct buf *script, struct err *err)
{
	size_t size = strlen(cmd->script) + 1;

	for (const struct remote_var *v = cmd->vars; v && v->name; v++)
		size += strlen(v->name) + quoted_size(v->value) + 2;
	buf_reserve(script, size);
	for (const struct remote_var *v = cmd->vars; v && v->name; v++) {
		if (!is_shell_name(v->name))
			return err_set(err, ERR_FAILED, "'%s' is no name for a shell variable", v->name);
		buf_printf(script, "%s=", v->name);
		remote_quote(script, v->value);
		buf_puts(script, "\n");
	}
	buf_puts(script, cmd->script);
	return 0;
}

/* How long the machine lets a script run, should it never hear of our own time-out: in seconds. */
static void add_limit(const struct remote_cmd *cmd, int timeout_ms, struct buf *input)
{
	buf_puts(input, "hactl_limit=");
	if (!cmd->survives)
		buf_printf(input, "%d", timeout_ms ? timeout_ms / 1000 + LIMIT_MARGIN_S : 0);
	buf_puts(input, "\n");
}

static int compose(const struct frame *f, const struct remote_cmd *cmd, int timeout_ms,
		   struct buf *input, struct err *err)
{
	const char *runner = tmpl_text("remote-run.sh");
	auto_wipe struct buf script = BUF_INIT;

	if (add_variables(cmd, &script, err) < 0)
		return -1;
	buf_reserve(input, quoted_size(buf_str(&script)) + strlen(runner) + 200);
	buf_printf(input, "hactl_nonce=%s\nhactl_script=", f->nonce);
	remote_quote(input, buf_str(&script));
	buf_puts(input, "\n");
	add_limit(cmd, timeout_ms, input);
	buf_puts(input, runner);
	return 0;
}

static int timeout_of(const struct remote_cmd *cmd)
{
	if (cmd->timeout_ms == REMOTE_NO_TIMEOUT)
		return 0;
	return cmd->timeout_ms ? cmd->timeout_ms : DEFAULT_TIMEOUT_MS;
}

static int run(struct remote *r, const struct remote_cmd *cmd, struct remote_result *res, struct err *err)
{
	struct frame frame;
	struct frame_lines lines = { &frame, cmd->on_line, cmd->ctx, { { BUF_INIT, false, false },
								       { BUF_INIT, false, false } } };
	auto_wipe struct buf input = BUF_INIT;
	struct remote_exec e = {
		.timeout_ms = timeout_of(cmd),
		.silence_ms = cmd->silence_ms,
		.hold_input = !cmd->survives,
		.survives = cmd->survives,
		.max_output = (cmd->max_output ? cmd->max_output : DEFAULT_MAX_OUTPUT) + NOISE,
		.on_output = cmd->on_line ? frame_output : NULL,
		.ctx = &lines,
	};
	int rc;

	if (frame_init(&frame, err) < 0 || compose(&frame, cmd, e.timeout_ms, &input, err) < 0)
		return -1;
	rc = root_exec(r, &frame, &e, &input, 0, res, err);
	frame_lines_release(&lines);
	return rc;
}

int remote_run(struct remote *r, const struct remote_cmd *cmd, struct remote_result *res,
	       struct err *err)
{
	auto_buf struct buf name = BUF_INIT;
	struct log_call call;

	log_name(cmd, &name);
	log_begin(&call, r, buf_str(&name), cmd);
	return log_end(&call, run(r, cmd, res, err), res, err);
}

int remote_check(struct remote *r, const struct remote_cmd *cmd, struct remote_result *res,
		 struct err *err)
{
	auto_buf struct buf said = BUF_INIT;

	if (remote_run(r, cmd, res, err) < 0)
		return -1;
	if (!res->status)
		return 0;
	frame_last_lines(res->err.len ? &res->err : &res->out, &said);
	return err_set(err, ERR_REMOTE, "a command ended with status %d%s%s", res->status,
		       said.len ? ": " : "", buf_str(&said));
}

/* The way to root is found by the first script, which may be this one. */
static int find_way(struct remote *r, struct err *err)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	return r->way == REMOTE_UNKNOWN ? remote_check(r, &(struct remote_cmd){ .script = ":", .name = "becoming root" }, &res, err) : 0;
}

static int hold(struct remote *r, const struct remote_cmd *cmd, struct remote_result *res, struct err *err)
{
	struct frame frame;
	auto_buf struct buf until = BUF_INIT;
	auto_wipe struct buf script = BUF_INIT, whole = BUF_INIT;
	struct remote_exec e = { .timeout_ms = timeout_of(cmd), .hold_input = true, .max_output = NOISE };

	if (!r->ops->hold)
		return err_set(err, ERR_FAILED, "nothing can be held on this machine");
	if (frame_init(&frame, err) < 0 || find_way(r, err) < 0 || add_variables(cmd, &script, err) < 0)
		return -1;
	buf_printf(&until, "\n%s held\n", frame.nonce);
	buf_reserve(&whole, script.len + sizeof(frame.nonce) + 32);
	buf_printf(&whole, "hactl_nonce=%s\n", frame.nonce);
	buf_add(&whole, buf_str(&script), script.len);
	e.until = buf_str(&until);
	if (root_hold(r, &e, &whole, res, err) < 0)
		return -1;
	return strstr(buf_str(&res->out), buf_str(&until)) != NULL;
}

int remote_hold(struct remote *r, const struct remote_cmd *cmd, struct remote_result *res, struct err *err)
{
	auto_buf struct buf name = BUF_INIT;
	struct log_call call;

	log_name(cmd, &name);
	log_begin(&call, r, buf_str(&name), cmd);
	return log_end(&call, hold(r, cmd, res, err), res, err);
}

int remote_beat(struct remote *r)
{
	return r->ops->beat ? r->ops->beat(r) : -1;
}

void remote_unhold(struct remote *r)
{
	if (r && r->ops->unhold)
		r->ops->unhold(r);
}
