/*
 * test_scanner.c
 *		Pages and records out of a stream, however it is cut; page headers; and
 *		the start in the middle.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mutate.h"
#include "sample.h"
#include "wal/scanner.h"
#include "walbuild.h"

#define SEGMENT (1 << 20)
#define START ((Lsn) 7 * SEGMENT)

/* What the scanner said about a run of WAL. */
typedef struct Seen
{
	ScanStatus status;
	ErrInfo err;
	Lsn starts[64]; /* of records that were complete */
	uint32_t totals[64];
	size_t count;
	size_t abandoned;
	size_t bytes[4]; /* by ScanKind */
	Lsn lsn;
} Seen;

static Seen
scan(const WalBuild *b, Lsn from, size_t chunk)
{
	Seen seen = {.status = SCAN_OK};
	Scanner s;
	Lsn start = InvalidLsn;
	size_t done = (size_t) (from - b->start);

	scanner_init(&s, &b->geometry, from);
	while (done < b->len && seen.status == SCAN_OK)
	{
		size_t left = Min(chunk, b->len - done);

		while (left > 0)
		{
			ScanPiece piece;
			/* in memory of its own: what is read behind it is seen */
			uint8_t *copy = exact_copy(b->bytes + done, left);

			seen.status = scanner_next(&s, copy, left, &piece, &seen.err);
			free(copy);
			if (seen.status != SCAN_OK)
				break;
			assert_true(piece.len > 0 && piece.len <= left);
			assert_int_equal(piece.lsn, b->start + done);
			/* never across the end of a page */
			assert_int_equal(lsn_floor(piece.lsn, b->geometry.block_size),
				lsn_floor(piece.lsn + piece.len - 1, b->geometry.block_size));
			seen.bytes[piece.kind] += piece.len;
			seen.abandoned += piece.abandoned;
			if (piece.kind == SCAN_RECORD)
			{
				if (piece.offset == 0)
					start = piece.lsn;
				assert_int_equal(start, s.record_lsn);
				if (piece.is_last && seen.count < lengthof(seen.starts))
				{
					seen.starts[seen.count] = start;
					seen.totals[seen.count++] =
						piece.offset + (uint32_t) piece.len;
				}
			}
			done += piece.len;
			left -= piece.len;
		}
	}
	seen.lsn = s.lsn;
	return seen;
}

static void
records_are_found_in_any_split(void **state UNUSED)
{
	static const uint16_t sizes[] = {
		0, 1, 4, 11, 900, 955, 956, 957, 958, 959, 960, 3000, 7, 8, 20000, 3};
	static const size_t chunks[] = {1, 2, 3, 7, 24, 1023, 1024, 1025, 1 << 20};
	WalBuild b = build_begin(SEGMENT, 1024, START);
	Lsn starts[lengthof(sizes)];

	for (size_t i = 0; i < lengthof(sizes); i++)
		starts[i] = build_block_record(&b, 1663, 5, sizes[i], 1);
	for (size_t c = 0; c < lengthof(chunks); c++)
	{
		Seen seen = scan(&b, START, chunks[c]);

		assert_int_equal(seen.status, SCAN_OK);
		assert_int_equal(seen.count, lengthof(sizes));
		for (size_t i = 0; i < lengthof(sizes); i++)
		{
			assert_int_equal(seen.starts[i], starts[i]);
			assert_int_equal(seen.totals[i], 44 + sizes[i]);
		}
		assert_int_equal(seen.bytes[SCAN_TAIL], 0);
		assert_int_equal(seen.lsn, build_lsn(&b));
	}
	build_end(&b);
}

static void
find_records_of_major(int major)
{
	Sample sample;
	Scanner s;
	size_t next = 0;
	uint64_t seed = 1;

	sample_read_major(&sample, major);
	scanner_init(&s, &sample.geometry, sample.start);
	for (size_t done = 0; done < sample.len;)
	{
		size_t len = Min(sample.len - done, random_next(&seed) % 30000 + 1);
		size_t at = 0;

		while (at < len)
		{
			ScanPiece piece;
			ErrInfo err;

			assert_int_equal(scanner_next(&s, sample.wal + done + at, len - at,
								 &piece, &err),
				SCAN_OK);
			at += piece.len;
			if (piece.kind == SCAN_RECORD && piece.is_last)
			{
				assert_true(next < sample.record_count);
				assert_int_equal(s.record_lsn, sample.records[next].lsn);
				assert_int_equal(
					piece.offset + piece.len, sample.records[next].total);
				next++;
			}
		}
		done += len;
	}
	assert_int_equal(next, sample.record_count);
	assert_int_equal(s.version->major, major);
	sample_free(&sample);
}

static void
captured_records_are_found(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
		find_records_of_major(sample_majors[i]);
}

static void
start_in_a_record_skips_its_tail(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 1024, START);
	Lsn next;
	Seen seen;

	build_block_record(&b, 1663, 5, 5000, 1);
	next = build_block_record(&b, 1663, 5, 10, 1);
	seen = scan(&b, START + 2048, 5);
	assert_int_equal(seen.status, SCAN_OK);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.starts[0], next);
	assert_int_equal(
		seen.bytes[SCAN_TAIL], 44 + 5000 - (1024 - 40) - (1024 - 24));
	build_end(&b);
}

static void
switch_is_followed_by_fill(void **state UNUSED)
{
	for (uint32_t left = 8; left <= 40; left += 8)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START - 8192);
		Lsn end;
		Lsn next;
		Seen seen;

		build_up_to(&b, left);
		build_switch(&b);
		end = build_lsn(&b);
		assert_int_equal(end, left < 24 ? START + SEGMENT : START);
		next = build_block_record(&b, 1663, 5, 10, 1);
		seen = scan(&b, b.start, 100);
		assert_int_equal(seen.status, SCAN_OK);
		assert_int_equal(seen.starts[seen.count - 1], next);

		if (left < 24)
		{
			/* the tail of it cannot be told from another's: zeros follow */
			seen = scan(&b, START, 100);
			assert_int_equal(seen.status, SCAN_BLIND);
			assert_int_equal(seen.lsn, START + 40 + (24 - left));
			/* and neither can the zeros themselves */
			seen = scan(&b, START + 8192, 100);
			assert_int_equal(seen.status, SCAN_BLIND);
		}
		build_end(&b);
	}
}

static void
overwrite_abandons(void **state UNUSED)
{
	for (uint32_t more = 0; more < 3; more++)
	{
		WalBuild b = build_begin(SEGMENT, 1024, START);
		Lsn next;
		Seen seen;

		build_block_record(&b, 1663, 5, 100, 1);
		build_aborted(&b, 1663, 5, 5000, 1, more);
		next = build_block_record(&b, 1663, 5, 10, 1);
		seen = scan(&b, START, 13);
		assert_int_equal(seen.status, SCAN_OK);
		assert_int_equal(seen.abandoned, 1);
		/* the first, that which says what happened, the last */
		assert_int_equal(seen.count, 3);
		assert_int_equal(seen.starts[1], START + 1024 * (more + 1) + 24);
		assert_int_equal(seen.starts[2], next);
		/* from the middle of it on, and from that page on */
		for (uint32_t page = 1; page <= more + 1; page++)
		{
			seen = scan(&b, START + 1024 * page, 13);
			assert_int_equal(seen.status, SCAN_OK);
			assert_int_equal(seen.count, 2);
			assert_int_equal(seen.abandoned, page <= more);
		}
		build_end(&b);
	}
}

/* A header that is not of this place, or of nothing we know. */
static void
wrong_page_headers_are_bad(void **state UNUSED)
{
	static const struct
	{
		size_t offset;
		uint64_t value;
		int size;
		const char *sqlstate;
	} cases[] = {
		{0, 0xd101, 2, SQLSTATE_FEATURE_NOT_SUPPORTED}, /* PostgreSQL 12 */
		{0, 0xd11d, 2, SQLSTATE_FEATURE_NOT_SUPPORTED}, /* to be 19 */
		{0, 0x0001, 2, SQLSTATE_FEATURE_NOT_SUPPORTED},
		{2, 0x0012, 2, SQLSTATE_DATA_CORRUPTED}, /* a flag that is not */
		{2, 0x0000, 2, SQLSTATE_DATA_CORRUPTED}, /* a short header */
		{2, 0x0003, 2, SQLSTATE_DATA_CORRUPTED}, /* goes on, with nothing */
		{2, 0x000b, 2, SQLSTATE_DATA_CORRUPTED},
		{8, START + 8192, 8, SQLSTATE_DATA_CORRUPTED},
		{16, 1, 4, SQLSTATE_DATA_CORRUPTED}, /* rem_len without the flag */
		{24, 1, 8, SQLSTATE_DATA_CORRUPTED}, /* another system */
		{32, 2 * SEGMENT, 4, SQLSTATE_DATA_CORRUPTED},
		{36, 4096, 4, SQLSTATE_DATA_CORRUPTED},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START);
		Seen seen;

		build_block_record(&b, 1663, 5, 10, 1);
		assert_int_equal(scan(&b, START, 9).status, SCAN_OK);
		build_le(b.bytes + cases[i].offset, cases[i].value, cases[i].size);
		seen = scan(&b, START, 9);
		assert_int_equal(seen.status, SCAN_BAD);
		assert_string_equal(seen.err.sqlstate, cases[i].sqlstate);
		build_end(&b);
	}
}

static void
geometry_is_checked(void **state UNUSED)
{
	static const struct
	{
		uint32_t segment_size;
		uint32_t block_size;
		bool valid;
	} cases[] = {
		{1 << 20, 8192, true},
		{1 << 30, 65536, true},
		{1 << 24, 1024, true},
		{1 << 19, 8192, false},
		{UINT32_C(1) << 31, 8192, false},
		{(1 << 20) + 8192, 8192, false},
		{1 << 20, 512, false},
		{1 << 20, 1 << 17, false},
		{1 << 20, 8191, false},
		{0, 8192, false},
		{1 << 20, 0, false},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		WalGeometry geometry = {cases[i].segment_size, cases[i].block_size, 0};

		assert_int_equal(page_geometry_valid(&geometry), cases[i].valid);
	}
}

/* Random damage ends the scan or does not, but the sanitizers see nothing. */
static void
damage_is_survived(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 1024, START);
	uint64_t seed = 77;

	for (int i = 0; i < 6; i++)
		build_block_record(&b, 1663, 5, (uint16_t) (i * 300), 1);
	build_aborted(&b, 1663, 5, 3000, 1, 1);
	build_block_record(&b, 1663, 5, 100, 1);
	for (int i = 0; i < MUTATIONS / 20; i++)
	{
		WalBuild damaged = b;

		damaged.bytes = mutated_copy(&seed, b.bytes, b.len, &damaged.len);
		(void) scan(&damaged, START, random_next(&seed) % 500 + 1);
		free(damaged.bytes);
	}
	build_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_found_in_any_split),
		cmocka_unit_test(captured_records_are_found),
		cmocka_unit_test(start_in_a_record_skips_its_tail),
		cmocka_unit_test(switch_is_followed_by_fill),
		cmocka_unit_test(overwrite_abandons),
		cmocka_unit_test(wrong_page_headers_are_bad),
		cmocka_unit_test(geometry_is_checked),
		cmocka_unit_test(damage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
