/* Whole documents: appended, taken out. */
#define _GNU_SOURCE
#include "yaml/edit.h"

#include <string.h>

#include "yaml/stream.h"

#define MARK_LEN 3 /* of "---" */

void yaml_edit_append_document(struct yaml_edit *e, const struct yaml_stream *s, const char *text)
{
	const char *line_end = yaml_line_end(s);
	auto_wipe struct buf out = BUF_INIT;
	bool open_line = s->len > text_bom(s->text, s->len) && s->text[s->len - 1] != '\n';

	buf_reserve(&out, 2 * strlen(text) + 16);
	buf_puts(&out, open_line ? line_end : "");
	buf_puts(&out, "---");
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		buf_puts(&out, line_end);
		buf_add(&out, line, len);
		line += len + (line[len] == '\n');
	}
	buf_puts(&out, open_line ? "" : line_end);
	yaml_edit_splice(e, s->len, s->len, buf_str(&out));
}

/* Of the "---", or of the first token when there is none. */
static size_t document_start(const struct yaml_doc *d)
{
	return d->explicit_start ? d->content - MARK_LEN : d->content;
}

void yaml_edit_remove_document(struct yaml_edit *e, const struct yaml_stream *s, size_t doc)
{
	const struct yaml_doc *d = &s->docs[doc];
	size_t start = doc || d->explicit_start ? document_start(d) : text_bom(s->text, s->len);
	size_t end = doc + 1 < s->ndocs ? document_start(d + 1) : s->len;

	yaml_edit_splice(e, start, end, "");
}

/* Takes the "---" out; what follows it on its line stays. */
static void remove_mark(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_doc *d)
{
	size_t end = d->content + strspn(s->text + d->content, " \t");

	end += s->text[end] == '\r';
	end += s->text[end] == '\n';
	yaml_edit_splice(e, document_start(d), end, "");
}

void yaml_edit_split_documents(struct yaml_edit *e, const struct yaml_stream *s)
{
	bool content_before = false;

	for (size_t i = 0; i < s->ndocs; i++) {
		const struct yaml_doc *d = &s->docs[i];
		size_t blanks = strspn(s->text + d->content, " \t");

		if (d->explicit_start && !(d->root && content_before))
			remove_mark(e, s, d);
		else if (d->explicit_start && !strchr("\r\n", s->text[d->content + blanks]))
			yaml_edit_splice(e, d->content, d->content + blanks, yaml_line_end(s));
		content_before |= d->root != NULL;
	}
}
