/* `hactl status` as a table, as lines of what changed, and as JSON. */
#ifndef CMD_STATUS_VIEW_H
#define CMD_STATUS_VIEW_H

#include <stdio.h>

#include "status/status.h"

/* The whole picture for people. */
void status_print_text(const struct status *st, bool colour, FILE *out);

/* One object on one line, to stdout. */
void status_print_json(const struct status *st);

/* What a person would call a change when it becomes another: "m1: Ready: yes", "problem: ...". */
void status_list_states(const struct status *st, struct strs *out);

/* 0, 7 or, when nothing answered, 4. */
enum err_kind status_verdict(const struct status *st);

#endif
