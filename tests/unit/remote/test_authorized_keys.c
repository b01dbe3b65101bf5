#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "remote/remote.h"
#include "tmpl/tmpl.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOne it's $(me)@here"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAITwo other"

static char home[64];

static int setup(void **state)
{
	(void)state;
	snprintf(home, sizeof(home), "/tmp/test_keys.XXXXXX");
	return mkdtemp(home) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", home);
	return system(command);
}

static char *path_of(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", home, name) > 0);
	return path;
}

static void write_keys(const char *text)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *dir = path_of(".ssh"), *file = path_of(".ssh/authorized_keys");

	mkdir(dir, 0775);
	assert_int_equal(file_write(file, text, strlen(text), 0664, &err), 0);
}

static void assert_keys(const char *expected)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *file = path_of(".ssh/authorized_keys");
	auto_buf struct buf b = BUF_INIT;

	assert_int_equal(file_read(file, 1 << 16, &b, &err), 0);
	assert_string_equal(buf_str(&b), expected);
}

static mode_t mode_of(const char *name)
{
	auto_free char *path = path_of(name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* true: it was added. */
static bool add(void)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_var vars[] = { { "key", KEY }, { "home", home }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = tmpl_text("authorized-keys.sh"), .vars = vars };
	struct remote *here = remote_local();

	here->root = REMOTE_ROOT_NONE;
	if (remote_check(here, &cmd, &res, &err) < 0)
		fail_msg("%s", err.msg);
	remote_close(here);
	return !strcmp(buf_str(&res.out), "changed\n");
}

static void the_first_key_makes_file_and_folder_private(void **state)
{
	(void)state;
	assert_true(add());
	assert_keys(KEY "\n");
	assert_int_equal(mode_of(".ssh"), 0700);
	assert_int_equal(mode_of(".ssh/authorized_keys"), 0600);
}

static void a_key_is_added_once(void **state)
{
	(void)state;
	write_keys(OTHER "\n" KEY "\n");
	assert_false(add());
	write_keys("from=\"10.0.0.1\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOne under another name\n");
	assert_false(add());
	write_keys("#" KEY "\n");
	assert_true(add());
	assert_keys("#" KEY "\n" KEY "\n");
}

static void keys_that_are_there_stay_also_without_a_last_newline(void **state)
{
	(void)state;
	write_keys(OTHER);
	assert_true(add());
	assert_keys(OTHER "\n" KEY "\n");
	assert_int_equal(mode_of(".ssh"), 0700);
	assert_int_equal(mode_of(".ssh/authorized_keys"), 0600);
}

static void a_link_is_followed(void **state)
{
	auto_free char *link = path_of(".ssh/authorized_keys"), *file = path_of("keys");
	auto_err struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	write_keys("");
	assert_int_equal(file_write(file, OTHER "\n", strlen(OTHER) + 1, 0600, &err), 0);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(file, link), 0);
	assert_true(add());
	assert_keys(OTHER "\n" KEY "\n");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_key_makes_file_and_folder_private),
		TEST(a_key_is_added_once),
		TEST(keys_that_are_there_stay_also_without_a_last_newline),
		TEST(a_link_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
