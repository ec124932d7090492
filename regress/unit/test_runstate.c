/*
 * test_runstate.c
 *		How a stop proceeds, and how long a dead child's successor waits.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <signal.h>

#include "supervisor/runstate.h"

#define T0 1000000
#define TIMEOUT_MS 7000

/* Signals for reader, spare and busy worker in a phase; workers are left. */
static void
expect_signals(
	const RunState *run, int workers, int reader, int spare, int busy)
{
	assert_int_equal(runstate_signal(run, DUTY_SERVICE, workers), reader);
	assert_int_equal(runstate_signal(run, DUTY_SPARE, workers), spare);
	assert_int_equal(runstate_signal(run, DUTY_BUSY, workers), busy);
}

static void
nobody_is_signalled_while_serving(void **state UNUSED)
{
	RunState run = {.phase = RUN_SERVING};

	expect_signals(&run, 0, 0, 0, 0);
	assert_false(runstate_tick(&run, T0));
	runstate_children(&run, 0);
	assert_int_equal(run.phase, RUN_SERVING);
}

static void
smart_stop_drains_then_becomes_fast_then_kills(void **state UNUSED)
{
	RunState run = {.phase = RUN_SERVING};

	assert_true(runstate_request(&run, RUN_SMART, T0, TIMEOUT_MS));
	expect_signals(&run, 3, 0, SIGTERM, SIGUSR2);
	assert_int_equal(runstate_signal(&run, DUTY_SERVICE, 0), SIGTERM);
	assert_false(runstate_tick(&run, T0 + TIMEOUT_MS - 1));
	assert_true(runstate_tick(&run, T0 + TIMEOUT_MS));
	assert_int_equal(run.phase, RUN_FAST);
	expect_signals(&run, 3, SIGTERM, SIGTERM, SIGTERM);
	assert_false(runstate_tick(&run, T0 + TIMEOUT_MS + 4999));
	assert_true(runstate_tick(&run, T0 + TIMEOUT_MS + 5000));
	assert_int_equal(run.phase, RUN_KILLING);
	expect_signals(&run, 3, SIGKILL, SIGKILL, SIGKILL);
	assert_false(runstate_tick(&run, T0 + 1000000));
	runstate_children(&run, 1);
	assert_int_equal(run.phase, RUN_KILLING);
	runstate_children(&run, 0);
	assert_int_equal(run.phase, RUN_ENDED);
}

static void
second_smart_request_is_a_fast_one(void **state UNUSED)
{
	RunState run = {.phase = RUN_SERVING};

	assert_true(runstate_request(&run, RUN_SMART, T0, TIMEOUT_MS));
	assert_true(runstate_request(&run, RUN_SMART, T0 + 1, TIMEOUT_MS));
	assert_int_equal(run.phase, RUN_FAST);
	assert_false(runstate_request(&run, RUN_SMART, T0 + 2, TIMEOUT_MS));
	assert_false(runstate_request(&run, RUN_FAST, T0 + 2, TIMEOUT_MS));
}

static void
immediate_stop_quits_then_kills(void **state UNUSED)
{
	RunState run = {.phase = RUN_SERVING};

	assert_true(runstate_request(&run, RUN_FAST, T0, TIMEOUT_MS));
	assert_true(runstate_request(&run, RUN_IMMEDIATE, T0 + 1, TIMEOUT_MS));
	expect_signals(&run, 3, SIGQUIT, SIGQUIT, SIGQUIT);
	assert_false(runstate_tick(&run, T0 + 2000));
	assert_true(runstate_tick(&run, T0 + 2001));
	assert_int_equal(run.phase, RUN_KILLING);
	assert_false(runstate_request(&run, RUN_IMMEDIATE, T0, TIMEOUT_MS));
}

static void
timeout_of_zero_is_over_at_once(void **state UNUSED)
{
	RunState run = {.phase = RUN_SERVING};

	assert_true(runstate_request(&run, RUN_SMART, T0, 0));
	assert_true(runstate_tick(&run, T0));
	assert_int_equal(run.phase, RUN_FAST);
}

static void
signals_only_get_stronger(void **state UNUSED)
{
	static const int order[] = {0, SIGUSR2, SIGTERM, SIGQUIT, SIGKILL};

	for (size_t i = 0; i < lengthof(order); i++)
	{
		for (size_t j = 0; j < lengthof(order); j++)
			assert_int_equal(runstate_stronger(order[i], order[j]), i > j);
	}
}

/* A child that dies as soon as it is born, again and again. */
static void
pauses_double_up_to_three_seconds(void **state UNUSED)
{
	static const int delays[] = {
		100, 200, 400, 800, 1600, 3000, 3000, 3000, 3000};
	Backoff b = {0};
	int64_t now = T0;

	for (size_t i = 0; i < lengthof(delays); i++)
	{
		backoff_failed(&b, now, now);
		assert_int_equal(b.not_before_ms - now, delays[i]);
		now = b.not_before_ms;
	}
}

static void
ten_seconds_of_life_make_it_good(void **state UNUSED)
{
	Backoff b = {0};

	backoff_failed(&b, T0, T0);
	backoff_failed(&b, T0, T0);
	assert_int_equal(b.delay_ms, 200);
	backoff_failed(&b, T0, T0 + 9999);
	assert_int_equal(b.delay_ms, 400);
	backoff_failed(&b, T0, T0 + 10000);
	assert_true(b.not_before_ms <= T0 + 10000);
	backoff_failed(&b, T0 + 10000, T0 + 10000);
	assert_int_equal(b.delay_ms, 100);
}

static void
old_failures_are_forgotten(void **state UNUSED)
{
	Backoff b = {0};

	for (int i = 0; i < 6; i++)
		backoff_failed(&b, T0, T0);
	assert_int_equal(b.delay_ms, 3000);
	backoff_failed(&b, T0 + 13000, T0 + 13000);
	assert_int_equal(b.delay_ms, 100);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_signalled_while_serving),
		cmocka_unit_test(smart_stop_drains_then_becomes_fast_then_kills),
		cmocka_unit_test(second_smart_request_is_a_fast_one),
		cmocka_unit_test(immediate_stop_quits_then_kills),
		cmocka_unit_test(timeout_of_zero_is_over_at_once),
		cmocka_unit_test(signals_only_get_stronger),
		cmocka_unit_test(pauses_double_up_to_three_seconds),
		cmocka_unit_test(ten_seconds_of_life_make_it_good),
		cmocka_unit_test(old_failures_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
