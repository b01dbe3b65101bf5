#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "remote/remote.h"

/*
 * The ways to root, with programs that stand in for sudo, doas and id, in a folder that is first
 * in PATH.  Each call is noted in the file "calls".  The password is "right one's"; it is asked as
 * often as sudo does, and read as sudo does, byte by byte.
 */
#define PASSWORD "right one's"

static const char asking_sudo[] =
	"#!/bin/sh\n"
	"echo \"sudo $*\" >>^/calls\n"
	"while :; do case $1 in -n) n=1;; -k) ;; -S) s=1;; -p) shift;; *) break;; esac; shift; done\n"
	"[ -z \"$n\" ] || { echo 'sudo: a password is required' >&2; exit 1; }\n"
	"echo 'We trust you have received the usual lecture' >&2\n"
	"for i in 1 2 3; do\n"
	"	IFS= read -r p || { echo 'sudo: no password was provided' >&2; break; }\n"
	"	[ \"$p\" != \"right one's\" ] || exec \"$@\"\n"
	"	echo \"bad password\" >>^/calls\n"
	"	echo 'Sorry, try again.' >&2\n"
	"done\n"
	"echo \"sudo: $((i - 1)) incorrect password attempts\" >&2\n"
	"exit 1\n";

struct world {
	char dir[32];
	char *path;
	struct remote *here;
	struct remote_password source;
	const char *passwords[4]; /* given one after the other */
	int gets, taken, refused;
	struct err err;
	struct remote_result res;
};

static int give(void *ctx, struct buf *password, struct err *err)
{
	struct world *w = ctx;
	const char *p = w->passwords[w->gets++];

	if (!p)
		return err_set(err, ERR_CONNECT, "nobody knows a password");
	buf_puts(password, p);
	return 0;
}

static void settle(void *ctx, bool taken)
{
	struct world *w = ctx;

	*(taken ? &w->taken : &w->refused) += 1;
}

/* A program that stands in for another; ^ in its text is the folder. */
static void stand_in(struct world *w, const char *name, const char *text)
{
	auto_buf struct buf b = BUF_INIT;
	auto_free char *path = NULL;

	for (; *text; text++)
		if (*text == '^')
			buf_puts(&b, w->dir);
		else
			buf_add(&b, text, 1);
	assert_true(asprintf(&path, "%s/%s", w->dir, name) > 0);
	assert_int_equal(file_write(path, b.data, b.len, 0755, &w->err), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	auto_free char *path = NULL;

	snprintf(w->dir, sizeof(w->dir), "/tmp/test_root.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->path = strdup(getenv("PATH"));
	assert_true(asprintf(&path, "%s:%s", w->dir, w->path) > 0);
	setenv("PATH", path, 1);
	stand_in(w, "id", "#!/bin/sh\necho 1000\n");
	stand_in(w, "calls", "");
	w->here = remote_local();
	w->here->root = REMOTE_ROOT_AUTO;
	w->source = (struct remote_password){ give, settle, w };
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[100];

	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	assert_int_equal(system(command), 0);
	setenv("PATH", w->path, 1);
	remote_close(w->here);
	err_clear(&w->err);
	remote_result_release(&w->res);
	free(w->path);
	free(w);
	return 0;
}

static int run(struct world *w, const char *script)
{
	err_clear(&w->err);
	if (remote_run(w->here, &(struct remote_cmd){ .script = script }, &w->res, &w->err) == 0)
		return 0;
	return -1;
}

static void assert_calls(struct world *w, const char *expected)
{
	auto_buf struct buf b = BUF_INIT;
	auto_free char *path = NULL;

	assert_true(asprintf(&path, "%s/calls", w->dir) > 0);
	assert_int_equal(file_read(path, 1 << 16, &b, &w->err), 0);
	assert_string_equal(buf_str(&b), expected);
	assert_int_equal(truncate(path, 0), 0);
}

/* The lecture stays out; stdin is empty, whatever sudo has read of it. */
static void assert_runs(struct world *w)
{
	assert_int_equal(run(w, "echo in; echo e >&2; cat; exit 4"), 0);
	assert_int_equal(w->res.status, 4);
	assert_string_equal(buf_str(&w->res.out), "in\n");
	assert_string_equal(buf_str(&w->res.err), "e\n");
}

static void assert_puts(struct world *w)
{
	auto_free char *path = NULL;
	auto_buf struct buf back = BUF_INIT;

	assert_true(asprintf(&path, "%s/put", w->dir) > 0);
	assert_int_equal(remote_put(w->here, &(struct remote_file){ .path = path, .data = "x\n", .len = 2, .mode = 0600 }, 1, NULL, &w->err), 0);
	assert_int_equal(file_read(path, 100, &back, &w->err), 0);
	assert_string_equal(buf_str(&back), "x\n");
}

static void a_login_that_is_root_already_needs_nothing(void **state)
{
	struct world *w = *state;

	stand_in(w, "id", "#!/bin/sh\necho 0\n");
	stand_in(w, "sudo", asking_sudo);
	assert_runs(w);
	assert_runs(w);
	assert_calls(w, "");
}

static void sudo_without_a_password_is_found_once(void **state)
{
	struct world *w = *state;

	stand_in(w, "sudo", "#!/bin/sh\necho \"sudo $*\" >>^/calls\n[ \"$1\" = -n ] || exit 9\nshift\necho lecture >&2\nexec \"$@\"\n");
	assert_runs(w);
	assert_calls(w, "sudo -n sh -c :\nsudo -n sh -s\n");
	assert_runs(w);
	assert_calls(w, "sudo -n sh -s\n");
	assert_puts(w);
}

static void files_may_be_the_first_that_is_sent(void **state)
{
	struct world *w = *state;

	w->here->password = &w->source;
	w->passwords[0] = PASSWORD;
	stand_in(w, "sudo", asking_sudo);
	assert_puts(w);
	assert_puts(w);
	assert_int_equal(w->gets, 1);
}

static void a_password_is_given_when_it_is_wanted_and_kept(void **state)
{
	struct world *w = *state;

	w->here->password = &w->source;
	w->passwords[0] = PASSWORD;
	stand_in(w, "sudo", asking_sudo);
	assert_runs(w);
	assert_calls(w, "sudo -n sh -c :\nsudo -k -S -p  sh -c :\nsudo -k -S -p  sh -s\n");
	assert_runs(w);
	assert_calls(w, "sudo -k -S -p  sh -s\n");
	assert_puts(w);
	assert_int_equal(w->gets, 1);
	assert_int_equal(w->taken, 1);
	assert_int_equal(w->refused, 0);
}

static void a_wrong_password_is_tried_once_and_the_next_is_asked_for(void **state)
{
	struct world *w = *state;

	w->here->password = &w->source;
	w->passwords[0] = "wrong";
	w->passwords[1] = PASSWORD;
	stand_in(w, "sudo", asking_sudo);
	assert_runs(w);
	assert_calls(w, "sudo -n sh -c :\nsudo -k -S -p  sh -c :\nbad password\nsudo -k -S -p  sh -c :\nsudo -k -S -p  sh -s\n");
	assert_int_equal(w->refused, 1);
	assert_int_equal(w->taken, 1);
}

static void without_a_right_password_nothing_runs(void **state)
{
	struct world *w = *state;
	auto_free char *path = NULL, *script = NULL;

	w->here->password = &w->source;
	w->passwords[0] = "wrong";
	stand_in(w, "sudo", asking_sudo);
	assert_true(asprintf(&path, "%s/ran", w->dir) > 0);
	assert_true(asprintf(&script, ": >%s", path) > 0);
	assert_int_equal(run(w, script), -1);
	assert_string_equal(w->err.msg, "sudo wants a password: nobody knows a password");
	assert_int_equal(w->gets, 2);
	assert_int_equal(access(path, F_OK), -1);
}

static void doas_is_taken_where_there_is_no_sudo_or_it_is_asked_for(void **state)
{
	struct world *w = *state;

	stand_in(w, "doas", "#!/bin/sh\necho \"doas $*\" >>^/calls\n[ \"$1\" = -n ] || exit 9\nshift\nexec \"$@\"\n");
	stand_in(w, "sudo", asking_sudo);
	w->here->root = REMOTE_ROOT_DOAS;
	assert_runs(w);
	assert_runs(w);
	assert_calls(w, "doas -n sh -c :\ndoas -n sh -s\ndoas -n sh -s\n");
	assert_puts(w);
}

static void no_root_is_no_sudo(void **state)
{
	struct world *w = *state;

	stand_in(w, "sudo", asking_sudo);
	w->here->root = REMOTE_ROOT_NONE;
	assert_runs(w);
	assert_calls(w, "");
}

static void a_refusal_is_explained(void **state)
{
	static const struct { enum remote_root root; const char *said, *means; } cases[] = {
		{ REMOTE_ROOT_SUDO, "sudo: a password is required", "set ssh.sudoPasswordFile" },
		{ REMOTE_ROOT_AUTO, "sudo: sorry, you must have a tty to run sudo", "remove 'requiretty'" },
		{ REMOTE_ROOT_AUTO, "u is not in the sudoers file.", "add it to sudoers" },
		{ REMOTE_ROOT_AUTO, "sudo: Account or password is expired, reset your password and try again", "has expired" },
		{ REMOTE_ROOT_AUTO, "sudo: account validation failure, is your account locked?", "unlock it" },
		{ REMOTE_ROOT_DOAS, "doas: Authorization required", "permit the user 'nopass'" },
		{ REMOTE_ROOT_DOAS, "doas: Authentication required", "permit the user 'nopass'" },
		{ REMOTE_ROOT_DOAS, "doas: Operation not permitted", "add it to doas.conf" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_free char *text = NULL;

		assert_true(asprintf(&text, "#!/bin/sh\necho '%s' >&2; exit 1\n", cases[i].said) > 0);
		stand_in(w, cases[i].root == REMOTE_ROOT_DOAS ? "doas" : "sudo", text);
		w->here->root = cases[i].root;
		assert_int_equal(run(w, "echo in"), -1);
		assert_int_equal(w->err.kind, ERR_CONNECT);
		assert_non_null(strstr(w->err.msg, cases[i].means));
	}
}

static void a_password_that_is_no_line_is_refused(void **state)
{
	struct world *w = *state;

	w->here->password = &w->source;
	w->passwords[0] = "two\nlines";
	stand_in(w, "sudo", asking_sudo);
	assert_int_equal(run(w, "echo in"), -1);
	assert_non_null(strstr(w->err.msg, "one line"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_login_that_is_root_already_needs_nothing),
		TEST(sudo_without_a_password_is_found_once),
		TEST(files_may_be_the_first_that_is_sent),
		TEST(a_password_is_given_when_it_is_wanted_and_kept),
		TEST(a_wrong_password_is_tried_once_and_the_next_is_asked_for),
		TEST(without_a_right_password_nothing_runs),
		TEST(doas_is_taken_where_there_is_no_sudo_or_it_is_asked_for),
		TEST(no_root_is_no_sudo),
		TEST(a_refusal_is_explained),
		TEST(a_password_that_is_no_line_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
