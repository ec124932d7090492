/*
 * test_lag.c
 *		Lags in time: what a walsender would say of the same replies.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "worker/lag.h"

static Lag lag;
static int64_t lags[LAG_KIND_COUNT];

static int
begin(void **state UNUSED)
{
	lag_reset(&lag);
	for (int kind = 0; kind < LAG_KIND_COUNT; kind++)
		lags[kind] = LAG_UNKNOWN;
	return 0;
}

static void
reply(Lsn write, Lsn flush, Lsn replay, Lsn sent, int64_t now)
{
	const Lsn confirmed[LAG_KIND_COUNT] = {
		[LAG_WRITE] = write, [LAG_FLUSH] = flush, [LAG_REPLAY] = replay};

	lag_look_up(&lag, confirmed, sent, now, lags);
}

static void
assert_lags(int64_t write, int64_t flush, int64_t replay)
{
	assert_int_equal(lags[LAG_WRITE], write);
	assert_int_equal(lags[LAG_FLUSH], flush);
	assert_int_equal(lags[LAG_REPLAY], replay);
}

static void
nothing_is_known_before_anything_was_sent(void **state UNUSED)
{
	reply(100, 100, 100, 100, 5000);
	assert_lags(-1, -1, -1);
}

static void
each_position_has_its_own_lag(void **state UNUSED)
{
	lag_take_sample(&lag, 100, 1000);
	lag_take_sample(&lag, 200, 2000);
	reply(200, 100, 0, 200, 2500);
	/* written: 2000 to 2500; flushed: 1000 to 2500; replayed: not even the first */
	assert_lags(500, 1500, 1500);
	reply(200, 200, 100, 200, 3000);
	assert_lags(500, 1000, 2000);
	reply(200, 200, 200, 200, 4000);
	assert_lags(500, 1000, 2000);
}

static void
between_two_samples_time_is_interpolated(void **state UNUSED)
{
	lag_take_sample(&lag, 100, 1000);
	lag_take_sample(&lag, 300, 3000);
	reply(100, 100, 100, 300, 3000);
	assert_lags(2000, 2000, 2000);
	/* a quarter of the way, and half of it */
	reply(150, 150, 200, 300, 4000);
	assert_lags(2500, 2500, 2000);
}

static void
one_that_stands_still_is_later_and_later(void **state UNUSED)
{
	lag_take_sample(&lag, 100, 1000);
	reply(0, 0, 0, 100, 2000);
	assert_lags(1000, 1000, 1000);
	reply(0, 0, 0, 100, 60000);
	assert_lags(59000, 59000, 59000);
}

static void
one_that_has_caught_up_twice_is_idle(void **state UNUSED)
{
	lag_take_sample(&lag, 100, 1000);
	reply(100, 100, 100, 100, 1500);
	assert_lags(500, 500, 500);
	reply(100, 100, 100, 100, 2000);
	assert_lags(-1, -1, -1);
	/* the next burst does not count from the last one on */
	lag_take_sample(&lag, 200, 900000);
	reply(150, 100, 100, 200, 900100);
	assert_lags(100, 100, 100);
	reply(200, 200, 200, 200, 900300);
	assert_lags(300, 300, 300);
}

static void
one_that_is_busy_is_not_idle(void **state UNUSED)
{
	lag_take_sample(&lag, 100, 1000);
	reply(100, 100, 100, 100, 1500);
	lag_take_sample(&lag, 200, 2000);
	reply(100, 100, 100, 200, 2100);
	reply(200, 200, 200, 200, 2500);
	assert_lags(500, 500, 500);
}

static void
samples_are_of_wal_that_is_new(void **state UNUSED)
{
	lag_take_sample(&lag, 100, 1000);
	lag_take_sample(&lag, 100, 1400);
	lag_take_sample(&lag, 50, 1500);
	reply(100, 100, 100, 100, 1600);
	assert_lags(600, 600, 600);
}

static void
one_that_goes_back_is_not_guessed(void **state UNUSED)
{
	lag_take_sample(&lag, 100, 1000);
	lag_take_sample(&lag, 200, 2000);
	reply(100, 100, 100, 200, 2000);
	reply(50, 50, 50, 200, 3000);
	assert_lags(1000, 1000, 1000);
}

static void
a_clock_that_was_set_back_tells_nothing(void **state UNUSED)
{
	lag_take_sample(&lag, 100, 5000);
	reply(100, 100, 50, 100, 4000);
	assert_lags(-1, -1, -1);
}

/* One position never moves: all others still get their lags. */
static void
a_full_buffer_keeps_the_latest(void **state UNUSED)
{
	Lsn last = 3 * LAG_SAMPLES;

	for (Lsn lsn = 1; lsn <= last; lsn++)
	{
		int64_t took = 7 + (int64_t) lsn % 5;

		lag_take_sample(&lag, lsn, (int64_t) lsn * 1000);
		reply(lsn, lsn, 0, lsn, (int64_t) lsn * 1000 + took);
		assert_int_equal(lags[LAG_WRITE], took);
		assert_int_equal(lags[LAG_REPLAY], (int64_t) lsn * 1000 + took - 1000);
	}
	reply(last, last, last, last, (int64_t) last * 1000 + 9);
	assert_int_equal(lags[LAG_REPLAY], 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			nothing_is_known_before_anything_was_sent, begin),
		cmocka_unit_test_setup(each_position_has_its_own_lag, begin),
		cmocka_unit_test_setup(between_two_samples_time_is_interpolated, begin),
		cmocka_unit_test_setup(one_that_stands_still_is_later_and_later, begin),
		cmocka_unit_test_setup(one_that_has_caught_up_twice_is_idle, begin),
		cmocka_unit_test_setup(one_that_is_busy_is_not_idle, begin),
		cmocka_unit_test_setup(samples_are_of_wal_that_is_new, begin),
		cmocka_unit_test_setup(one_that_goes_back_is_not_guessed, begin),
		cmocka_unit_test_setup(a_clock_that_was_set_back_tells_nothing, begin),
		cmocka_unit_test_setup(a_full_buffer_keeps_the_latest, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
