#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/resolve.h"

static void a_number_is_answered_even_when_the_time_is_over(void **state)
{
	struct addrinfo *list = NULL;

	(void)state;
	assert_int_equal(resolve("::1", "22", clock_ms() - 1, NULL, &list), 0);
	assert_int_equal(list->ai_family, AF_INET6);
	assert_null(list->ai_next);
	freeaddrinfo(list);
}

static void a_name_is_answered(void **state)
{
	struct addrinfo *list = NULL;

	(void)state;
	assert_int_equal(resolve("localhost", NULL, clock_ms() + 10000, NULL, &list), 0);
	assert_non_null(list);
	freeaddrinfo(list);
}

static void a_name_is_not_waited_for_longer_than_asked(void **state)
{
	struct addrinfo *list = NULL;
	int64_t start_ms = clock_ms();

	(void)state;
	assert_int_equal(resolve("no-such-name.invalid", NULL, start_ms - 1, NULL, &list), EAI_AGAIN);
	assert_true(clock_ms() - start_ms < 2000);
	assert_null(list);
}

static bool yes(void)
{
	return true;
}

static void whoever_waits_can_be_stopped(void **state)
{
	struct addrinfo *list = NULL;

	(void)state;
	assert_int_equal(resolve("no-such-name.invalid", NULL, INT64_MAX, yes, &list), EAI_AGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_answered_even_when_the_time_is_over),
		cmocka_unit_test(a_name_is_answered),
		cmocka_unit_test(a_name_is_not_waited_for_longer_than_asked),
		cmocka_unit_test(whoever_waits_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
