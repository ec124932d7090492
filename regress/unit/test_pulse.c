/*
 * test_pulse.c
 *		When a standby is asked for a sign of life.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "worker/pulse.h"

#define TIMEOUT 60000

static Pulse p;

static int
begin(void **state UNUSED)
{
	pulse_begin(&p, 1000);
	return 0;
}

static void
one_that_is_silent_is_asked_once_and_then_given_up(void **state UNUSED)
{
	assert_int_equal(pulse_due_ms(&p, 1000, TIMEOUT, false, false), 30000);
	assert_int_equal(pulse_check(&p, 30999, TIMEOUT, false), PULSE_QUIET);
	assert_int_equal(pulse_check(&p, 31000, TIMEOUT, false), PULSE_ASK);
	assert_int_equal(pulse_check(&p, 31001, TIMEOUT, false), PULSE_QUIET);
	assert_int_equal(pulse_due_ms(&p, 31001, TIMEOUT, false, false), 29999);
	/* we have not even looked since */
	assert_int_equal(pulse_check(&p, 61000, TIMEOUT, false), PULSE_LOOK);
	pulse_looked(&p, 61000);
	assert_int_equal(pulse_check(&p, 61000, TIMEOUT, false), PULSE_DEAD);
}

static void
whoever_speaks_is_asked_anew(void **state UNUSED)
{
	assert_int_equal(pulse_check(&p, 31000, TIMEOUT, false), PULSE_ASK);
	pulse_heard(&p, 32000);
	assert_int_equal(pulse_check(&p, 61000, TIMEOUT, false), PULSE_QUIET);
	assert_int_equal(pulse_check(&p, 62000, TIMEOUT, false), PULSE_ASK);
}

static void
there_is_no_asking_while_the_socket_is_full(void **state UNUSED)
{
	assert_int_equal(pulse_check(&p, 40000, TIMEOUT, true), PULSE_QUIET);
	assert_int_equal(pulse_due_ms(&p, 40000, TIMEOUT, true, false), 21000);
	assert_int_equal(pulse_check(&p, 40000, TIMEOUT, false), PULSE_ASK);
}

static void
without_a_timeout_there_is_none(void **state UNUSED)
{
	assert_int_equal(pulse_check(&p, INT32_MAX, 0, false), PULSE_QUIET);
	assert_int_equal(pulse_due_ms(&p, 1000, 0, false, false), INT32_MAX);
}

/* With one who waits for lsn; InvalidLsn: with nobody. */
static bool
await(int64_t now_ms, Lsn lsn, Lsn sent, Lsn received, Lsn applied)
{
	PulsePlace place = {sent, received, applied};

	return pulse_await(&p, now_ms, &lsn, lsn != InvalidLsn, &place, false);
}

static void
an_idle_stream_has_no_timer_for_waiters(void **state UNUSED)
{
	assert_false(await(1000, InvalidLsn, 500, 500, 100));
	/* it has applied that, or has not been sent it, or it applies nothing */
	assert_false(await(1000, 500, 600, 600, 500));
	assert_false(await(1000, 501, 500, 500, 100));
	assert_false(await(1000, 500, 500, 500, InvalidLsn));
	assert_int_equal(pulse_due_ms(&p, 1000, 0, false, false), INT32_MAX);
}

static void
what_it_has_is_asked_for_at_once_and_often(void **state UNUSED)
{
	assert_true(await(1000, 500, 500, 500, 100));
	assert_false(await(1001, 500, 500, 500, 100));
	assert_int_equal(pulse_due_ms(&p, 1001, TIMEOUT, false, false), 19);
	assert_true(await(1020, 500, 500, 500, 499));
	/* and comes to an end */
	assert_false(await(1040, 500, 500, 500, 500));
	assert_int_equal(pulse_due_ms(&p, 1040, 0, false, false), INT32_MAX);
	/* the timeouts do not count it */
	assert_false(p.pinged);
}

static void
what_is_on_its_way_is_asked_for_once(void **state UNUSED)
{
	assert_false(await(1000, 500, 499, 100, 100));
	assert_true(await(1001, 500, 500, 100, 100));
	assert_false(await(9000, 500, 500, 100, 100));
	assert_false(await(9000, 500, 800, 499, 100));
	assert_int_equal(pulse_due_ms(&p, 9000, 0, false, false), INT32_MAX);
	/* it has it now */
	assert_true(await(9001, 500, 800, 500, 100));
	/* something else that is on its way is news */
	assert_true(await(9002, 801, 900, 500, 100));
	/* what was asked for includes what is nearer */
	assert_false(await(9003, 700, 900, 500, 100));
}

static void
each_who_waits_counts(void **state UNUSED)
{
	static const Lsn awaited[] = {1000, 50, 300, 2000};
	PulsePlace place = {500, 500, 100};

	assert_true(
		pulse_await(&p, 1000, awaited, lengthof(awaited), &place, false));
	place.applied = 300;
	assert_false(
		pulse_await(&p, 2000, awaited, lengthof(awaited), &place, false));
	place.sent = 1000;
	assert_true(
		pulse_await(&p, 3000, awaited, lengthof(awaited), &place, false));
}

static void
what_is_awaited_waits_for_the_socket(void **state UNUSED)
{
	static const Lsn awaited[] = {500};
	PulsePlace place = {500, 500, 100};

	assert_false(pulse_await(&p, 1000, awaited, 1, &place, true));
	assert_int_equal(pulse_due_ms(&p, 1000, 0, true, false), INT32_MAX);
	assert_true(pulse_await(&p, 1001, awaited, 1, &place, false));
}

static void
draining_asks_again_and_again(void **state UNUSED)
{
	assert_true(pulse_drain(&p, 1000));
	assert_false(pulse_drain(&p, 1199));
	assert_true(pulse_drain(&p, 1200));
	assert_int_equal(pulse_due_ms(&p, 1200, TIMEOUT, false, true), 200);
}

static void
who_has_something_to_do_is_asked_early_and_once(void **state UNUSED)
{
	assert_false(pulse_behind(&p, 11999, true, false));
	assert_int_equal(pulse_due_ms(&p, 11999, TIMEOUT, false, false), 1);
	assert_int_equal(pulse_due_ms(&p, 11999, 0, true, false), INT32_MAX);
	assert_false(pulse_behind(&p, 12000, true, true));
	assert_false(pulse_behind(&p, 12000, false, false));
	assert_int_equal(pulse_due_ms(&p, 12000, 0, false, false), INT32_MAX);
	assert_true(pulse_behind(&p, 12000, true, false));
	assert_false(pulse_behind(&p, 30000, true, false));
	assert_int_equal(pulse_due_ms(&p, 30000, 0, false, false), INT32_MAX);
	/* it counts as asked for the timeout, too */
	assert_int_equal(pulse_check(&p, 31000, TIMEOUT, false), PULSE_QUIET);
	pulse_heard(&p, 31000);
	assert_false(pulse_behind(&p, 41999, true, false));
	assert_true(pulse_behind(&p, 42000, true, false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			one_that_is_silent_is_asked_once_and_then_given_up, begin),
		cmocka_unit_test_setup(whoever_speaks_is_asked_anew, begin),
		cmocka_unit_test_setup(
			there_is_no_asking_while_the_socket_is_full, begin),
		cmocka_unit_test_setup(without_a_timeout_there_is_none, begin),
		cmocka_unit_test_setup(an_idle_stream_has_no_timer_for_waiters, begin),
		cmocka_unit_test_setup(
			what_it_has_is_asked_for_at_once_and_often, begin),
		cmocka_unit_test_setup(what_is_on_its_way_is_asked_for_once, begin),
		cmocka_unit_test_setup(each_who_waits_counts, begin),
		cmocka_unit_test_setup(what_is_awaited_waits_for_the_socket, begin),
		cmocka_unit_test_setup(draining_asks_again_and_again, begin),
		cmocka_unit_test_setup(
			who_has_something_to_do_is_asked_early_and_once, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
