#include "base/mask.h"

#include <stdbool.h>
#include <string.h>

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static size_t run_of(const char *s, bool (*is)(char))
{
	size_t n = 0;

	while (is(s[n]))
		n++;
	return n;
}

static bool is_hex(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
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

static void mask_after(char *text, const char *word)
{
	for (char *at = text; (at = strstr(at, word));) {
		at += strlen(word);
		at += strspn(at, " \t:=\"'");
		for (; *at && !strchr(" \t\r\n\"'", *at); at++)
			*at = '*';
	}
}

/* What stands between the lines of a PEM private key. */
static void mask_private_keys(char *text)
{
	for (char *at = text; (at = strstr(at, "PRIVATE KEY-----"));) {
		at += strlen("PRIVATE KEY-----");
		for (; *at && *at != '-'; at++)
			if (*at != '\n' && *at != '\r')
				*at = '*';
		at += strcspn(at, "\n"); /* behind the line of its end, which looks like a beginning */
	}
}

void mask_secrets(char *text)
{
	static const char *const words[] = { "auth_pass", "token:", "tlsBootstrapToken:",
					     "certificateKey:", "--token", "--certificate-key",
					     "client-key-data:", NULL };

	for (const char *const *w = words; *w; w++)
		mask_after(text, *w);
	mask_private_keys(text);
	for (char *at = text; *at; at++) {
		size_t n = at == text || !is_token_char(at[-1]) ? secret_at(at, text) : 0;

		if (n)
			memset(at, '*', n);
	}
}
