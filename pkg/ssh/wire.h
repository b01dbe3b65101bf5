/* The encoding of RFC 4251, section 5: what keys, signatures and the agent speak. */
#ifndef SSH_WIRE_H
#define SSH_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* A place in a message; bad once it was read past its end, and all later reads give nothing. */
struct wire {
	const char *at;
	size_t left;
	bool bad;
};

struct wire_string {
	const char *data; /* inside the message */
	size_t len;
};

struct wire wire_from(const void *data, size_t len);
unsigned char wire_byte(struct wire *w);
uint32_t wire_u32(struct wire *w);
struct wire_string wire_string(struct wire *w);
bool wire_is(struct wire_string s, const char *text);

void wire_add_u32(struct buf *b, uint32_t n);
void wire_add_string(struct buf *b, const void *data, size_t len);
void wire_add_text(struct buf *b, const char *text);

/* An unsigned number, most significant byte first, as an mpint. */
void wire_add_number(struct buf *b, const unsigned char *data, size_t len);

#endif
