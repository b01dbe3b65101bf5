#define _GNU_SOURCE
#include "base/strs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

/* Takes s over. */
static void push(struct strs *l, char *s)
{
	if (!s)
		abort();
	if ((l->n & (l->n + 1)) == 0) { /* full at 0, 1, 3, 7, ... with the final NULL */
		l->v = realloc(l->v, 2 * (l->n + 1) * sizeof(*l->v));
		if (!l->v)
			abort();
	}
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void strs_add(struct strs *l, const char *s)
{
	push(l, strdup(s));
}

void strs_printf(struct strs *l, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	push(l, s);
}

bool strs_has(const struct strs *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

char *strs_join(const struct strs *l, const char *separator)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < l->n; i++) {
		buf_puts(&b, i ? separator : "");
		buf_puts(&b, l->v[i]);
	}
	return buf_detach(&b);
}

void strs_release(struct strs *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strs)STRS_INIT;
}
