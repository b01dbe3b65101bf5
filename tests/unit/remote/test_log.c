#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "remote/log.h"

#define TOKEN "abcdef.0123456789abcdef"

static void text_of(const struct remote_record *rec, struct buf *text)
{
	remote_record_text(rec, REMOTE_LOG_OUTPUT, text);
}

static void output_has_its_secrets_masked_also_where_it_is_cut(void **state)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_buf struct buf text = BUF_INIT;
	const struct remote_cmd cmd = { .script = "x" };
	const struct remote_record rec = { .node = "m1", .what = "kubeadm-run.sh", .cmd = &cmd, .res = &res };

	(void)state;
	res.status = 0;
	for (int i = 0; i < 5000; i++)
		buf_puts(&res.out, "kubeadm join --token " TOKEN "\n");
	text_of(&rec, &text);
	assert_non_null(strstr(text.data, "bytes left out"));
	assert_non_null(strstr(text.data, "    out| kubeadm join --token ****"));
	assert_null(strstr(text.data, "0123456789"));
}

static void a_private_call_shows_neither_its_variables_nor_its_output(void **state)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_buf struct buf text = BUF_INIT;
	const struct remote_var vars[] = { { "a", "hunter1" }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = "x", .vars = vars, .private = true };
	struct remote_record rec = { .node = "m1", .what = "exec", .cmd = &cmd, .ms = -1 };

	(void)state;
	text_of(&rec, &text);
	rec.ms = 10;
	rec.res = &res;
	res.status = 0;
	buf_puts(&res.out, "hunter2\n");
	buf_puts(&res.err, "hunter3\n");
	text_of(&rec, &text);
	assert_non_null(strstr(text.data, "status 0"));
	assert_null(strstr(text.data, "hunter"));
}

static void an_error_that_quotes_the_output_of_a_private_call_is_kept_out_too(void **state)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	auto_buf struct buf text = BUF_INIT;
	const struct remote_cmd cmd = { .script = "x", .private = true };
	struct remote_record rec = { .node = "m1", .what = "exec", .cmd = &cmd, .res = &res,
				     .error = "the shell ended before its script, with status 137 and 'a; hunter2'; was it killed?" };

	(void)state;
	buf_puts(&res.err, "a\nhunter2\n");
	text_of(&rec, &text);
	assert_non_null(strstr(text.data, "m1: exec: failed"));
	assert_null(strstr(text.data, "hunter2"));
	rec.error = "nothing heard for 10 s";
	text_of(&rec, &text);
	assert_non_null(strstr(text.data, "nothing heard for 10 s"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_has_its_secrets_masked_also_where_it_is_cut),
		cmocka_unit_test(a_private_call_shows_neither_its_variables_nor_its_output),
		cmocka_unit_test(an_error_that_quotes_the_output_of_a_private_call_is_kept_out_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
