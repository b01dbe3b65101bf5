/* Inside pkg/cause: the rules. */
#ifndef CAUSE_TABLE_H
#define CAUSE_TABLE_H

#include <stddef.h>

struct cause_rule {
	const char *id;
	const char *section; /* of the report; NULL: any */
	const char *pattern; /* extended regular expression, for one line */
	const char *text;    /* "{1}" is what the first group that took part matched */
	const char *remedy;
};

extern const struct cause_rule cause_rules[];
extern const size_t cause_nrules;
/* Rules that tests/lab/scenario-causes.sh has seen at work; ends in NULL. */
extern const char *const cause_seen[];

#endif
