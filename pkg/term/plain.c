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
		term_print_safe(out, e->text); /* as patch(1) takes it: the node is in its file names */
	else if (!strcmp(e->kind, "note"))
		print_text(t, e, "", "", out);
}

static struct term_row *row_of(struct term *t, const char *node)
{
	for (size_t i = 0; i < t->n; i++)
		if (node && !strcmp(t->rows[i].node, node))
			return &t->rows[i];
	return &t->all;
}

static void plain_progress(struct term *t, const struct term_event *e)
{
	struct term_row *r = row_of(t, e->node);

	if (r->text && !strcmp(r->text, e->text))
		return;
	free(r->text);
	r->text = strdup(e->text);
	fprintf(stderr, "%s: %s: ", e->node, r->title ? r->title : e->step);
	term_print_safe(stderr, e->text);
	fputc('\n', stderr);
}

/* What a step that only looks has seen is told by its notes and problems. */
static void plain_event(struct term *t, const struct term_event *e)
{
	bool step = !strcmp(e->kind, "step");

	if (!strcmp(e->kind, "progress")) {
		plain_progress(t, e);
		return;
	}
	if (step)
		row_of(t, e->node)->title = e->title;
	if (!step || (e->mark != TERM_RUNNING && e->mark != TERM_LOOKED))
		term_plain_line(t, e, stderr);
}

static void plain_result(struct term *t, const struct term_result *r)
{
	(void)t;
	if (!r->err || !r->err->msg)
		fprintf(stderr, "%s (%.1f s)\n", r->summary, r->seconds);
}

const struct term_view term_plain = { plain_event, NULL, plain_result, NULL };
