/* Did you mean?  The candidate that a mistyped word most probably stands for. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

/* candidates ends in a NULL; NULL when none is near: more than a third of the letters differ.
 * Case does not count; two neighbours swapped count once. */
const char *near_match(const char *word, const char *const *candidates);

#endif
