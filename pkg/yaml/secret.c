/*
 * Secrets in a line that is shown.  The text may be broken YAML, so this is a matter of words
 * and not of nodes; in doubt it hides too much.
 */
#include "yaml/stream.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MASK "***"

bool secret_key(const char *key, size_t len)
{
	static const char *const names[] = {
		"token", "tlsBootstrapToken", "certificateKey", "password", "passwordEnv", "client-key-data",
		"id-token", "refresh-token", "access-token", "auth_pass",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == len && !strncasecmp(key, names[i], len))
			return true;
	return false;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	return s;
}

static const char *word_end(const char *s, const char *end)
{
	while (s < end && word_char(*s))
		s++;
	return s;
}

/* Behind the colon when the word ending at s is a key, else NULL. */
static const char *after_colon(const char *s, const char *end)
{
	if (s < end && (*s == '"' || *s == '\''))
		s++;
	s = skip_blanks(s, end);
	return s < end && *s == ':' ? s + 1 : NULL;
}

/* The end of a secret value at s; s itself when there is none on this line. */
static const char *value_end(const char *s, const char *end, bool in_flow)
{
	if (s == end || strchr("#|>\r", *s))
		return s;
	if (*s == '"' || *s == '\'') {
		for (const char *p = s + 1; p < end; p++) {
			if (*s == '"' && *p == '\\')
				p++;
			else if (*p == *s && *s == '\'' && p + 1 < end && p[1] == '\'')
				p++;
			else if (*p == *s)
				return p + 1;
		}
		return end;
	}
	if (in_flow && isalnum((unsigned char)*s))
		while (s < end && !strchr(",}]", *s))
			s++;
	else
		s = end;
	return s;
}

/* Length of a bootstrap token (abcdef.0123456789abcdef) or certificate key (64 hexadecimal
 * digits that are no sha256: hash) at s, or 0. */
static size_t secret_shape(const char *s, const char *end, bool after_colon_sign)
{
	size_t n = 0;

	while (s + n < end && (islower((unsigned char)s[n]) || isdigit((unsigned char)s[n])))
		n++;
	if (n == 6 && s + 23 <= end && s[6] == '.') {
		for (n = 7; s + n < end && (islower((unsigned char)s[n]) || isdigit((unsigned char)s[n]));)
			n++;
		return n == 23 ? n : 0;
	}
	for (n = 0; s + n < end && isxdigit((unsigned char)s[n]);)
		n++;
	return n == 64 && !after_colon_sign ? n : 0;
}

/* Is the last key on the line a secret one? */
static bool ends_in_secret(const char *s, const char *end)
{
	bool secret = false;

	while (s < end) {
		const char *word = s, *colon;

		s = word_end(s, end);
		if (s == word) {
			s++;
			continue;
		}
		colon = after_colon(s, end);
		if (colon && (colon == end || strchr(" \t\r\"'", *colon)))
			secret = secret_key(word, (size_t)(s - word));
	}
	return secret;
}

/* Is the line part of a value that a secret key on an earlier line began?  It is when the
 * nearest earlier line that starts further left (list dashes not counted) ends in such a key. */
static bool continues_secret(const char *text, size_t line_start, size_t line_end)
{
	size_t indent = 0, column;

	while (line_start + indent < line_end && text[line_start + indent] == ' ')
		indent++;
	while (line_start > 0) {
		size_t start = line_start - 1;
		const char *end = text + start, *first;

		while (start > 0 && text[start - 1] != '\n')
			start--;
		first = text + start;
		while (first < end && strchr(" \t-{[?", *first))
			first++;
		column = (size_t)(first - text) - start;
		line_start = start;
		if (first < end && *first != '#' && *first != '\r' && column < indent)
			return ends_in_secret(first, end);
	}
	return false;
}

struct masking {
	const char *from; /* copied up to here */
	const char *at;   /* the byte the caret is for */
	struct buf *out;
	size_t *caret;
};

static void copy_to(struct masking *m, const char *to)
{
	if (m->at >= m->from && m->at < to)
		*m->caret = m->out->len + (size_t)(m->at - m->from);
	buf_add(m->out, m->from, (size_t)(to - m->from));
	m->from = to;
}

static void mask_to(struct masking *m, const char *to)
{
	if (m->at >= m->from && m->at < to)
		*m->caret = m->out->len;
	buf_puts(m->out, MASK);
	m->from = to;
}

/* Handles the word at s; returns where to look on. */
static const char *mask_word(struct masking *m, const char *s, const char *end, bool after_sign,
			     bool in_flow)
{
	const char *stop = word_end(s, end), *value;
	size_t shape = secret_shape(s, end, after_sign);

	if (shape) {
		copy_to(m, s);
		mask_to(m, s + shape);
		return s + shape;
	}
	value = secret_key(s, (size_t)(stop - s)) ? after_colon(stop, end) : NULL;
	if (!value)
		return stop;
	value = skip_blanks(value, end);
	stop = value_end(value, end, in_flow);
	if (stop > value) {
		copy_to(m, value);
		mask_to(m, stop);
	}
	return stop;
}

/* Masks the words of a line from s on. */
static void mask_words(struct masking *m, const char *text, const char *s, const char *end)
{
	int flow = 0;

	while (s < end) {
		if (word_char(*s)) {
			s = mask_word(m, s, end, s > text && s[-1] == ':', flow > 0);
			continue;
		}
		flow += (*s == '{') - (*s == '}');
		s++;
	}
	copy_to(m, end);
}

static void mask_all(struct masking *m, const char *s, const char *end)
{
	copy_to(m, skip_blanks(s, end));
	mask_to(m, end);
}

void secret_mask_line(const char *text, size_t len, size_t line_start, size_t line_end, size_t at,
		      struct buf *out, size_t *caret)
{
	const char *s = text + line_start, *end = text + (line_end < len ? line_end : len);
	struct masking m = { s, text + at, out, caret };

	*caret = 0;
	if (continues_secret(text, line_start, line_end))
		mask_all(&m, s, end);
	else
		mask_words(&m, text, s, end);
	if (m.at >= end)
		*caret = out->len;
}

void yaml_mask_secrets(const char *text, size_t len, struct buf *out)
{
	size_t caret = 0, secret_column = SIZE_MAX;

	for (const char *s = text, *stop = text + len, *next; s < stop; s = next) {
		const char *newline = memchr(s, '\n', (size_t)(stop - s)), *end, *first = s;
		struct masking m = { s, NULL, out, &caret };

		next = newline ? newline + 1 : stop;
		end = newline ? newline - (newline > s && newline[-1] == '\r') : stop;
		while (first < end && strchr(" \t-{[?", *first))
			first++;
		if (first < end && secret_column < (size_t)(skip_blanks(s, end) - s)) {
			mask_all(&m, s, end);
		} else if (first < end) {
			secret_column = ends_in_secret(first, end) ? (size_t)(first - s) : SIZE_MAX;
			mask_words(&m, text, s, end);
		}
		copy_to(&m, next);
	}
}
