/* Messages that show the place they speak of. */
#define _GNU_SOURCE
#include "yaml/stream.h"

#include <stdio.h>
#include <string.h>

/* Of a message that is too long to read, in bytes. */
#define MESSAGE_HEAD 300
#define MESSAGE_TAIL 500

#define SHOWN_MAX 200 /* characters of a line */

/* Bytes at s that a terminal must not get as they are; 0: it may have the character. */
static size_t control_width(const char *s, size_t left)
{
	unsigned char c = (unsigned char)s[0];
	size_t width;

	if (text_decode(s, left, &width) < 0)
		return 1;
	if (c < 0x20 || c == 0x7F)
		return 1;
	/* C1 controls; U+2028..202E and U+2066..2069 break or turn the line around. */
	if (c == 0xC2 && left > 1 && (unsigned char)s[1] < 0xA0)
		return 2;
	if (c == 0xE2 && left > 2 && (unsigned char)s[1] == 0x80 &&
	    (unsigned char)s[2] >= 0xA8 && (unsigned char)s[2] <= 0xAE)
		return 3;
	if (c == 0xE2 && left > 2 && (unsigned char)s[1] == 0x81 &&
	    (unsigned char)s[2] >= 0xA6 && (unsigned char)s[2] <= 0xA9)
		return 3;
	return 0;
}

void visible_add(struct buf *out, const char *text, size_t len)
{
	static const char named[] = "\t\n\r";
	size_t hidden, width;

	for (size_t i = 0; i < len; i += hidden ? hidden : width) {
		const char *name = text[i] ? strchr(named, text[i]) : NULL;

		hidden = control_width(text + i, len - i);
		text_decode(text + i, len - i, &width);
		if (!hidden)
			buf_add(out, text + i, width);
		else if (name)
			buf_printf(out, "\\%c", "tnr"[name - named]);
		else
			for (size_t k = 0; k < hidden; k++)
				buf_printf(out, "\\x%02x", (unsigned char)text[i + k]);
	}
}

static bool starts_character(char c)
{
	return ((unsigned char)c & 0xC0) != 0x80;
}

static size_t count_characters(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += starts_character(s[i]);
	return n;
}

/* The byte offset of a character. */
static size_t character(const char *s, size_t len, size_t n)
{
	size_t i = 0;

	while (i < len && n) {
		i++;
		while (i < len && !starts_character(s[i]))
			i++;
		n--;
	}
	return i;
}

/* The line and, below it, the caret; a long line is cut around the caret. */
static void add_line(struct buf *out, const char *line, size_t len, size_t caret)
{
	size_t before = count_characters(line, caret), from = 0, to = len;
	auto_buf struct buf shown = BUF_INIT;
	size_t caret_column;

	if (count_characters(line, len) > SHOWN_MAX) {
		from = before > SHOWN_MAX / 2 ? character(line, len, before - SHOWN_MAX / 2) : 0;
		to = from + character(line + from, len - from, SHOWN_MAX);
	}
	buf_puts(&shown, from ? "..." : "");
	visible_add(&shown, line + from, caret - from);
	caret_column = count_characters(buf_str(&shown), shown.len);
	visible_add(&shown, line + caret, to - caret);
	buf_printf(out, "\n  %s%s\n  %*s^", buf_str(&shown), to < len ? "..." : "",
		   (int)caret_column, "");
}

static void show_line(const struct place *at, struct buf *out)
{
	size_t start = at->byte, end = at->byte, caret = 0;
	size_t bom = text_bom(at->text, at->len);
	auto_buf struct buf line = BUF_INIT;

	if (!at->len)
		return;
	while (start > bom && at->text[start - 1] != '\n')
		start--;
	while (end < at->len && at->text[end] != '\n')
		end++;
	if (end > start && at->text[end - 1] == '\r' && end - 1 >= at->byte)
		end--;
	secret_mask_line(at->text, at->len, start, end, at->byte, &line, &caret);
	add_line(out, buf_str(&line), line.len, caret);
}

/* A message quotes values, which may be as long as the file: its beginning and end are kept. */
static void add_message(struct buf *out, const char *msg)
{
	size_t len = strlen(msg), head = MESSAGE_HEAD, tail = len - MESSAGE_TAIL;

	if (len <= MESSAGE_HEAD + MESSAGE_TAIL) {
		visible_add(out, msg, len);
		return;
	}
	while (head && ((unsigned char)msg[head] & 0xc0) == 0x80)
		head--;
	while (tail < len && ((unsigned char)msg[tail] & 0xc0) == 0x80)
		tail++;
	visible_add(out, msg, head);
	buf_puts(out, " ... ");
	visible_add(out, msg + tail, len - tail);
}

static void add_place(const struct place *at, struct buf *out, const char *fmt, va_list ap)
	PRINTF(3, 0);
static void add_place(const struct place *at, struct buf *out, const char *fmt, va_list ap)
{
	auto_free char *msg = NULL;

	if (vasprintf(&msg, fmt, ap) < 0)
		abort();
	visible_add(out, at->name, strlen(at->name));
	buf_printf(out, ":%d:%d: ", at->line, at->column);
	add_message(out, msg);
}

int place_verror(const struct place *at, struct err *err, const char *fmt, va_list ap)
{
	auto_buf struct buf out = BUF_INIT;

	add_place(at, &out, fmt, ap);
	show_line(at, &out);
	return err_set(err, ERR_CONFIG, "%s", buf_str(&out));
}

int place_error(const struct place *at, struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	place_verror(at, err, fmt, ap);
	va_end(ap);
	return -1;
}

static struct place node_place(const struct yaml_stream *s, const struct yaml_node *n)
{
	if (!n)
		return text_place(s->name, s->text, s->len, text_bom(s->text, s->len));
	return (struct place){ s->name, s->text, s->len, n->start, n->line, n->column };
}

int yaml_error(const struct yaml_stream *s, const struct yaml_node *n, struct err *err,
	       const char *fmt, ...)
{
	struct place at = node_place(s, n);
	va_list ap;

	va_start(ap, fmt);
	place_verror(&at, err, fmt, ap);
	va_end(ap);
	return -1;
}

void yaml_notice(const struct yaml_stream *s, const struct yaml_node *n, struct buf *out,
		 const char *fmt, ...)
{
	struct place at = node_place(s, n);
	va_list ap;

	va_start(ap, fmt);
	add_place(&at, out, fmt, ap);
	va_end(ap);
}
