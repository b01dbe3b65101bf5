#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yaml/yaml.h"

/* One value as the whole document. */
static struct yaml_stream *scalar(const char *text, struct yaml_node **n)
{
	static const struct yaml_limits limits = { .bytes = 1000, .depth = 8 };
	auto_err struct err err = ERR_INIT;
	struct yaml_stream *s = yaml_parse("f", text, strlen(text), &limits, &err);

	assert_non_null(s);
	*n = yaml_root(s, 0);
	return s;
}

static void described(const char *text, const char *as)
{
	struct yaml_node *n;
	auto_yaml struct yaml_stream *s = scalar(text, &n);

	assert_string_equal(yaml_describe(n), as);
	assert_int_equal(yaml_is_string(n), !strcmp(as, "a string"));
	assert_int_equal(yaml_is_null(n), !strcmp(as, "null"));
}

static void plain_scalars_have_the_types_of_yaml_1_1(void **state)
{
	(void)state;
	described("n", "true or false");
	described("YES", "true or false");
	described("on", "true or false");
	described("oN", "a string");
	described("'on'", "a string");
	described("!!str on", "a string");
	described("~", "null");
	described("''", "a string");
	described("4", "a number");
	described("4.0", "a number");
	described(".5", "a number");
	described("1e3", "a number");
	described("-.inf", "a number");
	described("4.0.1", "a string");
	described("10.0.0.1", "a string");
	described("0x1F", "a number");
	described("1_000", "a number");
	described("1.5_0", "a number");
	described(".1_0", "a number");
	described("_1", "a string");
	described("0x", "a string");
	described("10s", "a string");
	described("1:30", "a string");
	described("2001-01-01", "a string");
	described("{}", "a map");
	described("[]", "a list");
}

static long number(const char *text)
{
	struct yaml_node *n;
	auto_yaml struct yaml_stream *s = scalar(text, &n);
	long v = -999;

	return yaml_int(n, &v) < 0 ? -999 : v;
}

static void integers_are_read_as_go_reads_them(void **state)
{
	(void)state;
	assert_int_equal(number("6443"), 6443);
	assert_int_equal(number("-5"), -5);
	assert_int_equal(number("+5"), 5);
	assert_int_equal(number("010"), 8);
	assert_int_equal(number("0o10"), 8);
	assert_int_equal(number("0x10"), 16);
	assert_int_equal(number("0b11"), 3);
	assert_int_equal(number("1_000"), 1000);
	assert_int_equal(number("08"), -999);
	assert_int_equal(number("1.5"), -999);
	assert_int_equal(number("'5'"), -999);
	assert_int_equal(number("99999999999999999999"), -999);
}

static void booleans_are_read_as_go_reads_them(void **state)
{
	struct yaml_node *n;
	auto_yaml struct yaml_stream *yes = scalar("Yes", &n);
	bool b = false;

	(void)state;
	assert_int_equal(yaml_bool(n, &b), 0);
	assert_true(b);
	auto_yaml struct yaml_stream *no = scalar("off", &n);
	assert_int_equal(yaml_bool(n, &b), 0);
	assert_false(b);
	assert_int_equal(yaml_bool(NULL, &b), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_scalars_have_the_types_of_yaml_1_1),
		cmocka_unit_test(integers_are_read_as_go_reads_them),
		cmocka_unit_test(booleans_are_read_as_go_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
