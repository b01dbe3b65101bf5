#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/near.h"

static const char *const keys[] = { "endpoint", "workers", "ssh", "vip", "virtualRouterID", NULL };

static void a_letter_wrong_missing_or_swapped_is_near(void **state)
{
	(void)state;
	assert_string_equal(near_match("endpiont", keys), "endpoint");
	assert_string_equal(near_match("worker", keys), "workers");
	assert_string_equal(near_match("shs", keys), "ssh");
	assert_string_equal(near_match("virtualrouterid", keys), "virtualRouterID");
}

static void another_word_is_not(void **state)
{
	(void)state;
	assert_null(near_match("frobnicate", keys));
	assert_null(near_match("", keys));
	assert_null(near_match("a word that is much longer than any key there could be", keys));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_letter_wrong_missing_or_swapped_is_near),
		cmocka_unit_test(another_word_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
