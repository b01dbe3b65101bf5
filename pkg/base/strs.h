/* struct strs: a growing list of strings of its own, ending in a NULL that is not counted. */
#ifndef BASE_STRS_H
#define BASE_STRS_H

#include <stdbool.h>

#include "base/auto.h"

struct strs {
	char **v; /* NULL while empty */
	size_t n;
};

#define STRS_INIT { NULL, 0 }
#define auto_strs AUTO(strs_release)

void strs_add(struct strs *l, const char *s);
void strs_printf(struct strs *l, const char *fmt, ...) PRINTF(2, 3);
bool strs_has(const struct strs *l, const char *s);
/* Caller frees. */
char *strs_join(const struct strs *l, const char *separator);
void strs_release(struct strs *l);

#endif
