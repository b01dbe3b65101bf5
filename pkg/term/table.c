/* One row per node, redrawn in place below whatever scrolls by. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/ioctl.h>

#include "term/view.h"

static int width(void)
{
	struct winsize w;

	return ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}

static void erase(struct term *t)
{
	if (t->drawn)
		fprintf(stderr, "\033[%dA\r\033[J", t->drawn);
	t->drawn = 0;
}

static const char *sign(const struct term *t, enum term_mark mark)
{
	static const char *const spin[] = { "|", "/", "-", "\\" };
	static const char *const signs[] = { "", "=", "+", "~", "!", "." };

	return mark == TERM_RUNNING ? spin[t->now_ms / 100 % 4] : signs[mark];
}

static const char *result_word(enum term_mark mark)
{
	static const char *const words[] = { "", ": nothing to do", ": done", ": would be done", ": failed", "" };

	return words[mark];
}

static void draw_row(const struct term *t, const struct term_row *r, int name_width, int columns)
{
	auto_free char *line = NULL;
	char seconds[32] = "";

	if (r->mark == TERM_RUNNING && t->now_ms - r->since_ms >= 1000)
		snprintf(seconds, sizeof(seconds), "  %lld s", (long long)(t->now_ms - r->since_ms) / 1000);
	if (asprintf(&line, "%s %-*s  %s%s%s%s%s", sign(t, r->mark), name_width, r->node ? r->node : "all",
		     r->title ? r->title : "", result_word(r->mark), r->text ? ": " : "", r->text ? r->text : "",
		     seconds) < 0)
		abort();
	if (strlen(line) >= (size_t)columns)
		line[columns - 1] = '\0';
	term_print_safe(stderr, line);
	fputc('\n', stderr);
}

static size_t rows_that_fit(const struct term *t)
{
	struct winsize w;
	size_t max = ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_row > 4 ? (size_t)w.ws_row - 2 : 20;

	return t->n < max ? t->n : max;
}

static void draw(struct term *t)
{
	size_t n = rows_that_fit(t);
	int name_width = 4, columns = width();
	bool together = t->all.title && t->all.mark == TERM_RUNNING;

	erase(t);
	for (size_t i = 0; i < t->n; i++)
		name_width = (int)strlen(t->rows[i].node) > name_width ? (int)strlen(t->rows[i].node) : name_width;
	for (size_t i = 0; i < n; i++)
		draw_row(t, &t->rows[i], name_width, columns);
	if (together)
		draw_row(t, &t->all, name_width, columns);
	t->drawn = (int)n + together;
	fflush(stderr);
}

static struct term_row *row_of(struct term *t, const char *node)
{
	for (size_t i = 0; i < t->n; i++)
		if (node && !strcmp(t->rows[i].node, node))
			return &t->rows[i];
	return &t->all;
}

/* title NULL: the step goes on, only where in it is new. */
static void set_row(struct term_row *r, const struct term_event *e, const char *title, const char *text)
{
	if (r->mark == TERM_FAILED && r->title)
		return;
	if (title && e->mark == TERM_RUNNING)
		r->since_ms = e->ms;
	free(r->text);
	r->text = text ? strdup(text) : NULL;
	r->title = title ? title : r->title;
	r->mark = title ? e->mark : TERM_RUNNING;
}

static void table_event(struct term *t, const struct term_event *e)
{
	bool step = !strcmp(e->kind, "step");

	if (step)
		set_row(row_of(t, e->node), e, e->title, NULL);
	else if (!strcmp(e->kind, "progress"))
		set_row(row_of(t, e->node), e, NULL, e->text);
	if (step ? e->mark == TERM_FAILED : strcmp(e->kind, "progress") && strcmp(e->kind, "phase")) {
		erase(t);
		term_plain_line(t, e, stderr);
	}
	draw(t);
}

static void table_result(struct term *t, const struct term_result *r)
{
	if (!r->err || !r->err->msg)
		fprintf(stderr, "%s (%.1f s)\n", r->summary, r->seconds);
	t->drawn = 0;
}

const struct term_view term_table = { table_event, draw, table_result, erase };
