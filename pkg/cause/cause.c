#define _GNU_SOURCE
#include "cause/cause.h"

#include <assert.h>
#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "cause/table.h"

#define EVIDENCE_MAX 300
#define GROUP_MAX 80
#define GROUPS 4 /* 0 is the whole match */
#define LINE_MAX_LEN 4096 /* of a line, the rest is not looked at */

static char *copy(const char *s, size_t len)
{
	char *c = strndup(s, len);

	if (!c)
		abort();
	for (char *at = c; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = ' ';
	return c;
}

/* The rule's text with what the first group that took part matched in the place of {1}. */
static char *fill(const char *text, const char *line, const regmatch_t groups[GROUPS])
{
	const char *at = strstr(text, "{1}");
	auto_buf struct buf out = BUF_INIT;
	int g = 1;

	if (!at)
		return copy(text, strlen(text));
	while (g < GROUPS - 1 && groups[g].rm_so < 0)
		g++;
	buf_add(&out, text, (size_t)(at - text));
	if (groups[g].rm_so >= 0) {
		size_t len = (size_t)(groups[g].rm_eo - groups[g].rm_so);

		buf_add(&out, line + groups[g].rm_so, len > GROUP_MAX ? GROUP_MAX : len);
	}
	buf_puts(&out, at + strlen("{1}"));
	return copy(buf_str(&out), out.len);
}

struct line {
	const char *section; /* its name; "" before the first */
	size_t section_len;
	char text[LINE_MAX_LEN];
};

/* Takes the next line of *report; false at the end. */
static bool next_line(const char **report, size_t *left, struct line *l)
{
	while (*left) {
		const char *start = *report, *nl = memchr(start, '\n', *left);
		size_t len = nl ? (size_t)(nl - start) : *left, kept = len < LINE_MAX_LEN - 1 ? len : LINE_MAX_LEN - 1;

		*report += nl ? len + 1 : len;
		*left -= nl ? len + 1 : len;
		if (len > 3 && !strncmp(start, "== ", 3)) {
			l->section = start + 3;
			l->section_len = len - 3;
			continue;
		}
		memcpy(l->text, start, kept);
		l->text[kept] = '\0';
		return true;
	}
	return false;
}

static bool is_section(const struct cause_rule *r, const struct line *l)
{
	return !r->section || (strlen(r->section) == l->section_len && !strncmp(r->section, l->section, l->section_len));
}

static bool try_rule(const struct cause_rule *r, const char *report, size_t len, struct cause *c)
{
	struct line l = { .section = "", .section_len = 0 };
	regmatch_t groups[GROUPS];
	bool found = false;
	regex_t re;
	int rc = regcomp(&re, r->pattern, REG_EXTENDED);

	assert(rc == 0);
	while (rc == 0 && !found && next_line(&report, &len, &l)) {
		found = is_section(r, &l) && regexec(&re, l.text, GROUPS, groups, 0) == 0;
		if (found)
			*c = (struct cause){ .id = r->id, .text = fill(r->text, l.text, groups), .remedy = r->remedy,
					     .section = copy(l.section, l.section_len), .evidence = copy(l.text, EVIDENCE_MAX) };
	}
	regfree(&re);
	return found;
}

bool cause_find(const char *report, size_t len, struct cause *c)
{
	for (size_t i = 0; i < cause_nrules; i++)
		if (try_rule(&cause_rules[i], report, len, c))
			return true;
	return false;
}

void cause_release(struct cause *c)
{
	free(c->text);
	free(c->section);
	free(c->evidence);
	*c = (struct cause)CAUSE_INIT;
}

#define OFTEN "*+?"

/* A set of characters: the first of a few, or "..." for whatever may stand there. */
static const char *add_set(const char *p, struct buf *out)
{
	const char *end = strchr(p + (p[1] == '^' ? 3 : 2), ']');
	bool dots = out->len >= 3 && !memcmp(out->data + out->len - 3, "...", 3);

	assert(end);
	if (p[1] != '^' && !memchr(p, '-', (size_t)(end - p)))
		buf_add(out, p + 1, 1);
	else if (!dots)
		buf_puts(out, "...");
	return end + 1 + strspn(end + 1, OFTEN);
}

/* From a '|' within a group to the group's end. */
static const char *skip_alternatives(const char *p)
{
	for (int depth = 1; *p; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			break;
	}
	return p;
}

/* The first alternative of a pattern, for people. */
static void add_symptom(const char *p, struct buf *out)
{
	int depth = 0;

	while (*p && (*p != '|' || depth)) {
		if (*p == '[') {
			p = add_set(p, out);
		} else if (*p == '(' || *p == ')') {
			depth += *p++ == '(' ? 1 : -1;
			p += p[-1] == ')' ? strspn(p, OFTEN) : 0;
		} else if (*p == '|') {
			p = skip_alternatives(p);
		} else if (*p == '.' && strchr(OFTEN, p[1]) && p[1]) {
			buf_puts(out, "...");
			p += 2;
		} else if (*p == '^' || *p == '$') {
			p++;
		} else {
			p += *p == '\\' && p[1];
			if (p[1] != '?')
				buf_add(out, p, 1);
			p++;
			p += strspn(p, OFTEN);
		}
	}
}

static bool is_seen(const char *id)
{
	const char *const *s = cause_seen;

	while (*s && strcmp(*s, id))
		s++;
	return *s != NULL;
}

bool cause_rule(size_t i, struct cause_entry *e, struct buf *symptom)
{
	const struct cause_rule *r = &cause_rules[i];

	if (i >= cause_nrules)
		return false;
	*e = (struct cause_entry){ r->id, r->text, r->remedy, r->section, is_seen(r->id) };
	if (symptom)
		add_symptom(r->pattern, symptom);
	return true;
}
