/*
 * Editing a stream as text: pieces of it are replaced, everything else stays byte for byte
 * (comments, quoting, line ends, a byte order mark, a missing last newline).
 *
 * Edits of one struct yaml_edit all speak of the stream as it was parsed and are applied at once;
 * an edit that depends on another one needs the result parsed again.
 */
#ifndef YAML_EDIT_H
#define YAML_EDIT_H

#include "yaml/yaml.h"

struct yaml_splice {
	size_t start, end; /* these bytes of the stream ... */
	char *text;        /* ... become these */
	size_t len, order;
};

struct yaml_edit {
	struct yaml_splice *splices;
	size_t n, cap;
	bool open_end; /* what was the end of the text went, and had no line end */
};

#define YAML_EDIT_INIT { NULL, 0, 0, false }

/* Wipes the texts. */
void yaml_edit_release(struct yaml_edit *e);
#define auto_yaml_edit AUTO(yaml_edit_release)

/* Replaces [start, end).  Splices may touch but not overlap; insertions at one place keep the
 * order in which they were made. */
void yaml_edit_splice(struct yaml_edit *e, size_t start, size_t end, const char *text);

/* The edited text, appended to out, which gets its final capacity before the first byte. */
void yaml_edit_apply(const struct yaml_stream *s, struct yaml_edit *e, struct buf *out);

/* Takes a map's entry out.  Comments stay: what followed the key or the value on its line becomes
 * a line of its own.  Those above, behind and inside the entry go, too, when with_comment says so.
 * A map that loses its only entry becomes {}. */
void yaml_edit_remove(struct yaml_edit *e, const struct yaml_stream *s,
		      const struct yaml_node *value, bool with_comment);

/* The comment behind a value on its line, "#" included; NULL: none.  Not NUL-terminated. */
const char *yaml_comment_behind(const struct yaml_stream *s, const struct yaml_node *n, size_t *len);

/* The lines of comment directly above an entry of a map in block style, as far as they are indented
 * like its key; each with its line end.  NULL: none.  Not NUL-terminated. */
const char *yaml_comment_above(const struct yaml_stream *s, const struct yaml_node *n, size_t *len);

/* Appends the comments between an entry's key and the end of its value, and end behind each. */
void yaml_comments_inside(const struct yaml_stream *s, const struct yaml_node *value, const char *end,
			  struct buf *out);

/* The same for the place where the key stands: each ends its line and indents the next one. */
void yaml_keep_comments(const struct yaml_stream *s, const struct yaml_node *value, struct buf *out);

/* A value to be written; exactly one is set, besides above. */
struct yaml_new {
	const char *string;         /* quoted where needed */
	const char *raw;            /* one line of YAML that is also good in flow style; with a
				     * comment only for a map in block style */
	const char *const *strings; /* a list; ends in NULL */
	const char *const *pairs;   /* a list of one map: key, string, key, string, NULL */
	const char *above;          /* lines of comment for above the key, each with "\n"; only for
				     * a value that a map in block style does not have yet */
};

/* Sets the value at a path below a map of the stream: replaces it, or inserts what is missing
 * with the file's own indentation and in the style (block, flow, JSON) of the map it goes into.
 * An error when the way leads through an alias, a merge key or something that is no map. */
int yaml_edit_set(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *map,
		  const char *path, const struct yaml_new *value, struct err *err) MUST_CHECK;

/* Appends items (value's strings or pairs) to the list at a path, which is made when missing. */
int yaml_edit_append(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *map,
		     const char *path, const struct yaml_new *value, struct err *err) MUST_CHECK;

/* Appends a document; its text has "\n" line ends and no "---". */
void yaml_edit_append_document(struct yaml_edit *e, const struct yaml_stream *s, const char *text);

/* Takes a document out, with the "---" before it.  Its comments go, too, or stay at its place; then
 * no other document may be taken out in the same edit. */
void yaml_edit_remove_document(struct yaml_edit *e, const struct yaml_stream *s, size_t doc,
			       bool keep_comments);

/* Puts every "---" on a line of its own and takes out those of documents without content, whose
 * comments stay: kubeadm 1.20 does not see "--- # comment" as the end of a document and refuses
 * documents that hold comments only. */
void yaml_edit_split_documents(struct yaml_edit *e, const struct yaml_stream *s);

/* A scalar that is read back as this string; json: always in double quotes. */
void yaml_quote(struct buf *out, const char *string, bool json);

/* Where a node begins behind its anchor and tag. */
size_t yaml_content_start(const struct yaml_stream *s, const struct yaml_node *n);

/* The line end of the file: "\n" or "\r\n". */
const char *yaml_line_end(const struct yaml_stream *s);

#endif
