#define _GNU_SOURCE
#include <stdlib.h>

#include "term/view.h"

static const char *word(enum term_mark mark)
{
	static const char *const words[] = { "...", "nothing to do", "done", "would be done", "failed", "ok" };

	return words[mark];
}

static const char *colour(const struct term *t, const char *code)
{
	return t->colour ? code : "";
}

static void print_step(struct term *t, const struct term_event *e, FILE *out)
{
	const char *code = e->mark == TERM_FAILED ? "\033[31m" : e->mark == TERM_CHANGED ? "\033[32m" : "";

	fprintf(out, "%s%s%s: %s%s%s", e->node ? e->node : "", e->node ? ": " : "", e->title,
		colour(t, code), word(e->mark), *code ? colour(t, "\033[0m") : "");
	if (e->text) {
		fputs(": ", out);
		term_print_safe(out, e->text);
	}
	if (e->step_ms >= 1000)
		fprintf(out, " (%.1f s)", e->step_ms / 1000.0);
	fputc('\n', out);
}

static void print_text(const struct term *t, const struct term_event *e, const char *label, const char *code, FILE *out)
{
	fprintf(out, "%s%s%s%s%s", colour(t, code), label, *code ? colour(t, "\033[0m") : "",
		e->node ? e->node : "", e->node ? ": " : "");
	term_print_safe(out, e->text);
	if (e->more) {
		fputs("\n    ", out);
		term_print_safe(out, e->more);
	}
	fputc('\n', out);
}

void term_plain_line(struct term *t, const struct term_event *e, FILE *out)
{
	if (!strcmp(e->kind, "step"))
		print_step(t, e, out);
	else if (!strcmp(e->kind, "problem"))
		print_text(t, e, "problem: ", "\033[31m", out);
	else if (!strcmp(e->kind, "warning"))
		print_text(t, e, "warning: ", "\033[33m", out);
	else if (!strcmp(e->kind, "diff"))
		print_text(t, e, "", "", out);
	else if (!strcmp(e->kind, "note"))
		print_text(t, e, "", "", out);
	else if (!strcmp(e->kind, "progress"))
		fprintf(out, "%s: %s: %s\n", e->node, e->step, e->text);
}

/* Did the node say so already? */
static bool repeats(struct term *t, const struct term_event *e)
{
	for (size_t i = 0; i < t->n; i++) {
		struct term_row *r = &t->rows[i];

		if (!e->node || strcmp(r->node, e->node))
			continue;
		if (r->text && !strcmp(r->text, e->text))
			return true;
		free(r->text);
		r->text = strdup(e->text);
	}
	return false;
}

/* Looking is only worth a line when it took its time or failed. */
static void plain_event(struct term *t, const struct term_event *e)
{
	bool step = !strcmp(e->kind, "step");

	if (step && (e->mark == TERM_RUNNING || (e->mark == TERM_LOOKED && e->step_ms < 1000)))
		return;
	if (!strcmp(e->kind, "progress") && repeats(t, e))
		return;
	term_plain_line(t, e, stderr);
}

static void plain_result(struct term *t, const struct term_result *r)
{
	(void)t;
	if (!r->err || !r->err->msg)
		fprintf(stderr, "%s (%.1f s)\n", r->summary, r->seconds);
}

const struct term_view term_plain = { plain_event, NULL, plain_result };
