/*
 * Golden tests: every folder below a folder is a case.  What a case becomes is compared with its
 * file out; GOLDEN_WRITE=1 writes that file instead.  Included once by a test program.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* Called in the case's own folder; what it appends is the result. */
typedef void golden_case(struct buf *got);

static void golden_run(const char *folder, const char *name, golden_case *run)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf got = BUF_INIT, want = BUF_INIT;
	auto_free char *from = getcwd(NULL, 0), *path = NULL;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	assert_int_equal(chdir(path), 0);
	run(&got);
	if (getenv("GOLDEN_WRITE"))
		assert_int_equal(file_write("out", buf_str(&got), got.len, 0644, &err), 0);
	assert_int_equal(file_read("out", 1 << 16, &want, &err), 0);
	assert_int_equal(chdir(from), 0);
	if (strcmp(buf_str(&got), buf_str(&want)))
		print_error("in %s\n", path);
	assert_string_equal(buf_str(&got), buf_str(&want));
}

static int golden_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void golden_run_all(const char *folder, golden_case *run)
{
	struct dirent **names;
	int n = scandir(folder, &names, golden_visible, alphasort);

	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		golden_run(folder, names[i]->d_name, run);
		free(names[i]);
	}
	free(names);
}

#endif
