#define _GNU_SOURCE
#include "term/view.h"

#include <jansson.h>
#include <time.h>

#include "base/buf.h"

/* The length of the character that s begins with, or 0 when it begins with none. */
static size_t character(const char *s, size_t left)
{
	json_t *one = NULL;
	size_t len = 0;

	while (!one && len < 4 && len < left)
		one = json_stringn(s, ++len);
	json_decref(one);
	return one ? len : 0;
}

json_t *term_json_text(const char *s, size_t len)
{
	auto_buf struct buf b = BUF_INIT;
	json_t *j = json_stringn(s, len);

	for (size_t at = 0, n; !j && at < len; at += n ? n : 1) {
		n = character(s + at, len - at);
		buf_add(&b, n ? s + at : "\xef\xbf\xbd", n ? n : 3);
	}
	return j ? j : json_stringn(buf_str(&b), b.len);
}

static json_t *text_of(const char *s)
{
	return term_json_text(s, strlen(s));
}

static void set(json_t *o, const char *key, const char *value)
{
	if (value && json_object_set_new(o, key, text_of(value)) < 0)
		abort();
}

static void put(json_t *o)
{
	char *line = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));

	if (!line)
		abort();
	puts(line);
	fflush(stdout);
	free(line);
	json_decref(o);
}

static void set_time(json_t *o)
{
	char text[32];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	set(o, "time", text);
}

static void json_event(struct term *t, const struct term_event *e)
{
	json_t *o = json_object();

	(void)t;
	set(o, "event", e->kind);
	set_time(o);
	set(o, "phase", e->phase);
	set(o, "node", e->node);
	set(o, "step", e->step);
	set(o, "state", e->state);
	set(o, "text", e->text);
	set(o, "fix", e->more);
	if (e->state && strcmp(e->state, "running"))
		json_object_set_new(o, "seconds", json_real(e->step_ms / 1000.0));
	put(o);
}

static const char *kind_name(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE: return "none";
	case ERR_FAILED: return "failed";
	case ERR_USAGE: return "usage";
	case ERR_CONFIG: return "config";
	case ERR_CONNECT: return "connect";
	case ERR_REMOTE: return "remote";
	case ERR_CHANGE: return "change";
	case ERR_UNHEALTHY: return "unhealthy";
	case ERR_LOCKED: return "locked";
	case ERR_QUORUM: return "quorum";
	case ERR_INTERRUPTED: return "interrupted";
	}
	abort();
}

static void json_result(struct term *t, const struct term_result *r)
{
	json_t *o = json_object();

	set(o, "event", "result");
	set_time(o);
	set(o, "command", t->command);
	json_object_set_new(o, "ok", json_boolean(!r->err));
	json_object_set_new(o, "changed", json_boolean(r->changed));
	if (r->dry_run)
		json_object_set_new(o, "wouldChange", json_boolean(r->would_change));
	json_object_set_new(o, "problems", json_integer(r->problems));
	json_object_set_new(o, "exitStatus", json_integer(r->exit_status));
	if (r->err && r->err->msg) {
		json_t *error = json_object();

		set(error, "kind", kind_name(r->err->kind));
		set(error, "message", r->err->msg);
		json_object_set_new(o, "error", error);
	}
	json_object_set_new(o, "seconds", json_real(r->seconds));
	set(o, "log", r->log);
	put(o);
}

const struct term_view term_json = { json_event, NULL, json_result, NULL };
