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

bool cause_rule(size_t i, const char **id, const char **text, const char **remedy)
{
	if (i >= cause_nrules)
		return false;
	*id = cause_rules[i].id;
	*text = cause_rules[i].text;
	*remedy = cause_rules[i].remedy;
	return true;
}
