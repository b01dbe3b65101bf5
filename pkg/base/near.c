#include "base/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { LONGEST = 40 };

static int min(int a, int b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment distance; both at most LONGEST. */
static int distance(const char *a, const char *b)
{
	int rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *row = rows[2];
	int la = (int)strlen(a), lb = (int)strlen(b);

	for (int j = 0; j <= lb; j++)
		last[j] = j;
	for (int i = 1; i <= la; i++) {
		row[0] = i;
		for (int j = 1; j <= lb; j++) {
			row[j] = min(min(last[j], row[j - 1]) + 1,
				     last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = min(row[j], before[j - 2] + 1);
		}
		int *spare = before;

		before = last;
		last = row;
		row = spare;
	}
	return last[lb];
}

const char *near_match(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	int least = 0;

	for (; *candidates; candidates++) {
		size_t longer = strlen(word), len = strlen(*candidates);
		int d;

		if (longer > LONGEST || len > LONGEST)
			continue;
		longer = longer > len ? longer : len;
		d = distance(word, *candidates);
		if ((size_t)d * 3 <= longer + 1 && (!best || d < least)) {
			best = *candidates;
			least = d;
		}
	}
	return best;
}
