/*
 * test_flap.c
 *		What the log is told of something that changes to and fro.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "util/flap.h"

static void
a_pair_a_minute_and_then_what_came_of_it(void **state UNUSED)
{
	Flap f = {0};
	uint64_t untold;

	assert_false(flap_look(&f, 0, 1000, &untold));
	assert_true(flap_look(&f, 1, 1000, &untold));
	assert_int_equal(untold, 0);
	assert_false(flap_look(&f, 1, 2000, &untold));
	assert_true(flap_look(&f, 0, 3000, &untold));
	assert_int_equal(untold, 0);
	/* to and fro for the rest of the minute */
	assert_false(flap_look(&f, 1, 4000, &untold));
	assert_false(flap_look(&f, 0, 5000, &untold));
	assert_false(flap_look(&f, 1, 6000, &untold));
	assert_false(flap_look(&f, 1, 60999, &untold));
	assert_true(flap_look(&f, 1, 61000, &untold));
	assert_int_equal(untold, 2);
	assert_true(flap_look(&f, 0, 61001, &untold));
	assert_int_equal(untold, 0);
}

static void
what_has_come_back_needs_no_line(void **state UNUSED)
{
	Flap f = {0};
	uint64_t untold;

	assert_true(flap_look(&f, 1, 1000, &untold));
	assert_true(flap_look(&f, 0, 1001, &untold));
	assert_false(flap_look(&f, 1, 1002, &untold));
	assert_false(flap_look(&f, 0, 1003, &untold));
	assert_true(flap_is_quiet(&f, 0));
	assert_false(flap_look(&f, 0, 99000, &untold));
	assert_true(flap_look(&f, 1, 99001, &untold));
	assert_int_equal(untold, 2);
}

static void
rare_changes_are_all_told(void **state UNUSED)
{
	Flap f = {0};
	uint64_t untold;

	for (int i = 1; i < 10; i++)
	{
		assert_true(flap_look(&f, i, i * 60000, &untold));
		assert_int_equal(untold, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_a_minute_and_then_what_came_of_it),
		cmocka_unit_test(what_has_come_back_needs_no_line),
		cmocka_unit_test(rare_changes_are_all_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
