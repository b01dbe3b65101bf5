/* Files of this machine: read with a maximum, written atomically, paths as a user means them. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"

/* Appends the file to b; "-" is standard input.  More than max bytes is an error.
 * A buffer of secrets is wiped with buf_wipe: the file is read without leaving copies behind. */
int file_read(const char *path, size_t max, struct buf *b, struct err *err) MUST_CHECK;

/* Creates or replaces path in one rename; mode holds from the first byte on.
 * On failure the old file is untouched and no temporary file stays. */
int file_write(const char *path, const void *data, size_t len, mode_t mode,
	       struct err *err) MUST_CHECK;

/*
 * The same for a file of the user's: a symbolic link is followed, an existing file keeps its mode
 * and owner, a new one gets those of like (a path; NULL or not there: 0600), and what is no
 * regular file (a pipe, a terminal) is written to directly.
 */
int file_replace(const char *path, const char *like, const void *data, size_t len,
		 struct err *err) MUST_CHECK;

/* Gives path a second name that is free, path.bak, path.bak.1, ...; *name is the caller's to free. */
int file_backup(const char *path, char **name, struct err *err) MUST_CHECK;

/* mkdir -p; directories that are made get mode. */
int file_mkdirs(const char *path, mode_t mode, struct err *err) MUST_CHECK;

/* "~" and "~/x" in the user's home; a relative path below the folder of base (a file, may be
 * NULL or "-" for the current folder).  Caller frees. */
char *file_resolve(const char *path, const char *base);

#endif
