#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yaml/edit.h"

static const struct yaml_limits limits = { .bytes = 1 << 16, .depth = 16 };

static struct yaml_stream *parse(const char *text)
{
	auto_err struct err err = ERR_INIT;
	struct yaml_stream *s = yaml_parse("f", text, strlen(text), &limits, &err);

	if (!s)
		fail_msg("%s", err.msg);
	return s;
}

/* Applies; the result must be this and be read again. */
static void becomes(struct yaml_stream *s, struct yaml_edit *e, const char *expected)
{
	auto_buf struct buf out = BUF_INIT;

	yaml_edit_apply(s, e, &out);
	assert_string_equal(buf_str(&out), expected);
	yaml_edit_release(e);
	yaml_stream_free(parse(buf_str(&out)));
}

static void set(const char *text, const char *path, const struct yaml_new *value,
		const char *expected)
{
	auto_err struct err err = ERR_INIT;
	auto_yaml struct yaml_stream *s = parse(text);
	struct yaml_edit e = YAML_EDIT_INIT;

	if (yaml_edit_set(&e, s, yaml_root(s, 0), path, value, &err) < 0)
		fail_msg("%s", err.msg);
	becomes(s, &e, expected);
}

static void set_string(const char *text, const char *path, const char *value, const char *expected)
{
	const struct yaml_new new = { .string = value };

	set(text, path, &new, expected);
}

static void removed(const char *text, const char *path, const char *expected)
{
	auto_yaml struct yaml_stream *s = parse(text);
	struct yaml_edit e = YAML_EDIT_INIT;

	yaml_edit_remove(&e, s, yaml_find(yaml_root(s, 0), path), false);
	becomes(s, &e, expected);
}

static void appended(const char *text, const char *path, const char *expected)
{
	const char *const items[] = { "x", "y z", NULL };
	const struct yaml_new new = { .strings = items };
	auto_err struct err err = ERR_INIT;
	auto_yaml struct yaml_stream *s = parse(text);
	struct yaml_edit e = YAML_EDIT_INIT;

	if (yaml_edit_append(&e, s, yaml_root(s, 0), path, &new, &err) < 0)
		fail_msg("%s", err.msg);
	becomes(s, &e, expected);
}

static void a_scalar_is_replaced_where_it_stands(void **state)
{
	(void)state;
	set_string("a:   'old'  # why\nb: 1\n", "a", "new", "a:   new  # why\nb: 1\n");
	set_string("{\"a\":\"old\"}", "a", "new", "{\"a\":\"new\"}");
	set_string("a: &x old\nb: *x\n", "a", "new", "a: &x new\nb: *x\n");
	set_string("a: |\n  one\n  two\n# c\n", "a", "new", "a: new\n# c\n");
}

static void a_missing_key_goes_behind_the_last_leaf(void **state)
{
	(void)state;
	set_string("a:\n  b: 1 # c\n\n# end of a\nd: 2\n", "a.e", "x",
		   "a:\n  b: 1 # c\n  e: x\n\n# end of a\nd: 2\n");
	set_string("a:\n   b:\n   - 1\nd: 2\n", "a.b2.c", "x", "a:\n   b:\n   - 1\n   b2:\n      c: x\nd: 2\n");
}

static void line_ends_and_the_missing_last_one_are_kept(void **state)
{
	(void)state;
	set_string("a: 1\r\nb: 2", "c.d", "x", "a: 1\r\nb: 2\r\nc:\r\n  d: x");
	set_string("\xef\xbb\xbf" "a: 1", "c", "x", "\xef\xbb\xbf" "a: 1\nc: x");
}

static void flow_maps_get_flow_entries(void **state)
{
	(void)state;
	set_string("a: {b: 1}\n", "a.c.d", "x", "a: {b: 1, c: {d: x}}\n");
	set_string("a: {}\n", "a.c", "x", "a: {c: x}\n");
	set_string("a: {b: 1,}\n", "a.c", "x", "a: {b: 1, c: x,}\n");
	set_string("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", "a.c", "x",
		   "{\n  \"a\": {\n    \"b\": 1, \"c\": \"x\"\n  }\n}\n");
	set_string("{\"a\": {}}\n", "a.c", "x", "{\"a\": {\"c\": \"x\"}}\n");
}

static void null_is_filled(void **state)
{
	(void)state;
	set_string("a:\n  b: # later\n    # more\nc: 1\n", "a.b.d", "x",
		   "a:\n  b: # later\n    d: x\n    # more\nc: 1\n");
	set_string("a: ~ # later\n", "a", "x", "a: x # later\n");
	set_string("a: null\nb: 1\n", "a.c", "x", "a:\n  c: x\nb: 1\n");
	set_string("a:\n", "a", "x", "a: x\n");
	set_string("{a: , b: 1}\n", "a.c", "x", "{a: {c: x} , b: 1}\n");
}

static void lists_follow_the_style_of_the_file(void **state)
{
	(void)state;
	appended("a:\n  - 1 # one\n# end\n", "a", "a:\n  - 1 # one\n  - x\n  - \"y z\"\n# end\n");
	appended("a:\n- 1\n", "b.c", "a:\n- 1\nb:\n  c:\n  - x\n  - \"y z\"\n");
	appended("a:\n  - 1\n", "b", "a:\n  - 1\nb:\n  - x\n  - \"y z\"\n");
	appended("a: [1]\n", "a", "a: [1, x, \"y z\"]\n");
	appended("a: []\n", "a", "a: [x, \"y z\"]\n");
	appended("a:\nb: 1\n", "a", "a:\n- x\n- \"y z\"\nb: 1\n");
	appended("{\"a\": [\"1\"]}\n", "a", "{\"a\": [\"1\", \"x\", \"y z\"]}\n");
}

static void lists_of_maps_are_written(void **state)
{
	const char *const pairs[] = { "name", "v", "value", "4", NULL };
	const struct yaml_new new = { .pairs = pairs };

	(void)state;
	set("a: 1\n", "b.args", &new, "a: 1\nb:\n  args:\n  - name: v\n    value: \"4\"\n");
	set("{a: 1}\n", "args", &new, "{a: 1, args: [{name: v, value: \"4\"}]}\n");
}

static void an_entry_goes_and_its_comments_stay(void **state)
{
	(void)state;
	removed("a: 1\n# about b\nb: 2 # beside\nc: 3\n", "b", "a: 1\n# about b\n# beside\nc: 3\n");
	removed("a: 1\nb:\n  - 2\n  - 3\nc: 3\n", "b", "a: 1\nc: 3\n");
	removed("a:\n  b: 1\nc: 2\n", "a.b", "a: {}\nc: 2\n");
	removed("a: 1\r\nb: 2", "b", "a: 1");
	removed("a: |+\n  x\n\nb: 1\n", "a", "b: 1\n");
}

static void a_flow_entry_goes_with_its_comma(void **state)
{
	(void)state;
	removed("a: {b: 1, c: 2}\n", "a.b", "a: {c: 2}\n");
	removed("a: {b: 1, c: 2}\n", "a.c", "a: {b: 1}\n");
	removed("a: {b: 1}\n", "a.b", "a: {}\n");
	removed("{\n  a: 1,\n  b: 2\n}\n", "b", "{\n  a: 1\n}\n");
	removed("{\n  a: 1,\n  b: 2\n}\n", "a", "{\n  b: 2\n}\n");
	removed("a: {b: 1, # x\n  c: 2 # y\n }\n", "a.c", "a: {b: 1 # x\n   # y\n }\n");
}

static void a_comment_above_may_go_with_its_entry(void **state)
{
	auto_yaml struct yaml_stream *s = parse("m:\n  # of m\n\n  # of a\n  a: 1 # one\n   # deeper\n  b: 2\n");
	struct yaml_edit e = YAML_EDIT_INIT;
	size_t len;

	(void)state;
	assert_ptr_equal(yaml_comment_above(s, yaml_find(yaml_root(s, 0), "m.b"), &len), NULL);
	assert_memory_equal(yaml_comment_above(s, yaml_find(yaml_root(s, 0), "m.a"), &len), "  # of a\n", 9);
	assert_int_equal(len, 9);
	yaml_edit_remove(&e, s, yaml_find(yaml_root(s, 0), "m.a"), true);
	becomes(s, &e, "m:\n  # of m\n\n   # deeper\n  b: 2\n");
}

static void comment_lines_are_put_above(void **state)
{
	const struct yaml_new v = { .raw = "1 # one", .above = "# a\n# b\n" };

	(void)state;
	set("m:\r\n    x: y\r\n", "m.p.o", &v,
	    "m:\r\n    x: y\r\n    p:\r\n        # a\r\n        # b\r\n        o: 1 # one\r\n");
}

static void documents_come_and_go(void **state)
{
	auto_yaml struct yaml_stream *s = parse("# top\na: 1\n---\nb: 2\n--- # third\nc: 3");
	struct yaml_edit e = YAML_EDIT_INIT;

	(void)state;
	yaml_edit_remove_document(&e, s, 1, false);
	becomes(s, &e, "# top\na: 1\n--- # third\nc: 3");
	yaml_edit_remove_document(&e, s, 0, false);
	yaml_edit_remove_document(&e, s, 2, false);
	becomes(s, &e, "---\nb: 2");
	yaml_edit_append_document(&e, s, "d: 4\n");
	becomes(s, &e, "# top\na: 1\n---\nb: 2\n--- # third\nc: 3\n---\nd: 4");
}

static void comments_of_a_document_may_stay(void **state)
{
	auto_yaml struct yaml_stream *s =
		parse("# top\na: '#1' # one\n# two\n--- # three\nb: [1, # four\n  \"x\"]\n--- # five\nc: 1\n");
	struct yaml_edit e = YAML_EDIT_INIT;

	(void)state;
	yaml_edit_remove_document(&e, s, 0, true);
	becomes(s, &e, "# top\n# one\n# two\n# three\nb: [1, # four\n  \"x\"]\n--- # five\nc: 1\n");
	yaml_edit_remove_document(&e, s, 1, true);
	becomes(s, &e, "# top\na: '#1' # one\n# two\n# three\n# four\n--- # five\nc: 1\n");
	yaml_edit_remove_document(&e, s, 2, true);
	becomes(s, &e, "# top\na: '#1' # one\n# two\n--- # three\nb: [1, # four\n  \"x\"]\n# five\n");
}

static void documents_are_split_as_old_readers_do(void **state)
{
	auto_yaml struct yaml_stream *s =
		parse("# top\n---\n# more\n--- # first\na: 1\n--- {b: 2}\n--- # none\n---\n# end\n");
	struct yaml_edit e = YAML_EDIT_INIT;

	(void)state;
	yaml_edit_split_documents(&e, s);
	becomes(s, &e, "# top\n# more\n# first\na: 1\n---\n{b: 2}\n# none\n# end\n");
}

static void no_way_leads_through_an_alias(void **state)
{
	const struct yaml_new new = { .string = "x" };
	auto_yaml struct yaml_stream *s = parse("a: &a {b: 1}\nc: *a\nd: {<<: *a}\ne: 1\n");
	const char *const paths[] = { "c.x", "d.b", "e.f" };
	const char *const say[] = { "'x' cannot be set in an alias", "what a merge key (<<) brings",
				    "'f' cannot be set below a number" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		auto_err struct err err = ERR_INIT;
		auto_yaml_edit struct yaml_edit e = YAML_EDIT_INIT;

		assert_int_equal(yaml_edit_set(&e, s, yaml_root(s, 0), paths[i], &new, &err), -1);
		assert_non_null(strstr(err.msg, say[i]));
		assert_int_equal(e.n, 0);
	}
}

static void strings_are_quoted_when_they_would_be_something_else(void **state)
{
	static const char *const odd[] = { "4", "on", "", "~", "a: b", "a #b", "- a", "a\nb\t\"\\",
					   "10.0.0.1:6443", "é", "[a]", "*a", "0x1", "1e3" };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		for (int json = 0; json < 2; json++) {
			auto_buf struct buf text = BUF_INIT;
			auto_yaml struct yaml_stream *s = NULL;

			buf_puts(&text, "a: ");
			yaml_quote(&text, odd[i], json);
			s = parse(buf_str(&text));
			assert_true(yaml_is_string(yaml_get(yaml_root(s, 0), "a")));
			assert_string_equal(yaml_get(yaml_root(s, 0), "a")->value, odd[i]);
		}
}

/* Its value has no line end, as the text has none. */
static void a_block_scalar_that_ends_the_text_keeps_its_value_when_something_follows(void **state)
{
	(void)state;
	set_string("a: |\n  x\n  y", "b", "1z", "a: |-\n  x\n  y\nb: 1z");
	set_string("a: >\n  x", "b", "1z", "a: >-\n  x\nb: 1z");
	set_string("a: |+\n  x", "b", "1z", "a: |-\n  x\nb: 1z");
	set_string("a: |2\n   x", "b", "1z", "a: |2-\n   x\nb: 1z");
	set_string("a: &n |\r\n  x", "b", "1z", "a: &n |-\r\n  x\r\nb: 1z");
	set_string("a: |-\n  x", "b", "1z", "a: |-\n  x\nb: 1z");
	set_string("a: |\n  x\n", "b", "1z", "a: |\n  x\nb: 1z\n");
	set_string("a: |\n  x\n# end", "b", "1z", "a: |\n  x\nb: 1z\n# end");
	set_string("b: 0\na: |\n  x", "b", "1z", "b: 1z\na: |\n  x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_scalar_that_ends_the_text_keeps_its_value_when_something_follows),
		cmocka_unit_test(a_scalar_is_replaced_where_it_stands),
		cmocka_unit_test(a_missing_key_goes_behind_the_last_leaf),
		cmocka_unit_test(line_ends_and_the_missing_last_one_are_kept),
		cmocka_unit_test(flow_maps_get_flow_entries),
		cmocka_unit_test(null_is_filled),
		cmocka_unit_test(lists_follow_the_style_of_the_file),
		cmocka_unit_test(lists_of_maps_are_written),
		cmocka_unit_test(an_entry_goes_and_its_comments_stay),
		cmocka_unit_test(a_flow_entry_goes_with_its_comma),
		cmocka_unit_test(a_comment_above_may_go_with_its_entry),
		cmocka_unit_test(comment_lines_are_put_above),
		cmocka_unit_test(documents_come_and_go),
		cmocka_unit_test(comments_of_a_document_may_stay),
		cmocka_unit_test(documents_are_split_as_old_readers_do),
		cmocka_unit_test(no_way_leads_through_an_alias),
		cmocka_unit_test(strings_are_quoted_when_they_would_be_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
