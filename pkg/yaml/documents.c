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

/* The line of the "---" ends here, or what follows it on that line starts here. */
static size_t mark_end(const struct yaml_stream *s, const struct yaml_doc *d)
{
	size_t end = d->content + strspn(s->text + d->content, " \t");

	end += s->text[end] == '\r';
	end += s->text[end] == '\n';
	return end;
}

static bool content_before(const struct yaml_stream *s, size_t doc)
{
	while (doc > 0)
		if (s->docs[--doc].root)
			return true;
	return false;
}

void yaml_edit_remove_document(struct yaml_edit *e, const struct yaml_stream *s, size_t doc,
			       bool keep_comments)
{
	const struct yaml_doc *d = &s->docs[doc];
	size_t start = doc || d->explicit_start ? document_start(d) : text_bom(s->text, s->len);
	size_t end = doc + 1 < s->ndocs ? document_start(d + 1) : s->len;
	auto_wipe struct buf kept = BUF_INIT;

	if (keep_comments)
		comments_of_document(s, d, d->explicit_start ? d->content : start, end, &kept);
	/* Comments alone are no document to kubeadm: the next one takes them in. */
	if (kept.len && doc + 1 < s->ndocs && !content_before(s, doc))
		end = mark_end(s, d + 1);
	if (end == s->len && doc && s->text[end - 1] != '\n')
		e->open_end = may_end_text(s, s->docs[doc - 1].root);
	yaml_edit_splice(e, start, end, buf_str(&kept));
}

void yaml_edit_split_documents(struct yaml_edit *e, const struct yaml_stream *s)
{
	bool content = false;

	for (size_t i = 0; i < s->ndocs; i++) {
		const struct yaml_doc *d = &s->docs[i];
		size_t blanks = strspn(s->text + d->content, " \t");

		if (d->explicit_start && !(d->root && content))
			yaml_edit_splice(e, document_start(d), mark_end(s, d), "");
		else if (d->explicit_start && !strchr("\r\n", s->text[d->content + blanks]))
			yaml_edit_splice(e, d->content, d->content + blanks, yaml_line_end(s));
		content |= d->root != NULL;
	}
}
