/* What every request over libcurl has in common: limits, and failures in words. */
#ifndef KUBE_TRANSFER_H
#define KUBE_TRANSFER_H

#include <stdbool.h>

#include <curl/curl.h>

#include "base/buf.h"

struct transfer {
	struct buf body;
	size_t max;         /* of body; set by the caller */
	size_t header_bytes;
	bool too_big;
	char text[CURL_ERROR_SIZE];
};

/* Resets c and gives it what all requests share; t and url must live until the transfer ends. */
void transfer_setup(CURL *c, struct transfer *t, const char *url);
void transfer_release(struct transfer *t); /* wipes */
#define auto_transfer AUTO(transfer_release)

/* Was it only the connection that failed, not what stands behind it? */
bool transfer_lost(const struct transfer *t, CURLcode code);

/* CURLcode as an err of kind ERR_CONNECT.  where: what was spoken to; trust: whose CA
 * certificates the server's was checked with; name: the name it was checked for when it
 * is an API server, else NULL; login: the file whose client certificate was shown, or NULL. */
struct transfer_words {
	const char *where, *trust, *name, *login;
};
int transfer_failed(CURL *c, const struct transfer *t, CURLcode code,
		    const struct transfer_words *w, struct err *err);

/* Appends text from outside without its control characters, cut at max bytes. */
void transfer_quote(struct buf *out, const char *text, size_t max);

#endif
