/* Runs a fuzz target over the files and folders named: what a corpus found once stays found. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay(const char *path, int *count)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf text = BUF_INIT;

	if (file_read(path, 1 << 24, &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	(*count)++;
	return LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&text), text.len);
}

static int replay_folder(const char *path, int *count)
{
	DIR *dir = opendir(path);
	int rc = dir ? 0 : -1;

	for (struct dirent *d; rc == 0 && (d = readdir(dir));) {
		auto_buf struct buf name = BUF_INIT;

		buf_printf(&name, "%s/%s", path, d->d_name);
		if (d->d_name[0] != '.')
			rc = replay(buf_str(&name), count);
	}
	if (dir)
		closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);

		if ((folder ? replay_folder : replay)(argv[i], &count) < 0)
			return 1;
	}
	if (!count)
		fprintf(stderr, "%s: nothing to replay\n", argv[0]);
	return count ? 0 : 1;
}
