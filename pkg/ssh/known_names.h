/* The names field of a known_hosts line: hashed, or a list of patterns. */
#ifndef SSH_KNOWN_NAMES_H
#define SSH_KNOWN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* name: in lower case. */
bool known_name_matches(const char *listed, size_t len, const char *name);

#endif
