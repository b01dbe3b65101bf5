/* Unified diffs, made by diff(1). */
#ifndef BASE_DIFF_H
#define BASE_DIFF_H

#include "base/buf.h"

/* Appends `diff -u` of two texts, under the given names; nothing when they are equal.  The texts
 * reach diff through anonymous memory, never through a file or an argument. */
int diff_unified(const char *old_name, const struct buf *old_text, const char *new_name,
		 const struct buf *new_text, struct buf *out, struct err *err) MUST_CHECK;

#endif
