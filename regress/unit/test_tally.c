/*
 * test_tally.c
 *		Counts by database.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "wal/tally.h"

static void
assert_count(const Tally *tally, size_t at, Oid database, uint64_t kept_records,
	uint64_t kept_bytes, uint64_t blanked_records, uint64_t blanked_bytes)
{
	const TallyCount *count = &tally->counts[at];

	assert_true(at < tally->count);
	assert_int_equal(count->database, database);
	assert_int_equal(count->kept_records, kept_records);
	assert_int_equal(count->kept_bytes, kept_bytes);
	assert_int_equal(count->blanked_records, blanked_records);
	assert_int_equal(count->blanked_bytes, blanked_bytes);
}

static void
records_are_counted_by_database(void **state UNUSED)
{
	Tally tally = {0};

	tally_add(&tally, 16385, 100, true);
	tally_add(&tally, 16384, 50, false);
	tally_add(&tally, 16384, 60, false);
	tally_add(&tally, InvalidOid, 30, false);
	tally_add(&tally, 16385, 7, false);
	tally_add(&tally, 16384, 1, true);
	assert_int_equal(tally.count, 3);
	assert_count(&tally, 0, InvalidOid, 1, 30, 0, 0);
	assert_count(&tally, 1, 16384, 2, 110, 1, 1);
	assert_count(&tally, 2, 16385, 1, 7, 1, 100);
	tally_clear(&tally);
}

/* In any order they come out ascending, each once. */
static void
many_databases_are_kept_in_order(void **state UNUSED)
{
	Tally tally = {0};

	for (Oid i = 0; i < 3 * 997; i++)
		tally_add(&tally, i * 7 % 997 + 1, 2, i % 3 == 0);
	assert_int_equal(tally.count, 997);
	for (size_t i = 0; i < tally.count; i++)
	{
		assert_int_equal(tally.counts[i].database, i + 1);
		assert_int_equal(
			tally.counts[i].kept_records + tally.counts[i].blanked_records, 3);
	}
	tally_clear(&tally);
}

static void
sums_do_not_end_at_32_bits(void **state UNUSED)
{
	Tally tally = {0};

	for (int i = 0; i < 5; i++)
		tally_add(&tally, 1, UINT32_MAX, true);
	assert_count(&tally, 0, 1, 0, 0, 5, UINT64_C(5) * UINT32_MAX);
	tally_clear(&tally);
}

static void
one_is_added_to_another(void **state UNUSED)
{
	Tally tally = {0};
	Tally other = {0};

	tally_add(&tally, 5, 10, false);
	tally_add(&other, 9, 1, true);
	tally_add(&other, 5, 2, false);
	tally_add(&other, 2, 3, false);
	tally_merge(&tally, &other);
	assert_int_equal(tally.count, 3);
	assert_count(&tally, 0, 2, 1, 3, 0, 0);
	assert_count(&tally, 1, 5, 2, 12, 0, 0);
	assert_count(&tally, 2, 9, 0, 0, 1, 1);
	assert_int_equal(other.count, 3);
	tally_clear(&tally);
	tally_clear(&other);
}

/* The place of the last one is remembered, and must not outlive it. */
static void
nothing_is_left_after_a_reset(void **state UNUSED)
{
	Tally tally = {0};

	tally_add(&tally, 5, 10, false);
	tally_add(&tally, 7, 10, false);
	tally_reset(&tally);
	assert_int_equal(tally.count, 0);
	tally_add(&tally, 7, 1, true);
	assert_int_equal(tally.count, 1);
	assert_count(&tally, 0, 7, 0, 0, 1, 1);
	tally_clear(&tally);
	assert_int_equal(tally.count, 0);
	tally_add(&tally, 7, 1, true);
	assert_count(&tally, 0, 7, 0, 0, 1, 1);
	tally_clear(&tally);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_counted_by_database),
		cmocka_unit_test(many_databases_are_kept_in_order),
		cmocka_unit_test(sums_do_not_end_at_32_bits),
		cmocka_unit_test(one_is_added_to_another),
		cmocka_unit_test(nothing_is_left_after_a_reset),
	};

	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
