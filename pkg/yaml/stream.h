/* What the files of this module share. */
#ifndef YAML_STREAM_H
#define YAML_STREAM_H

#include <stdarg.h>

#include "yaml/yaml.h"

struct arena {
	struct arena_block *blocks; /* newest first */
};

/* Zeroed; lives until arena_release, which wipes it.  Aligned for an object when all that an
 * arena is asked for are such objects. */
void *arena_alloc(struct arena *a, size_t len);
void arena_release(struct arena *a);

struct yaml_doc {
	struct yaml_node *root;
	size_t content; /* byte after "---", or the document's first byte */
	size_t end;     /* byte of the next "---" or "...", or the text's length */
	bool explicit_start; /* has a "---" */
};

struct yaml_stream {
	char *name;
	char *text;
	size_t len;
	struct yaml_doc *docs;
	size_t ndocs;
	struct arena nodes, texts;
};

/* The comments of a document that lies between two bytes, each with a line end; out gets its final
 * capacity before the first byte. */
void comments_of_document(const struct yaml_stream *s, const struct yaml_doc *d, size_t start, size_t end,
			  struct buf *out);

/* Is the text before this node's end to stay as it is when its line end goes?  Not for a block scalar,
 * whose value that changes. */
bool may_end_text(const struct yaml_stream *s, const struct yaml_node *n);

/* A place in the text for a message; line and column from 1. */
struct place {
	const char *name, *text;
	size_t len;
	size_t byte;
	int line, column;
};

#define YAML_TEXT_MAX (64u << 20) /* offsets and columns stay far from the limits of int */
#define YAML_NODES_MAX 500000u
#define YAML_DOCUMENTS_MAX 10000
#define YAML_BOM_LEN 3

/* 3 when the text starts with a UTF-8 byte order mark, else 0. */
size_t text_bom(const char *text, size_t len);

/* The character at text and its length in bytes, or -1 when it is not UTF-8 (RFC 3629). */
int32_t text_decode(const char *text, size_t left, size_t *width);

/* Line and column of a byte, counted from the start of the text. */
struct place text_place(const char *name, const char *text, size_t len, size_t byte);

/* UTF-8 without control characters, not UTF-16, no flood of %TAG lines (libyaml's cost is
 * quadratic in them): then libyaml's reader has nothing to refuse. */
int text_check(const char *name, const char *text, size_t len, struct err *err) MUST_CHECK;

/* A key whose value must not be shown? */
bool secret_key(const char *key, size_t len);

/* A line of the text with secrets masked, into out; *caret is where in out the byte at
 * offset at shows. */
void secret_mask_line(const char *text, size_t len, size_t line_start, size_t line_end,
		      size_t at, struct buf *out, size_t *caret);

/* Appends text with control characters and bytes that are not UTF-8 made visible. */
void visible_add(struct buf *out, const char *text, size_t len);

int place_error(const struct place *at, struct err *err, const char *fmt, ...) PRINTF(3, 4);
int place_verror(const struct place *at, struct err *err, const char *fmt, va_list ap) PRINTF(3, 0);

#endif
