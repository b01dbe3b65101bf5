#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "remote/remote.h"

/* A folder of its own per test, and this machine as the remote. */
struct world {
	struct remote *here;
	char dir[64];
	struct err err;
	struct strs changed;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "/tmp/test_files.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->here = remote_local();
	w->here->root = REMOTE_ROOT_NONE; /* whoever runs the test */
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[100];

	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	assert_int_equal(system(command), 0);
	remote_close(w->here);
	err_clear(&w->err);
	strs_release(&w->changed);
	free(w);
	return 0;
}

static char *path_of(const struct world *w, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", w->dir, name) > 0);
	return path;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void assert_content(const char *path, const char *expected)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf b = BUF_INIT;

	assert_int_equal(file_read(path, 1 << 20, &b, &err), 0);
	assert_string_equal(buf_str(&b), expected);
}

static void assert_entries(const char *dir, int expected)
{
	char command[200], text[32] = "";
	FILE *p;

	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", dir);
	p = popen(command, "r");
	assert_non_null(fgets(text, sizeof(text), p));
	pclose(p);
	assert_int_equal(atoi(text), expected);
}

static void files_arrive_with_their_mode(void **state)
{
	struct world *w = *state;
	auto_free char *a = path_of(w, "new/deep/it's $(a) file "), *b = path_of(w, "b");
	const struct remote_file files[] = { { a, "x\n", 2, 0644 }, { b, "", 0, 0600 } };

	assert_int_equal(remote_put(w->here, files, 2, &w->changed, &w->err), 0);
	assert_int_equal(w->changed.n, 2);
	assert_string_equal(w->changed.v[0], a);
	assert_content(a, "x\n");
	assert_content(b, "");
	assert_int_equal(mode_of(a), 0644);
	assert_int_equal(mode_of(b), 0600);
}

static void directories_below_a_private_one_are_private(void **state)
{
	struct world *w = *state;
	auto_free char *open_dir = path_of(w, "open"), *a = path_of(w, "open/x/a"), *b = path_of(w, "y/z/b"),
		       *x = path_of(w, "open/x"), *z = path_of(w, "y/z");
	const struct remote_file files[] = { { a, "", 0, 0600 }, { b, "", 0, 0600 } };

	assert_int_equal(mkdir(open_dir, 0755), 0);
	assert_int_equal(remote_put(w->here, files, 2, NULL, &w->err), 0);
	assert_int_equal(mode_of(x), 0755);
	assert_int_equal(mode_of(z), 0700);
}

static void equal_files_are_left_alone(void **state)
{
	struct world *w = *state;
	auto_free char *a = path_of(w, "a"), *b = path_of(w, "b"), *c = path_of(w, "c");
	struct remote_file files[] = { { a, "1", 1, 0600 }, { b, "2", 1, 0600 }, { c, "3", 1, 0600 } };

	assert_int_equal(remote_put(w->here, files, 3, NULL, &w->err), 0);
	files[1].mode = 0640;
	files[2].data = "4";
	assert_int_equal(remote_put(w->here, files, 3, &w->changed, &w->err), 0);
	assert_int_equal(w->changed.n, 2);
	assert_string_equal(w->changed.v[0], b);
	assert_string_equal(w->changed.v[1], c);
	assert_int_equal(mode_of(b), 0640);
	assert_content(c, "4");
}

static void nothing_is_written_when_one_file_cannot_be(void **state)
{
	struct world *w = *state;
	auto_free char *a = path_of(w, "a"), *new_dir = path_of(w, "made/for/it"), *dir = path_of(w, "dir");
	const struct remote_file files[] = {
		{ a, "new", 3, 0600 }, { new_dir, "", 0, 0600 }, { dir, "", 0, 0600 } };

	assert_int_equal(file_write(a, "old", 3, 0600, &w->err), 0);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(remote_put(w->here, files, 3, &w->changed, &w->err), -1);
	assert_int_equal(w->err.kind, ERR_REMOTE);
	assert_non_null(strstr(w->err.msg, "/dir' is a directory"));
	assert_int_equal(w->changed.n, 0);
	assert_content(a, "old");
	assert_entries(w->dir, 2);
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
	struct world *w = *state;
	const struct remote_file file = { "/dev/null/folder/file", "", 0, 0600 };

	assert_int_equal(remote_put(w->here, &file, 1, NULL, &w->err), -1);
	assert_int_equal(w->err.kind, ERR_REMOTE);
	if (!strstr(w->err.msg, "mkdir: cannot create directory"))
		fail_msg("%s", w->err.msg);
}

static void a_path_in_the_way_of_another_is_no_harm(void **state)
{
	struct world *w = *state;
	auto_free char *a = path_of(w, "a"), *new = path_of(w, "new"), *dir = path_of(w, "new/x");
	const struct remote_file files[] = {
		{ a, "2", 1, 0600 }, { new, "", 0, 0600 }, { dir, "", 0, 0600 } };

	/* "new" cannot be a file and a directory */
	assert_int_equal(file_write(a, "1", 1, 0640, &w->err), 0);
	assert_int_equal(remote_put(w->here, files, 3, NULL, &w->err), -1);
	assert_content(a, "1");
	assert_int_equal(mode_of(a), 0640);
	assert_entries(w->dir, 1);
}

static void directories_below_each_other_are_filled_at_once(void **state)
{
	struct world *w = *state;
	auto_free char *top = path_of(w, "top"), *a = path_of(w, "top/a b"), *old = path_of(w, "top/old"),
		       *b = path_of(w, "top/old/b"), *kept = path_of(w, "top/old/kept"), *c = path_of(w, "top/old/new/c"),
		       *d = path_of(w, "top/new/deep/d"), *new = path_of(w, "top/new"), *deep = path_of(w, "top/old/new");
	const struct remote_file files[] = { { d, "4", 1, 0644 }, { a, "1", 1, 0600 }, { b, "2", 1, 0600 }, { c, "3", 1, 0600 } };

	assert_int_equal(mkdir(top, 0755), 0);
	assert_int_equal(mkdir(old, 0750), 0);
	assert_int_equal(file_write(b, "0", 1, 0600, &w->err), 0);
	assert_int_equal(file_write(kept, "k", 1, 0600, &w->err), 0);
	assert_int_equal(remote_put(w->here, files, 4, &w->changed, &w->err), 0);
	assert_int_equal(w->changed.n, 4);
	assert_content(a, "1");
	assert_content(b, "2");
	assert_content(c, "3");
	assert_content(d, "4");
	assert_content(kept, "k");
	assert_int_equal(mode_of(old), 0750);
	assert_int_equal(mode_of(new), 0755);
	assert_int_equal(mode_of(deep), 0755);
	assert_entries(top, 3);
	assert_entries(old, 3);
	assert_entries(new, 1);
}

static void a_directory_may_be_a_link_to_another_file_system(void **state)
{
	struct world *w = *state;
	char elsewhere[] = "/dev/shm/test_files.XXXXXX";
	auto_free char *link = path_of(w, "link"), *a = path_of(w, "a"), *b = path_of(w, "link/b"), *c = path_of(w, "link/new/c");
	const struct remote_file files[] = { { a, "1", 1, 0600 }, { b, "2", 1, 0600 }, { c, "3", 1, 0600 } };
	char command[100];

	if (!mkdtemp(elsewhere)) {
		print_message("NOT TESTED: there is no other file system at /dev/shm\n");
		skip();
	}
	assert_int_equal(symlink(elsewhere, link), 0);
	assert_int_equal(file_write(b, "0", 1, 0600, &w->err), 0);
	assert_int_equal(remote_put(w->here, files, 3, NULL, &w->err), 0);
	assert_content(a, "1");
	assert_content(b, "2");
	assert_content(c, "3");
	assert_entries(elsewhere, 2);
	assert_entries(w->dir, 2);
	snprintf(command, sizeof(command), "rm -rf '%s'", elsewhere);
	assert_int_equal(system(command), 0);
}

/* This machine with no more programs than a folder holds: the scripts' own PATH is cut out. */
struct poor {
	struct remote remote, *here;
	char *bin;
};

static int poor_exec(struct remote *r, const struct remote_exec *e, struct remote_result *res, struct err *err)
{
	struct poor *p = (struct poor *)r;
	auto_buf struct buf input = BUF_INIT;
	struct remote_exec own = *e;
	char path[128];
	int n = snprintf(path, sizeof(path), "PATH=%s", p->bin);
	static const char usual[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *at;

	buf_add(&input, e->input, e->input_len);
	at = memmem(input.data, input.len, usual, strlen(usual));
	assert_non_null(at);
	assert_true((size_t)n <= strlen(usual));
	memset(at, ' ', strlen(usual));
	memcpy(at, path, (size_t)n);
	own.input = input.data;
	return p->here->ops->exec(p->here, &own, res, err);
}

static void make_poor(struct poor *p, const struct world *w, const char *const *tools)
{
	static const struct remote_ops ops = { .exec = poor_exec };
	char command[300];

	*p = (struct poor){ { .ops = &ops }, w->here, path_of(w, "bin") };
	assert_int_equal(mkdir(p->bin, 0755), 0);
	for (; *tools; tools++) {
		snprintf(command, sizeof(command), "ln -s \"$(command -v %s)\" %s/", *tools, p->bin);
		assert_int_equal(system(command), 0);
	}
}

static void release_poor(struct poor *p)
{
	remote_release(&p->remote);
	free(p->bin);
}

static void files_replaced_before_a_failure_come_back(void **state)
{
	/* mv moves nothing to the directory "full" */
	static const char *const tools[] = { "sh", "dd", "tar", "sha256sum", "stat", "ls", "ln", "rm", "rmdir", "mkdir",
					     "chmod", "sync", NULL };
	static const char mv[] = "#!/bin/sh\nfor to; do :; done\ncase $to in */full/) exit 1; esac\n"
				 "PATH=/usr/bin:/bin exec mv \"$@\"\n";
	struct world *w = *state;
	auto_free char *a = path_of(w, "a"), *link = path_of(w, "link"), *full = path_of(w, "full"), *b = path_of(w, "full/b"),
		       *new = path_of(w, "new/x/y"), *program = path_of(w, "bin/mv");
	const struct remote_file files[] = { { a, "2", 1, 0600 }, { new, "2", 1, 0600 }, { link, "2", 1, 0600 },
					     { b, "2", 1, 0600 } };
	struct poor poor;
	char target[8] = "";

	make_poor(&poor, w, tools);
	assert_int_equal(file_write(program, mv, sizeof(mv) - 1, 0755, &w->err), 0);
	assert_int_equal(mkdir(full, 0755), 0);
	assert_int_equal(file_write(a, "1", 1, 0640, &w->err), 0);
	assert_int_equal(file_write(b, "1", 1, 0640, &w->err), 0);
	assert_int_equal(symlink("where", link), 0);
	assert_int_equal(remote_put(&poor.remote, files, 4, &w->changed, &w->err), -1);
	assert_non_null(strstr(w->err.msg, "cannot be replaced"));
	assert_int_equal(w->changed.n, 0);
	assert_content(a, "1");
	assert_content(b, "1");
	assert_int_equal(mode_of(a), 0640);
	assert_int_equal(readlink(link, target, sizeof(target)), 5);
	assert_entries(full, 1);
	assert_entries(w->dir, 4);
	release_poor(&poor);
}

static void a_link_is_replaced_and_what_it_names_is_kept(void **state)
{
	struct world *w = *state;
	auto_free char *link = path_of(w, "link"), *named = path_of(w, "named");
	const struct remote_file file = { link, "new", 3, 0600 };
	struct stat st;

	assert_int_equal(file_write(named, "old", 3, 0600, &w->err), 0);
	assert_int_equal(symlink(named, link), 0);
	assert_int_equal(remote_put(w->here, &file, 1, NULL, &w->err), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_content(named, "old");
}

static void a_large_file_arrives_whole(void **state)
{
	struct world *w = *state;
	size_t len = 3 << 20;
	auto_free char *path = path_of(w, "large"), *data = malloc(len);
	const struct remote_file file = { path, data, len, 0600 };
	auto_buf struct buf back = BUF_INIT;
	const char *paths[] = { path };
	bool found;

	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 7 + i / 251);
	assert_int_equal(remote_put(w->here, &file, 1, NULL, &w->err), 0);
	assert_int_equal(remote_get(w->here, paths, 1, &back, &found, len, &w->err), 0);
	assert_true(found);
	assert_int_equal(back.len, len);
	assert_memory_equal(back.data, data, len);
}

static void a_path_must_be_absolute(void **state)
{
	struct world *w = *state;
	const struct remote_file file = { "etc/x", "", 0, 0600 };

	assert_int_equal(remote_put(w->here, &file, 1, NULL, &w->err), -1);
	assert_non_null(strstr(w->err.msg, "'etc/x' is no path of a file"));
}

static void files_are_read_or_found_missing(void **state)
{
	struct world *w = *state;
	auto_free char *a = path_of(w, "it's a"), *b = path_of(w, "b"), *c = path_of(w, "c");
	const char *paths[] = { a, b, c };
	struct buf contents[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	bool found[3];

	assert_int_equal(file_write(a, "none\nfile 3\0x", 13, 0600, &w->err), 0);
	assert_int_equal(file_write(c, "", 0, 0600, &w->err), 0);
	assert_int_equal(remote_get(w->here, paths, 3, contents, found, 100, &w->err), 0);
	assert_true(found[0] && !found[1] && found[2]);
	assert_int_equal(contents[0].len, 13);
	assert_memory_equal(contents[0].data, "none\nfile 3\0x", 13);
	assert_int_equal(contents[2].len, 0);
	for (int i = 0; i < 3; i++)
		buf_release(&contents[i]);
}

static void a_file_over_the_maximum_is_refused(void **state)
{
	struct world *w = *state;
	auto_free char *a = path_of(w, "a");
	const char *paths[] = { a };
	auto_buf struct buf content = BUF_INIT;
	bool found;

	assert_int_equal(file_write(a, "12345", 5, 0600, &w->err), 0);
	assert_int_equal(remote_get(w->here, paths, 1, &content, &found, 4, &w->err), -1);
	assert_non_null(strstr(w->err.msg, "is larger than 4 bytes"));
}

static void the_version_before_is_kept_where_asked(void **state)
{
	struct world *w = *state;
	auto_free char *a = path_of(w, "a"), *b = path_of(w, "b"), *old_a = path_of(w, "kept/it's a"),
		       *old_b = path_of(w, "kept/b");
	struct remote_file files[] = { { a, "1", 1, 0640 }, { b, "2", 1, 0600 } };
	const char *const backups[] = { old_a, old_b };

	assert_int_equal(remote_put_keeping(w->here, files, backups, 2, NULL, &w->err), 0);
	assert_int_equal(access(old_a, F_OK), -1);
	files[0].data = "3";
	assert_int_equal(remote_put_keeping(w->here, files, backups, 2, &w->changed, &w->err), 0);
	assert_int_equal(w->changed.n, 1);
	assert_content(a, "3");
	assert_content(old_a, "1");
	assert_int_equal(mode_of(old_a), 0640);
	assert_int_equal(access(old_b, F_OK), -1);
	files[0].data = "4";
	assert_int_equal(remote_put_keeping(w->here, files, backups, 2, NULL, &w->err), 0);
	assert_content(old_a, "3");
}

static void a_backup_is_taken_back_with_the_rest(void **state)
{
	struct world *w = *state;
	auto_free char *a = path_of(w, "a"), *old = path_of(w, "old"), *new = path_of(w, "new"), *dir = path_of(w, "new/x");
	const struct remote_file files[] = {
		{ a, "2", 1, 0600 }, { new, "", 0, 0600 }, { dir, "", 0, 0600 } };
	const char *const backups[] = { old, NULL, NULL };

	assert_int_equal(file_write(a, "1", 1, 0640, &w->err), 0);
	assert_int_equal(file_write(old, "0", 1, 0600, &w->err), 0);
	assert_int_equal(remote_put_keeping(w->here, files, backups, 3, NULL, &w->err), -1);
	assert_content(a, "1");
	assert_content(old, "0");
	assert_entries(w->dir, 2);
}

static void much_that_is_there_already_is_not_sent_again(void **state)
{
	struct world *w = *state;
	size_t len = 300000;
	auto_free char *a = path_of(w, "a"), *b = path_of(w, "b\\ 'c"), *data = calloc(1, len);
	struct remote_file files[] = { { a, data, len, 0600 }, { b, "2", 1, 0600 } };

	assert_int_equal(remote_put(w->here, files, 2, &w->changed, &w->err), 0);
	assert_int_equal(w->changed.n, 2);
	files[1].data = "3";
	assert_int_equal(remote_put(w->here, files, 2, &w->changed, &w->err), 0);
	assert_int_equal(w->changed.n, 3);
	assert_string_equal(w->changed.v[2], b);
	assert_content(b, "3");
	files[0].mode = 0644;
	assert_int_equal(remote_put(w->here, files, 2, &w->changed, &w->err), 0);
	assert_int_equal(w->changed.n, 4);
	assert_int_equal(mode_of(a), 0644);
}

static void a_machine_without_tar_and_others_takes_files_too(void **state)
{
	static const char *const tools[] = { "sh", "dd", "cp", "mv", "ln", "rm", "rmdir", "mkdir", "chmod", "chown",
					     "cat", "ls", "id", "openssl", NULL };
	struct world *w = *state;
	size_t len = 100001;
	auto_free char *a = path_of(w, "d/a"), *b = path_of(w, "b"), *data = malloc(len);
	struct remote_file files[] = { { a, data, len, 0640 }, { b, "x\0y\n", 4, 0600 } };
	auto_buf struct buf back = BUF_INIT;
	struct poor poor;

	memset(data, 'x', len);
	make_poor(&poor, w, tools);
	if (remote_put(&poor.remote, files, 2, &w->changed, &w->err) < 0)
		fail_msg("%s", w->err.msg);
	assert_int_equal(w->changed.n, 2);
	assert_int_equal(file_read(a, len, &back, &w->err), 0);
	assert_int_equal(back.len, len);
	assert_memory_equal(back.data, data, len);
	assert_int_equal(mode_of(a), 0640);
	release_poor(&poor);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_arrive_with_their_mode),
		TEST(directories_below_a_private_one_are_private),
		TEST(equal_files_are_left_alone),
		TEST(nothing_is_written_when_one_file_cannot_be),
		TEST(a_directory_that_cannot_be_made_is_told),
		TEST(a_path_in_the_way_of_another_is_no_harm),
		TEST(files_replaced_before_a_failure_come_back),
		TEST(directories_below_each_other_are_filled_at_once),
		TEST(a_directory_may_be_a_link_to_another_file_system),
		TEST(a_link_is_replaced_and_what_it_names_is_kept),
		TEST(a_large_file_arrives_whole),
		TEST(the_version_before_is_kept_where_asked),
		TEST(a_backup_is_taken_back_with_the_rest),
		TEST(much_that_is_there_already_is_not_sent_again),
		TEST(a_machine_without_tar_and_others_takes_files_too),
		TEST(a_path_must_be_absolute),
		TEST(files_are_read_or_found_missing),
		TEST(a_file_over_the_maximum_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
