/* The text before libyaml sees it: encoding, control characters, places. */
#include "yaml/stream.h"

#include <string.h>

#define DIRECTIVES_MAX 64

size_t text_bom(const char *text, size_t len)
{
	return len >= YAML_BOM_LEN && !memcmp(text, "\xef\xbb\xbf", YAML_BOM_LEN) ? YAML_BOM_LEN : 0;
}

struct place text_place(const char *name, const char *text, size_t len, size_t byte)
{
	struct place at = { name, text, len, byte, 1, 1 };

	for (size_t i = text_bom(text, len); i < byte; i++) {
		if (text[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if (((unsigned char)text[i] & 0xC0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

int32_t text_decode(const char *text, size_t left, size_t *width)
{
	const unsigned char *s = (const unsigned char *)text;
	static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int32_t c;

	*width = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 :
		 s[0] < 0xF5 ? 4 : 0;
	if (!*width || *width > left)
		return -1;
	if (*width == 1)
		return s[0];
	c = s[0] & (0x7F >> *width);
	for (size_t i = 1; i < *width; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3F);
	}
	if (c < least[*width] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return -1;
	return c;
}

/* The characters that YAML 1.1 allows in a stream (5.1), as libyaml does. */
static bool printable(int32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n' || c == '\r';
	return c < 0x7F || c == 0x85 || (c >= 0xA0 && c != 0xFEFF && c != 0xFFFE && c != 0xFFFF);
}

static int check_encoding(const char *name, const char *text, size_t len, struct err *err)
{
	const struct place start = { name, "", 0, 0, 1, 1 };

	if (len >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2) ||
			 (!text[0] && text[1]) || (text[0] && !text[1])))
		return place_error(&start, err, "the file is UTF-16; convert it to UTF-8 (iconv -t UTF-8)");
	return 0;
}

static int bad_character(const char *name, const char *text, size_t len, size_t byte, int32_t c,
			 struct err *err)
{
	struct place at = text_place(name, text, len, byte);

	if (c < 0)
		return place_error(&at, err, "the byte 0x%02x is not UTF-8", (unsigned char)text[byte]);
	if (c == '\r')
		return place_error(&at, err, "a carriage return without a line feed; lines end in LF or CRLF");
	if (c == 0)
		return place_error(&at, err, "a NUL byte; this is no text file");
	return place_error(&at, err, "the control character U+%04X is not allowed", (unsigned)c);
}

int text_check(const char *name, const char *text, size_t len, struct err *err)
{
	size_t width, directives = 0;
	int32_t c;

	if (check_encoding(name, text, len, err) < 0)
		return -1;
	for (size_t i = text_bom(text, len); i < len; i += width) {
		width = 1;
		if (text[i] >= 0x20 && text[i] < 0x7F && text[i] != '%')
			continue;
		if (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n'))
			return bad_character(name, text, len, i, '\r', err);
		c = text_decode(text + i, len - i, &width);
		if (c < 0 || !printable(c))
			return bad_character(name, text, len, i, c, err);
		if (c == '%' && (!i || text[i - 1] == '\n') && ++directives > DIRECTIVES_MAX) {
			struct place at = text_place(name, text, len, i);

			return place_error(&at, err, "more than %d directives", DIRECTIVES_MAX);
		}
	}
	return 0;
}
