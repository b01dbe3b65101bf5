#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yaml/yaml.h"

/* The message about the value at path must be this, after the place. */
static void shown(const char *text, const char *path, const char *expected)
{
	static const struct yaml_limits limits = { .bytes = 10000, .depth = 8 };
	auto_err struct err err = ERR_INIT;
	auto_yaml struct yaml_stream *s = yaml_parse("f", text, strlen(text), &limits, &err);

	assert_non_null(s);
	assert_non_null(yaml_find(yaml_root(s, 0), path));
	assert_int_equal(yaml_error(s, yaml_find(yaml_root(s, 0), path), &err, "no"), -1);
	assert_string_equal(strstr(err.msg, "no"), expected);
}

static void the_caret_stands_under_the_value(void **state)
{
	(void)state;
	shown("a: 1\nb:  x\n", "b", "no\n  b:  x\n      ^");
	shown("ü: {é: 1, b: 2}\r\n", "ü.b", "no\n  ü: {é: 1, b: 2}\n               ^");
}

static void a_long_line_is_cut_around_the_caret(void **state)
{
	auto_buf struct buf text = BUF_INIT, expected = BUF_INIT;

	(void)state;
	buf_puts(&text, "a: {");
	for (int i = 0; i < 150; i++)
		buf_printf(&text, "k%03d: v, ", i);
	buf_puts(&text, "}\n");
	buf_puts(&expected, "no\n  ... v");
	for (int i = 65; i < 87; i++)
		buf_printf(&expected, ", k%03d: v", i);
	buf_printf(&expected, "...\n  %103s^", "");
	shown(buf_str(&text), "a.k075", buf_str(&expected));
}

static void values_of_secret_keys_are_masked(void **state)
{
	(void)state;
	shown("a: {token: abc, b: 1}\n", "a.b", "no\n  a: {token: ***, b: 1}\n                     ^");
	shown("a: {\"token\":\"a,}\\\"b\",\"b\":1}\n", "a.b",
	      "no\n  a: {\"token\":***,\"b\":1}\n                      ^");
	shown("password: se,cr}et # x\n", "password", "no\n  password: ***\n            ^");
	shown("certificateKey: 'a''b' # x\n", "certificateKey",
	      "no\n  certificateKey: *** # x\n                  ^");
	shown("Token: abc\n", "Token", "no\n  Token: ***\n         ^");
	shown("tlsBootstrapToken: !!str abc\n", "tlsBootstrapToken",
	      "no\n  tlsBootstrapToken: ***\n                     ^");
	shown("bootstrapTokens: {a: b}\n", "bootstrapTokens", "no\n  bootstrapTokens: {a: b}\n"
	      "                   ^");
}

static void values_on_lines_below_their_key_are_masked(void **state)
{
	(void)state;
	shown("token:\n  abc\n", "token", "no\n    ***\n    ^");
	shown("token:\n\n  # c\n  abc\n", "token", "no\n    ***\n    ^");
}

static void masked(const char *text, const char *expected)
{
	auto_buf struct buf out = BUF_INIT;

	yaml_mask_secrets(text, strlen(text), &out);
	assert_string_equal(buf_str(&out), expected);
}

static void a_whole_text_is_masked_line_by_line(void **state)
{
	(void)state;
	masked("a: 1\n\"token\": \"x\", b\n", "a: 1\n\"token\": ***, b\n");
	masked("l:\n- token: |\n    x\n\n    y\n  b: c", "l:\n- token: |\n    ***\n\n    ***\n  b: c");
	masked("token: [a, b]\r\ncertificateKey:\r\n  x\r\nc: d\r\n",
	       "token: ***\r\ncertificateKey:\r\n  ***\r\nc: d\r\n");
	masked("", "");
}

static void what_looks_like_a_token_is_masked_anywhere(void **state)
{
	(void)state;
	shown("tokn: abcdef.0123456789abcdef\n", "tokn", "no\n  tokn: ***\n        ^");
	shown("key: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", "key",
	      "no\n  key: ***\n       ^");
	shown("h: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", "h",
	      "no\n  h: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
	      "     ^");
}

static void terminals_get_no_control_characters(void **state)
{
	static const struct yaml_limits limits = { .bytes = 10000, .depth = 8 };
	auto_err struct err err = ERR_INIT;
	auto_yaml struct yaml_stream *s = yaml_parse("f", "a:\tb\n", 5, &limits, &err);

	(void)state;
	yaml_error(s, yaml_get(yaml_root(s, 0), "a"), &err, "the value '%s'", "\x1b[1m\xc2\x9b\n");
	assert_string_equal(err.msg, "f:1:4: the value '\\x1b[1m\\xc2\\x9b\\n'\n  a:\\tb\n      ^");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_caret_stands_under_the_value),
		cmocka_unit_test(a_long_line_is_cut_around_the_caret),
		cmocka_unit_test(values_of_secret_keys_are_masked),
		cmocka_unit_test(values_on_lines_below_their_key_are_masked),
		cmocka_unit_test(a_whole_text_is_masked_line_by_line),
		cmocka_unit_test(what_looks_like_a_token_is_masked_anywhere),
		cmocka_unit_test(terminals_get_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
