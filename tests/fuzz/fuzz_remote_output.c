/* What a node may answer: taken apart as lines that come in two pieces, as a whole, and as tar. */
#include <stdint.h>
#include <string.h>

#include "remote/frame.h"
#include "remote/tar.h"

static void ignore_line(void *ctx, int fd, const char *line)
{
	(void)fd;
	*(size_t *)ctx += strlen(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct frame frame = { "N" };
	auto_err struct err err = ERR_INIT, tar_err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_buf struct buf last = BUF_INIT;
	const char *at = (const char *)data;
	size_t total = 0, left = len, half = len / 2;
	struct frame_lines lines = { .frame = &frame, .on_line = ignore_line, .ctx = &total };
	struct tar_member m;

	buf_add(&res.out, data, len);
	buf_add(&res.err, data, half);
	frame_last_lines(&res.out, &last);
	frame_output(&lines, 1, (const char *)data, half);
	frame_output(&lines, 1, (const char *)data + half, len - half);
	frame_lines_release(&lines);
	(void)!frame_strip(&frame, &res, &err);
	while (tar_next(&at, &left, &m, &tar_err) == 1)
		;
	return 0;
}
