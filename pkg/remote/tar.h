/* The ustar format (POSIX.1-2017, pax), as much as a stream of small flat files needs. */
#ifndef REMOTE_TAR_H
#define REMOTE_TAR_H

#include "base/buf.h"

/* The bytes a member takes; the end takes tar_size_end. */
size_t tar_size(size_t len);
#define TAR_SIZE_END 1024

/* name: shorter than 100 bytes.  A member belongs to root and has mode 0600. */
void tar_add(struct buf *tar, const char *name, const void *data, size_t len);
void tar_end(struct buf *tar);

struct tar_member {
	char name[101];
	const char *data; /* inside the stream */
	size_t len;
};

/* Takes the next member of *stream: 1, or 0 at its end, or -1 when it is no tar stream. */
int tar_next(const char **stream, size_t *len, struct tar_member *m, struct err *err) MUST_CHECK;

#endif
