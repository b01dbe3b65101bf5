#define _GNU_SOURCE
#include "ssh/known_names.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "pki/pki.h"
#include "ssh/known_hosts.h"

/* "|1|" base64(salt) "|" base64(HMAC-SHA1(salt, name)), as `ssh-keygen -H` writes it. */
static bool hash_matches(const char *listed, size_t len, const char *name)
{
	auto_err struct err ignored = ERR_INIT;
	auto_buf struct buf salt = BUF_INIT, hash = BUF_INIT;
	const char *bar = memchr(listed + 3, '|', len - 3);
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int mac_len = 0;

	if (!bar || pki_base64_decode(listed + 3, (size_t)(bar - listed - 3), &salt, &ignored) < 0 ||
	    pki_base64_decode(bar + 1, len - (size_t)(bar + 1 - listed), &hash, &ignored) < 0)
		return false;
	return HMAC(EVP_sha1(), buf_str(&salt), (int)salt.len, (const unsigned char *)name,
		    strlen(name), mac, &mac_len) &&
	       hash.len == mac_len && !memcmp(hash.data, mac, mac_len);
}

/* '*' and '?'; goes back to the last star only, so its time is bounded by the product. */
static bool pattern_matches(const char *pattern, size_t len, const char *name)
{
	const char *end = pattern + len, *star = NULL, *resume = NULL;

	while (*name) {
		if (pattern < end && *pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (pattern < end &&
			   (*pattern == '?' || tolower((unsigned char)*pattern) == *name)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

bool known_name_matches(const char *listed, size_t len, const char *name)
{
	bool matches = false;

	if (len > 3 && !memcmp(listed, "|1|", 3))
		return hash_matches(listed, len, name);
	for (const char *end = listed + len, *comma; listed < end; listed = comma + 1) {
		bool negated = *listed == '!';

		comma = memchr(listed, ',', (size_t)(end - listed));
		comma = comma ? comma : end;
		listed += negated;
		if (!pattern_matches(listed, (size_t)(comma - listed), name))
			continue;
		if (negated)
			return false;
		matches = true;
	}
	return matches;
}

static char *lower(const char *s)
{
	char *l = strdup(s);

	if (!l)
		abort();
	for (char *c = l; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return l;
}

void known_names_add(struct known_names *names, const char *host, int port)
{
	auto_free char *name = lower(host);

	if (port == 22) {
		strs_add(&names->exact, name);
		return;
	}
	strs_printf(&names->exact, "[%s]:%d", name, port);
	strs_add(&names->plain, name);
}

void known_names_release(struct known_names *names)
{
	strs_release(&names->exact);
	strs_release(&names->plain);
}
