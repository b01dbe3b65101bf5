/* A display of a run: inside of pkg/term only. */
#ifndef TERM_VIEW_H
#define TERM_VIEW_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "term/term.h"

struct term_row {
	const char *node;
	const char *title; /* of the step it is at */
	char *text;        /* where in it */
	enum term_mark mark;
	int64_t since_ms;
};

struct term_view {
	void (*event)(struct term *t, const struct term_event *e);
	void (*tick)(struct term *t); /* may be NULL */
	void (*result)(struct term *t, const struct term_result *r);
	void (*hide)(struct term *t); /* may be NULL */
};

struct term {
	const struct term_view *view;
	const char *command;
	bool colour;
	/* the table's */
	struct term_row *rows;
	size_t n;
	struct term_row all; /* what concerns no node of its own */
	int drawn; /* lines on the screen */
	int64_t now_ms;
};

extern const struct term_view term_json, term_plain, term_table;

/* "m1: kubeadm init: done (21.4 s)"; used by plain, and by the table for what scrolls by. */
void term_plain_line(struct term *t, const struct term_event *e, FILE *out);

#endif
