/* Addresses of names, within a time: the C library's own waits for a dead name server are long,
 * and cannot be ended. */
#ifndef BASE_RESOLVE_H
#define BASE_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"

/* As getaddrinfo for a stream; service may be NULL.  EAI_AGAIN when deadline_ms (of clock_ms) has
 * passed, or when stop, asked ten times a second, says so; stop may be NULL.  The list is freed with
 * freeaddrinfo.  A numeric host is answered at once. */
int resolve(const char *host, const char *service, int64_t deadline_ms, bool (*stop)(void),
	    struct addrinfo **list) MUST_CHECK;

#endif
