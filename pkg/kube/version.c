#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "kube/kube.h"
#include "kube/transfer.h"

#define DEFAULT_BASE "https://dl.k8s.io/release"
#define ANSWER_MAX 64
#define CONNECT_MS 5000
#define TOTAL_MS 15000

/* Digits at *at, at most 4 of them; moves behind. */
static bool number(const char **at)
{
	size_t n = strspn(*at, "0123456789");

	*at += n;
	return n > 0 && n <= 4;
}

static bool character(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

/* v1.31.4, v1.32.0-rc.1, v1.20.2+debian; the v may be missing. */
static bool is_version(const char *s)
{
	character(&s, 'v');
	if (!number(&s) || !character(&s, '.') || !number(&s) || !character(&s, '.') || !number(&s))
		return false;
	if (!*s)
		return true;
	return strchr("-+", *s) && s[1] && !s[1 + strspn(s + 1, "0123456789abcdefghijklmnopqrstuvwxyz"
								"ABCDEFGHIJKLMNOPQRSTUVWXYZ.-+")];
}

/* stable, stable-1, stable-1.31, and the same with latest. */
static bool is_label(const char *s)
{
	if (strncmp(s, "stable", 6) && strncmp(s, "latest", 6))
		return false;
	s += 6;
	if (!*s)
		return true;
	if (!character(&s, '-') || !number(&s))
		return false;
	return !*s || (character(&s, '.') && number(&s) && !*s);
}

static void set_options(CURL *c, struct transfer *t, const char *url)
{
	const char *ca_file = getenv("SSL_CERT_FILE"); /* as OpenSSL's programs and curl do */

	transfer_setup(c, t, url);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L); /* dl.k8s.io sends to a mirror */
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
	if (ca_file && *ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, ca_file);
}

static int check_answer(const char *url, long status, struct transfer *t, char **out,
			struct err *err)
{
	auto_buf struct buf shown = BUF_INIT;

	if (status != 200)
		return err_set(err, ERR_FAILED, "%s: HTTP %ld", url, status);
	if (t->body.len && t->body.data[t->body.len - 1] == '\n')
		t->body.data[--t->body.len] = '\0';
	if (buf_str(&t->body)[0] == 'v' && is_version(buf_str(&t->body)) &&
	    strlen(buf_str(&t->body)) == t->body.len) {
		*out = buf_detach(&t->body);
		return 0;
	}
	transfer_quote(&shown, buf_str(&t->body), ANSWER_MAX);
	return err_set(err, ERR_FAILED, "%s: the answer '%s' is no version", url, buf_str(&shown));
}

static int fetch(const char *url, char **out, struct err *err)
{
	const struct transfer_words words = { .where = url, .trust = "a CA this machine trusts" };
	auto_transfer struct transfer t = { .max = ANSWER_MAX };
	CURL *c = curl_easy_init();
	long status = 0;
	CURLcode code;

	if (!c)
		abort();
	set_options(c, &t, url);
	code = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		transfer_failed(c, &t, code, &words, err);
	curl_easy_cleanup(c);
	return code == CURLE_OK ? check_answer(url, status, &t, out, err) : -1;
}

int kube_resolve_version(const char *version, const char *base_url, char **out, struct err *err)
{
	auto_free char *url = NULL;

	if (is_version(version)) {
		*out = strdup(version);
		if (!*out)
			abort();
		return 0;
	}
	if (!is_label(version))
		return err_set(err, ERR_CONFIG, "kubernetesVersion '%s' is neither a version (v1.31.4) "
			       "nor one of stable, stable-1.31, latest, latest-1", version);
	if (asprintf(&url, "%s/%s.txt", base_url ? base_url : DEFAULT_BASE, version) < 0)
		abort();
	if (fetch(url, out, err) < 0)
		return err_wrap(err, "looking up kubernetesVersion '%s' (a literal version such as "
				"v1.31.4 needs no look-up)", version);
	return 0;
}
