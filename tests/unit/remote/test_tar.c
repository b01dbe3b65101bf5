#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "remote/tar.h"

static void what_is_written_can_be_read(void **state)
{
	static const size_t sizes[] = { 0, 1, 511, 512, 513, 100000 };
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf tar = BUF_INIT;
	auto_free char *data = calloc(1, 100000);
	struct tar_member m;
	const char *at;
	size_t left, expected = TAR_SIZE_END;

	(void)state;
	for (int i = 0; i < 6; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%d", i);
		memset(data, 'a' + i, sizes[i]);
		tar_add(&tar, name, 0600, data, sizes[i]);
		expected += tar_size(strlen(name), sizes[i]);
	}
	tar_end(&tar);
	assert_int_equal(tar.len, expected);
	at = tar.data;
	left = tar.len;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(tar_next(&at, &left, &m, &err), 1);
		assert_int_equal(m.name[1], '0' + i);
		assert_int_equal(m.len, sizes[i]);
		assert_true(!m.len || m.data[m.len - 1] == 'a' + i);
	}
	assert_int_equal(tar_next(&at, &left, &m, &err), 0);
}

static void the_systems_tar_reads_it(void **state)
{
	auto_buf struct buf tar = BUF_INIT;
	char dir[] = "/tmp/test_tar.XXXXXX", command[200], line[200] = "";
	FILE *p;

	(void)state;
	assert_non_null(mkdtemp(dir));
	tar_add(&tar, "manifest", 0640, "hello\n", 6);
	tar_end(&tar);
	snprintf(command, sizeof(command), "cd %s && tar -x -p -f - && stat -c %%a:%%s manifest >out && cat manifest >>out",
		 dir);
	p = popen(command, "w");
	assert_int_equal(fwrite(tar.data, 1, tar.len, p), tar.len);
	assert_int_equal(pclose(p), 0);
	snprintf(command, sizeof(command), "cat %s/out; rm -r %s", dir, dir);
	p = popen(command, "r");
	assert_int_equal(fread(line, 1, sizeof(line) - 1, p), 12);
	pclose(p);
	assert_string_equal(line, "640:6\nhello\n");
}

static void a_long_name_is_kept(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf tar = BUF_INIT;
	char dir[] = "/tmp/test_tar.XXXXXX", command[200], name[251], line[300] = "";
	struct tar_member m;
	const char *at;
	size_t left;
	FILE *p;

	(void)state;
	assert_non_null(mkdtemp(dir));
	memset(name, 'n', 250);
	name[250] = '\0';
	tar_add(&tar, name, 0600, "x", 1);
	tar_end(&tar);
	assert_int_equal(tar.len, tar_size(250, 1) + TAR_SIZE_END);
	at = tar.data;
	left = tar.len;
	assert_int_equal(tar_next(&at, &left, &m, &err), 1);
	assert_int_equal(m.len, 1);
	assert_int_equal(tar_next(&at, &left, &m, &err), 0);
	snprintf(command, sizeof(command), "cd %s && tar -x -f -", dir);
	p = popen(command, "w");
	assert_int_equal(fwrite(tar.data, 1, tar.len, p), tar.len);
	assert_int_equal(pclose(p), 0);
	snprintf(command, sizeof(command), "ls %s; rm -r %s", dir, dir);
	p = popen(command, "r");
	assert_int_equal(fread(line, 1, sizeof(line) - 1, p), 251);
	pclose(p);
	assert_memory_equal(line, name, 250);
}

static void what_is_cut_off_or_damaged_is_refused(void **state)
{
	auto_buf struct buf tar = BUF_INIT;
	struct tar_member m;

	(void)state;
	tar_add(&tar, "x", 0600, "0123456789", 10);
	tar_end(&tar);
	for (size_t len = 0; len < 1024; len += 100) {
		auto_err struct err err = ERR_INIT;
		const char *at = tar.data;
		size_t left = len;

		assert_int_equal(tar_next(&at, &left, &m, &err), -1);
		assert_string_equal(err.msg, "the tar stream ends too early");
	}
	auto_err struct err err = ERR_INIT;
	const char *at = tar.data;
	size_t left = tar.len;

	tar.data[0] = 'y';
	assert_int_equal(tar_next(&at, &left, &m, &err), -1);
	assert_string_equal(err.msg, "this is no tar stream");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(the_systems_tar_reads_it),
		cmocka_unit_test(a_long_name_is_kept),
		cmocka_unit_test(what_is_cut_off_or_damaged_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
