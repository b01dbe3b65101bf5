/*
 * known_hosts files as sshd(8) describes them: hashed names, ports, patterns, negation, @revoked.
 * libssh2's own reader ignores @revoked and patterns and gives up at the first bad line.
 * @cert-authority is not supported, and said to be so.  A malformed line is passed over and named.
 */
#ifndef SSH_KNOWN_HOSTS_H
#define SSH_KNOWN_HOSTS_H

#include "base/buf.h"
#include "base/strs.h"

/* Parsed when it is read; after that any number of threads may ask it. */
struct known_hosts {
	struct known_file {
		char *path;
		struct buf text, keys; /* keys: decoded */
	} **files;
	size_t n;
	struct known_line *lines;
	size_t nlines;
};
#define KNOWN_HOSTS_INIT { NULL, 0, NULL, 0 }

/* The names a host may be listed by.  A line with the plain name vouches for any port when
 * there is none for the port, as with OpenSSH. */
struct known_names {
	struct strs exact; /* "host" or "[host]:port" */
	struct strs plain; /* "host" when the port is not 22 */
};
#define KNOWN_NAMES_INIT { STRS_INIT, STRS_INIT }

enum known_verdict {
	KNOWN_MATCH,
	KNOWN_NOT_FOUND,
	KNOWN_CHANGED,    /* known by another key of this type */
	KNOWN_OTHER_TYPE, /* known by keys of other types only */
	KNOWN_REVOKED,
};

struct known_result {
	enum known_verdict verdict;
	struct buf place;     /* "file:line" of what decided; not for KNOWN_NOT_FOUND */
	struct buf authority; /* "file:line" of a @cert-authority for this host, or empty */
	struct buf malformed; /* "file:line" of the first malformed line, or empty */
};

/* A file that does not exist is an empty one. */
int known_hosts_read(struct known_hosts *k, const char *const *paths, struct err *err) MUST_CHECK;
void known_hosts_add_text(struct known_hosts *k, const char *path, const char *text);
void known_hosts_release(struct known_hosts *k);

void known_names_add(struct known_names *names, const char *host, int port);
void known_names_release(struct known_names *names);

/* key: the public key as on the wire, which begins with its type. */
void known_hosts_check(const struct known_hosts *k, const struct known_names *names,
		       const char *key, size_t len, struct known_result *res);
void known_result_release(struct known_result *res);

/* Adds the key types this host is known by. */
void known_hosts_types(const struct known_hosts *k, const struct known_names *names,
		       struct strs *types);

/* The line that makes a key known, without its newline. */
void known_hosts_line(const struct known_names *names, const char *key, size_t len,
		      struct buf *out);

/* Appends a line in one write; the file is made 0600 and its directory 0700. */
int known_hosts_append(const char *path, const char *line, struct err *err) MUST_CHECK;

#endif
