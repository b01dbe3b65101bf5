/* Whatever a value is, a node's shell takes it literally: as a variable, as a word, as a path. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../hostile.h"
#include "remote/remote.h"

static struct remote *here;
static char dir[] = "/tmp/test_hostile.XXXXXX";

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	here = remote_local();
	here->root = REMOTE_ROOT_NONE;
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
	remote_close(here);
	return 0;
}

/* In a folder of its own, where nothing may appear. */
static void run(struct buf *script, const struct remote_var *vars, struct remote_result *res)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf all = BUF_INIT;

	buf_printf(&all, "mkdir -p %s/empty && cd %s/empty || exit 9\n%s\nls -A >&2", dir, dir, buf_str(script));
	const struct remote_cmd cmd = { .script = buf_str(&all), .vars = vars };

	assert_int_equal(remote_run(here, &cmd, res, &err), 0);
	assert_int_equal(res->status, 0);
	assert_string_equal(buf_str(&res->err), "");
}

static void variables_are_literal(void **state)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct remote_var vars[HOSTILE_COUNT + 1] = { { NULL, NULL } };
	auto_buf struct buf script = BUF_INIT, expected = BUF_INIT;
	char names[HOSTILE_COUNT][8];

	(void)state;
	for (size_t i = 0; i < HOSTILE_COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "v%zu", i);
		vars[i] = (struct remote_var){ names[i], hostile_value(i) };
		buf_printf(&script, "printf '<%%s>' \"$%s\"\n", names[i]);
		buf_printf(&expected, "<%s>", hostile_value(i));
	}
	run(&script, vars, &res);
	assert_string_equal(buf_str(&res.out), buf_str(&expected));
}

static void words_are_literal(void **state)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_buf struct buf script = BUF_INIT, expected = BUF_INIT;

	(void)state;
	buf_puts(&script, "printf '<%s>' --");
	buf_puts(&expected, "<-->");
	for (size_t i = 0; i < HOSTILE_COUNT; i++) {
		buf_puts(&script, " ");
		remote_quote(&script, hostile_value(i));
		buf_printf(&expected, "<%s>", hostile_value(i));
	}
	run(&script, NULL, &res);
	assert_string_equal(buf_str(&res.out), buf_str(&expected));
}

/* Those that can be a name; the others are refused. */
static void names_of_files_are_literal(void **state)
{
	static struct remote_file files[HOSTILE_COUNT];
	static const char *paths[HOSTILE_COUNT], *backups[HOSTILE_COUNT];
	struct buf back[HOSTILE_COUNT] = { { NULL, 0, 0 } };
	bool found[HOSTILE_COUNT];
	auto_strs struct strs names = STRS_INIT;
	auto_err struct err err = ERR_INIT;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < HOSTILE_COUNT; i++) {
		const char *v = hostile_value(i);

		if (!strpbrk(v, "/\n") && strlen(v) < 200)
			strs_printf(&names, "%s/put/%s", dir, v);
	}
	assert_true(names.n > 60);
	for (; n < names.n; n++) {
		paths[n] = names.v[n];
		files[n] = (struct remote_file){ names.v[n], names.v[n], strlen(names.v[n]), 0600 };
	}
	for (int plain = 0; plain < 2; plain++) {
		if ((plain ? remote_put_keeping(here, files, backups, n, NULL, &err) : remote_put(here, files, n, NULL, &err)) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(remote_get(here, paths, n, back, found, 5000, &err), 0);
		for (size_t i = 0; i < n; i++) {
			assert_true(found[i]);
			assert_string_equal(buf_str(&back[i]), paths[i]);
			buf_clear(&back[i]);
		}
		for (size_t i = 0; i < n; i++)
			assert_int_equal(unlink(paths[i]), 0);
	}
	for (size_t i = 0; i < n; i++)
		buf_release(&back[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_are_literal),
		cmocka_unit_test(words_are_literal),
		cmocka_unit_test(names_of_files_are_literal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
