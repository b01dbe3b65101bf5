#define _GNU_SOURCE
#include "term/term.h"

#include <stdlib.h>
#include <unistd.h>

#include "term/view.h"

static bool can_redraw(void)
{
	const char *term = getenv("TERM");

	return isatty(2) && term && *term && strcmp(term, "dumb");
}

struct term *term_new(enum term_format format, const char *command, const char *const *nodes)
{
	struct term *t = calloc(1, sizeof(*t));
	size_t n = 0;

	while (nodes[n])
		n++;
	t = t ? t : (abort(), NULL);
	t->view = format == TERM_JSON ? &term_json :
		  format == TERM_AUTO && can_redraw() ? &term_table : &term_plain;
	t->command = command;
	t->colour = can_redraw() && !getenv("NO_COLOR");
	t->rows = calloc(n + 1, sizeof(*t->rows));
	if (!t->rows)
		abort();
	for (t->n = 0; t->n < n; t->n++)
		t->rows[t->n].node = nodes[t->n];
	return t;
}

void term_free(struct term *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->rows[i].text);
	free(t->all.text);
	free(t->rows);
	free(t);
}

void term_event(struct term *t, const struct term_event *e)
{
	t->now_ms = e->ms;
	t->view->event(t, e);
}

void term_tick(struct term *t)
{
	t->now_ms += 100;
	if (t->view->tick)
		t->view->tick(t);
}

void term_hide(struct term *t)
{
	if (t->view->hide)
		t->view->hide(t);
	fflush(stderr);
}

void term_result(struct term *t, const struct term_result *r)
{
	t->view->result(t, r);
}

void term_print_safe(FILE *out, const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		bool c1 = s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0; /* U+0080 to U+009F */

		if ((*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f || c1)
			fputc('?', out);
		else
			fputc(*s, out);
		s += c1;
	}
}
