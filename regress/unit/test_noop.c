/*
 * test_noop.c
 *		The record that stands in for another, at every size: a record that
 *		PostgreSQL's reader takes (xlogreader.c), with nothing in it.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "util/buf.h"
#include "wal/noop.h"
#include "wal/record.h"
#include "walbuild.h"

#define XID 0xfedcba98
#define PREV UINT64_C(0x123456789abcdef0)

static const WalVersion *
version_15(void)
{
	return version_by_magic(BUILD_MAGIC);
}

static void
check_total(uint32_t total)
{
	uint8_t *record = calloc(1, total + NOOP_PREFIX_MAX);
	size_t n = noop_encode(record, total, XID, PREV);
	RecordHead head;
	ErrInfo err;

	assert_in_range(n, 24, Min(total, NOOP_PREFIX_MAX));
	/* behind the prefix all is zero, and nothing lies behind the record */
	for (size_t i = n; i < total + NOOP_PREFIX_MAX; i++)
		assert_int_equal(record[i], 0);
	assert_int_equal(
		record_decode(record, total, PREV + 64, version_15(), &head, &err),
		RECORD_OK);
	assert_int_equal(head.total, total);
	assert_int_equal(head.xid, XID);
	assert_true(head.prev == PREV);
	assert_int_equal(head.rmid, 0);
	assert_int_equal(head.info, 0x20);
	assert_int_equal(head.relation_count, 0);
	assert_int_equal(head.crc, build_record_crc(record, total));
	/* what PostgreSQL itself writes: DATA_SHORT as long as it does */
	if (total == 24)
		assert_int_equal(n, 24);
	else if (total <= 281)
	{
		assert_int_equal(n, 26);
		assert_int_equal(record[24], 0xff);
		assert_int_equal(head.main_len, total - 26);
	}
	else
	{
		assert_int_equal(n, 29);
		assert_int_equal(record[24], 0xfe);
		assert_int_equal(head.main_len, total - 29);
	}
	free(record);
}

static void
every_size_reads_back(void **state UNUSED)
{
	for (uint32_t total = 24; total <= 2000; total++)
	{
		if (total != 25)
			check_total(total);
	}
}

static void
large_sizes_read_back(void **state UNUSED)
{
	static const uint32_t totals[] = {
		8191, 8192, 65535, 65536, 1000003, 1 << 24};

	for (size_t i = 0; i < lengthof(totals); i++)
		check_total(totals[i]);
}

/* The largest: its CRC by another way than through the bytes. */
static void
largest_size_is_encoded(void **state UNUSED)
{
	uint8_t prefix[NOOP_PREFIX_MAX];

	assert_int_equal(
		noop_encode(prefix, WAL_RECORD_SIZE_MAX, XID, PREV), NOOP_PREFIX_MAX);
	assert_int_equal(load_le32(prefix), WAL_RECORD_SIZE_MAX);
	assert_int_equal(load_le32(prefix + 25), WAL_RECORD_SIZE_MAX - 29);
}

static void
impossible_sizes_are_refused(void **state UNUSED)
{
	uint8_t prefix[NOOP_PREFIX_MAX];

	assert_int_equal(noop_encode(prefix, 25, XID, PREV), 0);
	for (uint32_t total = 0; total < 24; total++)
		assert_int_equal(noop_encode(prefix, total, XID, PREV), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_reads_back),
		cmocka_unit_test(large_sizes_read_back),
		cmocka_unit_test(largest_size_is_encoded),
		cmocka_unit_test(impossible_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
