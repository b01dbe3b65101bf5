#define _GNU_SOURCE
#include "base/mask.h"

#include <stdbool.h>
#include <string.h>

#define PEM_LINE 40 /* characters: less than any line of a PEM text but the last */

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
}

/* Of both alphabets. */
static bool is_base64(char c)
{
	return is_token_char(c) || (c >= 'A' && c <= 'Z') || (c && strchr("+/=-_", c));
}

static size_t run_of(const char *s, bool (*is)(char))
{
	size_t n = 0;

	while (is(s[n]))
		n++;
	return n;
}

static void cover(char *from, const char *to)
{
	for (; from < to; from++)
		if (*from != '\n' && *from != '\r')
			*from = '*';
}

/* A bootstrap token is [a-z0-9]{6}.[a-z0-9]{16}; a certificate key is 64 hex digits that are no
 * digest (kubeadm writes those as sha256:...). */
static size_t secret_at(const char *s, const char *text)
{
	bool digest = s - text >= 7 && !strncmp(s - 7, "sha256:", 7);

	if (run_of(s, is_token_char) == 6 && s[6] == '.' && run_of(s + 7, is_token_char) == 16)
		return 23;
	return run_of(s, is_hex) == 64 && !digest && !is_token_char(s[64]) ? 64 : 0;
}

/* The value behind a key or an option: what follows "word", "word:", "word=", "\"word\":". */
static void mask_after(char *text, const char *word)
{
	for (char *at = text; (at = strstr(at, word));) {
		at += strlen(word);
		at += strspn(at, " \t:=\"'\\");
		for (; *at && !strchr(" \t\r\n\"'\\", *at); at++)
			*at = '*';
	}
}

/* A key "password" of any spelling needs its ':' or '=': the word alone stands in many sentences. */
static void mask_passwords(char *text)
{
	static const char word[] = "passw";

	for (char *at = text; (at = strcasestr(at, word));) {
		bool path = at > text && at[-1] == '/'; /* "/etc/passwd: ..." */

		at += strlen(word);
		at += run_of(at, is_token_char);
		at += strspn(at, "\"'\\");
		if (path || (*at != ':' && *at != '='))
			continue;
		at += strspn(at, " \t:=\"'\\");
		for (; *at && !strchr(" \t\r\n\"'\\,", *at); at++)
			*at = '*';
	}
}

/* "http://user:password@proxy:3128": kubeadm and container runtimes print the proxy they use. */
static void mask_in_urls(char *text)
{
	for (char *at = text; (at = strstr(at, "://"));) {
		char *end, *colon;

		at += strlen("://");
		end = at + strcspn(at, "/ \t\r\n\"'?");
		colon = memchr(at, ':', (size_t)(end - at));
		while (end > at && *end != '@')
			end--;
		if (colon && colon < end)
			cover(colon + 1, end);
	}
}

/* How much of the end of the line that ends at end is base64. */
static size_t base64_before(const char *text, const char *end)
{
	const char *at = end;

	while (at > text && is_base64(at[-1]))
		at--;
	return (size_t)(end - at);
}

/* The lines above one that ends a key whose beginning was cut off. */
static void cover_above(char *text, char *line)
{
	size_t least = 1; /* the last line of a key may be short, no other is */

	while (line > text) {
		char *end = line - 1;
		size_t len;

		if (end > text && end[-1] == '\r')
			end--;
		len = base64_before(text, end);
		if (len < least)
			return;
		cover(end - len, end);
		for (line = end; line > text && line[-1] != '\n';)
			line--;
		least = PEM_LINE;
	}
}

static char *line_of(char *text, char *at)
{
	while (at > text && at[-1] != '\n')
		at--;
	return at;
}

/* What stands between the lines of a PEM private key, also of one that is cut off on either side. */
static void mask_private_keys(char *text)
{
	static const char mark[] = "PRIVATE KEY-----";
	bool open = false;

	for (char *at = text; (at = strstr(at, mark));) {
		char *word = at, *end;

		while (word > text && word[-1] != '-' && word[-1] != '\n')
			word--;
		at += strlen(mark);
		if (!strncmp(word, "END ", 4)) {
			if (!open)
				cover_above(text, line_of(text, word));
			open = false;
			continue;
		}
		end = strstr(at, "-----");
		end = end ? end : at + strlen(at);
		cover(at, end);
		at = end;
		open = true;
	}
}

/* The base64 at s, with the lines that follow where it is broken into lines. */
static size_t base64_lines(const char *s)
{
	size_t len = run_of(s, is_base64), more;

	while (s[len] == '\n' && (more = run_of(s + len + 1, is_base64)) && (!s[len + 1 + more] || s[len + 1 + more] == '\n'))
		len += 1 + more;
	return len;
}

/* The base64 of a PEM private key, alone or behind something else: as in a kubeconfig, or a Secret. */
static void mask_base64_keys(char *text)
{
	/* "PRIVATE KEY--" behind 0, 1 and 2 bytes of a group of three */
	static const char *const marks[] = { "UFJJVkFURSBLRVkt", "QUklWQVRFIEtFWS0t", "BSSVZBVEUgS0VZLS", NULL };

	for (const char *const *m = marks; *m; m++)
		for (char *at = text; (at = strstr(at, *m));) {
			at += strlen(*m);
			cover(at, at + base64_lines(at));
		}
}

/* A JSON Web Token: a service account's, or a user's. */
static void mask_web_tokens(char *text)
{
	for (char *at = text; (at = strstr(at, "eyJ"));) {
		size_t head = run_of(at, is_base64), body = at[head] == '.' ? run_of(at + head + 1, is_base64) : 0;
		size_t len = head + 1 + body;

		if (head < 16 || body < 16) {
			at += 3;
			continue;
		}
		if (at[len] == '.')
			len += 1 + run_of(at + len + 1, is_base64);
		cover(at, at + len);
		at += len;
	}
}

void mask_secrets(char *text)
{
	static const char *const words[] = { "auth_pass", "token:", "\"token\"", "tlsBootstrapToken",
					     "certificateKey", "--token ", "--token=", "--certificate-key",
					     "client-key-data", "Bearer ", NULL };

	for (const char *const *w = words; *w; w++)
		mask_after(text, *w);
	mask_passwords(text);
	mask_in_urls(text);
	mask_private_keys(text);
	mask_base64_keys(text);
	mask_web_tokens(text);
	for (char *at = text; *at; at++) {
		size_t n = at == text || !is_token_char(at[-1]) ? secret_at(at, text) : 0;

		if (n)
			memset(at, '*', n);
	}
}
