/* What people get to see of files: diffs, with secrets masked. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/diff.h"
#include "steps/steps.h"

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

void steps_mask(char *text)
{
	static const char *const words[] = { "auth_pass", "token:", "tlsBootstrapToken:",
					     "certificateKey:", "--token", "--certificate-key",
					     "client-key-data:", NULL };

	for (const char *const *w = words; *w; w++)
		mask_after(text, *w);
	for (char *at = text; *at; at++) {
		size_t n = at == text || !is_token_char(at[-1]) ? secret_at(at, text) : 0;

		if (n)
			memset(at, '*', n);
	}
}

static void masked(const struct buf *in, struct buf *out)
{
	buf_add(out, in->data ? in->data : "", in->len);
	steps_mask(out->data);
}

void steps_diff(struct plan_node *n, const char *path, const struct buf *old_text,
		const struct buf *new_text)
{
	auto_wipe struct buf a = BUF_INIT, b = BUF_INIT;
	auto_buf struct buf out = BUF_INIT;
	auto_err struct err err = ERR_INIT;
	auto_free char *name = NULL;

	if (asprintf(&name, "%s:%s", n->name, path) < 0)
		abort();
	masked(old_text, &a);
	masked(new_text, &b);
	if (diff_unified(name, &a, name, &b, &out, &err) < 0)
		plan_warn(n->plan, n->name, "%s: no diff: %s", path, err.msg);
	else if (out.len)
		plan_diff(n, buf_str(&out));
	else if (a.len == b.len)
		plan_note(n->plan, n->name, "%s: only a masked value differs", path);
}
