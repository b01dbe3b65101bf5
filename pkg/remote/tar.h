/* The ustar format (POSIX.1-2017, pax), as much as a stream of small flat files needs. */
#ifndef REMOTE_TAR_H
#define REMOTE_TAR_H

#include <sys/types.h>

#include "base/buf.h"

/* The bytes a member takes at most; the end takes TAR_SIZE_END. */
size_t tar_size(size_t name_len, size_t len);
#define TAR_SIZE_END 1024

/* A member is a file that belongs to root. */
void tar_add(struct buf *tar, const char *name, mode_t mode, const void *data, size_t len);
void tar_end(struct buf *tar);

struct tar_member {
	char name[101]; /* of a longer one the beginning */
	const char *data; /* inside the stream */
	size_t len;
};

/* Takes the next member of *stream: 1, or 0 at its end, or -1 when it is no tar stream. */
int tar_next(const char **stream, size_t *len, struct tar_member *m, struct err *err) MUST_CHECK;

#endif
