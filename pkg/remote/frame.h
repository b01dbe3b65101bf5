/* What stands around a script's output: a nonce that tells it from everything a login says. */
#ifndef REMOTE_FRAME_H
#define REMOTE_FRAME_H

#include "remote/remote.h"

struct frame {
	char nonce[33];
};

int frame_init(struct frame *f, struct err *err) MUST_CHECK;

/* Reduces res to what stands between the nonces and sets its status to the trailer's.  An
 * output without them is explained: what was asked for, "the script", did not run or not end. */
int frame_strip(const struct frame *f, struct remote_result *res, struct err *err) MUST_CHECK;

/* What was told ahead of the frame, in a line "NONCE:WORD": true if WORD is word. */
bool frame_tells(const struct frame *f, const struct remote_result *res, const char *word);

/* Appends the last lines of a node's output as one line without control characters. */
void frame_last_lines(const struct buf *text, struct buf *out);

/* Splits output into lines as it comes, leaving out the frame. */
struct frame_lines {
	const struct frame *frame;
	void (*on_line)(void *ctx, int fd, const char *line);
	void *ctx;
	struct frame_stream {
		struct buf line;
		bool begun, blank; /* blank: an empty line is held back, it may be the trailer's */
	} streams[2];
};

/* The on_output of struct remote_exec; ctx is a struct frame_lines. */
void frame_output(void *ctx, int fd, const char *data, size_t len);
void frame_lines_release(struct frame_lines *l);

#endif
