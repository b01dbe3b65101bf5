#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "yaml/yaml.h"

static const struct yaml_limits limits = { .bytes = 4 << 20, .depth = 64 };
static const struct yaml_limits plain = { .bytes = 4 << 20, .depth = 64, .plain_only = true };

static struct yaml_stream *good(const char *text)
{
	auto_err struct err err = ERR_INIT;
	struct yaml_stream *s = yaml_parse("f.yaml", text, strlen(text), &limits, &err);

	if (!s)
		fail_msg("%s", err.msg);
	return s;
}

static void refused_with(const char *text, size_t len, const struct yaml_limits *with,
			 const char *msg)
{
	auto_err struct err err = ERR_INIT;

	assert_null(yaml_parse("f.yaml", text, len, with, &err));
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(err.msg, msg);
}

static void refused(const char *text, const char *msg)
{
	refused_with(text, strlen(text), &limits, msg);
}

/* The node's own bytes are these. */
static void assert_bytes(const struct yaml_stream *s, const struct yaml_node *n, const char *bytes)
{
	size_t len;
	const char *text = yaml_text(s, &len);

	assert_non_null(n);
	assert_true(n->end <= len);
	assert_int_equal(n->end - n->start, strlen(bytes));
	assert_memory_equal(text + n->start, bytes, strlen(bytes));
}

static void values_are_found_by_path(void **state)
{
	auto_yaml struct yaml_stream *s = good("a:\n  b: {c: [1, 2], d: x}\ne: 'f'\n---\nsecond\n");
	struct yaml_node *root = yaml_root(s, 0);

	(void)state;
	assert_int_equal(yaml_count(s), 2);
	assert_string_equal(yaml_find(root, "a.b.d")->value, "x");
	assert_int_equal(yaml_find(root, "a.b.c")->type, YAML_SEQ);
	assert_string_equal(yaml_find(root, "a.b.c")->last->value, "2");
	assert_string_equal(yaml_get(root, "e")->value, "f");
	assert_false(yaml_get(root, "e")->plain);
	assert_null(yaml_find(root, "a.b.c.x"));
	assert_null(yaml_find(root, "a.x.y"));
	assert_string_equal(yaml_root(s, 1)->value, "second");
	assert_null(yaml_root(s, 2));
}

static void marks_are_bytes_behind_a_bom_and_wide_characters(void **state)
{
	auto_yaml struct yaml_stream *s =
		good("\xef\xbb\xbf# é€\r\n\"ü\": [\"ß\", 'x'] # z\r\nb:\r\n  - 1\r\n  # c\r\n\r\nd: e");
	struct yaml_node *root = yaml_root(s, 0);

	(void)state;
	assert_bytes(s, yaml_get(root, "ü"), "[\"ß\", 'x']");
	assert_bytes(s, yaml_get(root, "ü")->key, "\"ü\"");
	assert_bytes(s, yaml_get(root, "b"), "- 1");
	assert_bytes(s, yaml_get(root, "d"), "e");
	assert_int_equal(yaml_get(root, "d")->line, 7);
	assert_int_equal(yaml_get(root, "d")->column, 4);
}

static void block_scalars_end_with_their_last_line(void **state)
{
	auto_yaml struct yaml_stream *s = good("a: |\n  one\n  two\n\n\nb: >+\n  x\n\nc: d\n");

	(void)state;
	assert_bytes(s, yaml_get(yaml_root(s, 0), "a"), "|\n  one\n  two");
	assert_bytes(s, yaml_get(yaml_root(s, 0), "b"), ">+\n  x\n\n");
	assert_string_equal(yaml_get(yaml_root(s, 0), "a")->value, "one\ntwo\n");
}

static void documents_without_content_have_no_root(void **state)
{
	auto_yaml struct yaml_stream *empty = good("");
	auto_yaml struct yaml_stream *comment = good("# nothing\n");
	auto_yaml struct yaml_stream *three = good("---\n# a\n---\nb\n---\n");

	(void)state;
	assert_int_equal(yaml_count(empty), 0);
	assert_int_equal(yaml_count(comment), 0);
	assert_int_equal(yaml_count(three), 3);
	assert_null(yaml_root(three, 0));
	assert_non_null(yaml_root(three, 1));
	assert_null(yaml_root(three, 2));
}

static void aliases_and_merge_keys_are_followed(void **state)
{
	auto_yaml struct yaml_stream *s =
		good("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\nd: {<<: [{z: 1}, *a]}\n");
	struct yaml_node *root = yaml_root(s, 0);

	(void)state;
	assert_string_equal(yaml_find(root, "b.x")->value, "1");
	assert_string_equal(yaml_find(root, "b.y")->value, "3");
	assert_string_equal(yaml_find(root, "c.y")->value, "2");
	assert_string_equal(yaml_find(root, "d.z")->value, "1");
	assert_bytes(s, yaml_get(root, "c"), "*a");
	assert_ptr_equal(yaml_get(root, "c")->alias, yaml_get(root, "a"));
}

static void a_duplicate_key_is_refused(void **state)
{
	(void)state;
	refused("a: 1\nb: 2\n'a': 3\n",
		"f.yaml:3:1: the key 'a' is given twice, first on line 1\n  'a': 3\n  ^");
	refused("x: {k: 1, l: 2, k: 3}\n",
		"f.yaml:1:17: the key 'k' is given twice, first on line 1\n"
		"  x: {k: 1, l: 2, k: 3}\n                  ^");
}

static void indentation_by_a_tab_is_called_so(void **state)
{
	(void)state;
	refused("a:\n\tb: 1\n", "f.yaml:2:1: a tab cannot indent YAML; use spaces\n  \\tb: 1\n  ^");
	refused("a:\n  b: 1\n  \tc: 1\n",
		"f.yaml:3:3: a tab cannot indent YAML; use spaces\n    \\tc: 1\n    ^");
}

static void broken_syntax_is_located(void **state)
{
	(void)state;
	refused("a: b\n  c: d\n",
		"f.yaml:2:4: not valid YAML: mapping values are not allowed in this context\n"
		"    c: d\n     ^");
	refused("a: \"b\nc: d\n",
		"f.yaml:1:4: not valid YAML: found unexpected end of stream while scanning a quoted "
		"scalar\n  a: \"b\n     ^");
	refused("a: 1\nbcd\n",
		"f.yaml:2:1: not valid YAML: could not find expected ':' while scanning a simple key\n"
		"  bcd\n  ^");
	refused("a: [1, 2\n",
		"f.yaml:1:4: not valid YAML: did not find expected ',' or ']' while parsing a flow "
		"sequence\n  a: [1, 2\n     ^");
	refused("%YAML 1.1\n---\na: b\n", "f.yaml:1:1: directives (%YAML, %TAG) are not read; "
		"remove the line\n  %YAML 1.1\n  ^");
	refused("? [a]\n: b\n", "f.yaml:1:3: a key must be a plain word or a string\n  ? [a]\n    ^");
}

static void what_is_no_utf8_text_is_refused(void **state)
{
	(void)state;
	refused("a: b\nc: \xff!\n", "f.yaml:2:4: the byte 0xff is not UTF-8\n  c: \\xff!\n     ^");
	refused("a: \xc0\xaf\n", "f.yaml:1:4: the byte 0xc0 is not UTF-8\n  a: \\xc0\\xaf\n     ^");
	refused("a: \x1b[31m\n",
		"f.yaml:1:4: the control character U+001B is not allowed\n  a: \\x1b[31m\n     ^");
	refused_with("a: b\0c\n", 7, &limits,
		     "f.yaml:1:5: a NUL byte; this is no text file\n  a: b\\x00c\n      ^");
	refused_with("\xff\xfe" "a\0", 4, &limits,
		     "f.yaml:1:1: the file is UTF-16; convert it to UTF-8 (iconv -t UTF-8)");
	refused("a: b\rc\n", "f.yaml:1:5: a carriage return without a line feed; lines end in LF or CRLF\n"
		"  a: b\\rc\n      ^");
	refused("a: \"b\\0c\"\n", "f.yaml:1:4: a NUL character (\"\\0\") in a string\n"
		"  a: \"b\\0c\"\n     ^");
}

static void aliases_cannot_explode(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_err struct err err = ERR_INIT;

	(void)state;
	buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 9; i++) {
		buf_printf(&text, "a%d: &a%d [", i, i);
		for (int k = 0; k < 9; k++)
			buf_printf(&text, "%s*a%d", k ? "," : "", i - 1);
		buf_puts(&text, "]\n");
	}
	assert_null(yaml_parse("f.yaml", text.data, text.len, &limits, &err));
	assert_non_null(strstr(err.msg, "aliases stand for more than 1000000 values"));
	refused("a: *b\n", "f.yaml:1:4: the alias '*b' has no anchor before it\n  a: *b\n     ^");
	refused("a: &a\n  b: *a\n",
		"f.yaml:2:6: the alias '*a' stands inside what it stands for\n    b: *a\n       ^");
	refused("a: &a 1\n---\nb: *a\n",
		"f.yaml:3:4: the alias '*a' has no anchor before it\n  b: *a\n     ^");
}

static void nesting_ends_at_the_limit(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_err struct err err = ERR_INIT, chain = ERR_INIT;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "[");
	assert_null(yaml_parse("f.yaml", text.data, text.len, &limits, &err));
	assert_non_null(strstr(err.msg, "f.yaml:1:65: more than 64 levels"));
	buf_clear(&text);
	buf_puts(&text, "a0: &a0 []\n");
	for (int i = 1; i < 100; i++)
		buf_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	assert_null(yaml_parse("f.yaml", text.data, text.len, &limits, &chain));
	assert_non_null(strstr(chain.msg, "more than 64 levels"));
	err_clear(&chain);
}

static void a_text_beyond_the_limit_is_refused(void **state)
{
	const struct yaml_limits small = { .bytes = 3, .depth = 64 };

	(void)state;
	refused_with("a: b", 4, &small, "f.yaml: larger than 3 bytes");
}

static void plain_only_refuses_what_hides_values(void **state)
{
	const char *text[] = { "a: &x 1\n", "a: *x\n", "a: {<<: {b: 1}}\n", "a: !!str 1\n" };
	const char *say[] = { "anchors (&x)", "aliases (*x)", "merge keys (<<)",
			      "tags (!tag:yaml.org,2002:str)" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		auto_err struct err err = ERR_INIT;

		assert_null(yaml_parse("f.yaml", text[i], strlen(text[i]), &plain, &err));
		assert_non_null(strstr(err.msg, say[i]));
	}
}

static void hundred_thousands_of_items_are_read(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_yaml struct yaml_stream *s = NULL;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "key%d: &a%d v\nref%d: *a%d\n", i, i, i, i);
	s = good(text.data);
	assert_string_equal(yaml_get(yaml_root(s, 0), "ref99999")->value, "v");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found_by_path),
		cmocka_unit_test(marks_are_bytes_behind_a_bom_and_wide_characters),
		cmocka_unit_test(block_scalars_end_with_their_last_line),
		cmocka_unit_test(documents_without_content_have_no_root),
		cmocka_unit_test(aliases_and_merge_keys_are_followed),
		cmocka_unit_test(a_duplicate_key_is_refused),
		cmocka_unit_test(indentation_by_a_tab_is_called_so),
		cmocka_unit_test(broken_syntax_is_located),
		cmocka_unit_test(what_is_no_utf8_text_is_refused),
		cmocka_unit_test(aliases_cannot_explode),
		cmocka_unit_test(nesting_ends_at_the_limit),
		cmocka_unit_test(a_text_beyond_the_limit_is_refused),
		cmocka_unit_test(plain_only_refuses_what_hides_values),
		cmocka_unit_test(hundred_thousands_of_items_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
