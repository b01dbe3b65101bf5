#define _GNU_SOURCE
#include "ssh/wire.h"

#include <string.h>

struct wire wire_from(const void *data, size_t len)
{
	return (struct wire){ data, len, false };
}

static const char *take(struct wire *w, size_t len)
{
	const char *at = w->at;

	if (w->bad || len > w->left) {
		w->bad = true;
		return NULL;
	}
	w->at += len;
	w->left -= len;
	return at;
}

unsigned char wire_byte(struct wire *w)
{
	const char *at = take(w, 1);

	return at ? (unsigned char)*at : 0;
}

uint32_t wire_u32(struct wire *w)
{
	const unsigned char *at = (const unsigned char *)take(w, 4);

	return at ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3] : 0;
}

struct wire_string wire_string(struct wire *w)
{
	uint32_t len = wire_u32(w);
	const char *at = take(w, len);

	return at ? (struct wire_string){ at, len } : (struct wire_string){ "", 0 };
}

bool wire_is(struct wire_string s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.data, text, s.len);
}

void wire_add_u32(struct buf *b, uint32_t n)
{
	const unsigned char bytes[] = { n >> 24 & 0xff, n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff };

	buf_add(b, bytes, sizeof(bytes));
}

void wire_add_string(struct buf *b, const void *data, size_t len)
{
	wire_add_u32(b, (uint32_t)len);
	buf_add(b, data, len);
}

void wire_add_text(struct buf *b, const char *text)
{
	wire_add_string(b, text, strlen(text));
}

void wire_add_number(struct buf *b, const unsigned char *data, size_t len)
{
	while (len && !*data) {
		data++;
		len--;
	}
	bool sign = len && *data & 0x80;

	wire_add_u32(b, (uint32_t)len + sign);
	buf_add(b, "\0", sign);
	buf_add(b, data, len);
}
