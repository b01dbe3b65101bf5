/* Any bytes as a word of a shell: what remote_quote makes of it is read back by a parser of its own,
 * written from POSIX's rules (2.2 Quoting, 2.3 Token Recognition), as that one word and nothing else. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "remote/remote.h"

/* One word from *at; false where the shell would see anything but literal characters. */
static bool read_word(const char **at, struct buf *word)
{
	const char *s = *at;

	for (; *s && *s != ' ' && *s != '\n'; s++) {
		if (*s == '\'') {
			const char *end = strchr(s + 1, '\'');

			if (!end)
				return false;
			buf_add(word, s + 1, (size_t)(end - s - 1));
			s = end;
		} else if (*s == '\\') {
			if (!s[1] || s[1] == '\n') /* it would join lines */
				return false;
			buf_add(word, ++s, 1);
		} else {
			return false; /* outside quotes there is nothing of ours */
		}
	}
	*at = s;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	auto_buf struct buf value = BUF_INIT, line = BUF_INIT, word = BUF_INIT;
	const char *at;

	buf_add(&value, data, len);
	remote_quote(&line, buf_str(&value));
	buf_puts(&line, "\n");
	at = buf_str(&line);
	assert(read_word(&at, &word));
	assert(!strcmp(at, "\n"));
	/* a shell's words end at their first zero byte, and so does C's */
	assert(!strcmp(buf_str(&word), buf_str(&value)));
	return 0;
}
