/* Every folder of tests/golden/cause: the likely cause for the report in the file in. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../golden.h"
#include "cause/cause.h"

static void find(struct buf *got)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf report = BUF_INIT;
	auto_cause struct cause c = CAUSE_INIT;

	assert_int_equal(file_read("in", 1 << 16, &report, &err), 0);
	if (cause_find(buf_str(&report), report.len, &c))
		buf_printf(got, "%s: %s\n%s\nseen in %s: %s\n", c.id, c.text, c.remedy, c.section, c.evidence);
	else
		buf_puts(got, "nothing known\n");
}

static void every_report_has_the_cause_that_is_written_down(void **state)
{
	(void)state;
	golden_run_all("tests/golden/cause", find);
}

static void every_rule_has_words_and_a_pattern_that_compiles(void **state)
{
	struct cause_entry e;
	size_t n = 0;

	(void)state;
	for (; cause_rule(n, &e, NULL); n++) {
		auto_cause struct cause c = CAUSE_INIT;
		auto_buf struct buf symptom = BUF_INIT;

		assert_true(*e.id && *e.text && *e.remedy);
		assert_null(strchr(e.text, '\n'));
		assert_true(cause_rule(n, &e, &symptom) && symptom.len > 3);
		(void)cause_find("== nothing\nnothing\n", 19, &c); /* tries every rule */
		assert_null(c.id);
	}
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_report_has_the_cause_that_is_written_down),
		cmocka_unit_test(every_rule_has_words_and_a_pattern_that_compiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
