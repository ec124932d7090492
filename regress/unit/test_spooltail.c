/*
 * test_spooltail.c
 *		How far a partial segment is good: the captured WAL cut, with holes, and
 *		damaged, against the list of its records by pg_waldump.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "mutate.h"
#include "sample.h"
#include "spool/spooltail.h"
#include "walbuild.h"

#define CUTS 120
#define BOUNDARIES 25
#define HOLES 150
#define FLIPS 150
#define SECTOR 512

/* The captured WAL of a major, and where each record ends. */
typedef struct Tail
{
	Sample sample;
	Lsn *ends;  /* of the records' last bytes */
	Lsn *fills; /* of what aligns them, or fills up the segment */
	uint32_t segment_size;
	size_t segments;
	int fd; /* the whole of it, or a segment under test */
	int before_fd;
} Tail;

/* ---- helpers ---- */

static int
memory_file(void)
{
	int fd = memfd_create("segment", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
put(int fd, const uint8_t *bytes, size_t len)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), len);
}

static uint32_t
header_size(uint32_t segment_size, Lsn page)
{
	return page % segment_size == 0 ? 40 : 24;
}

static void
open_tail(Tail *t, int major)
{
	*t = (Tail){0};
	sample_read_major(&t->sample, major);
	t->segment_size = t->sample.geometry.segment_size;
	t->segments = t->sample.len / t->segment_size;
	t->ends = calloc(t->sample.record_count, sizeof(Lsn));
	t->fills = calloc(t->sample.record_count, sizeof(Lsn));
	for (size_t i = 0; i < t->sample.record_count; i++)
	{
		const SampleRecord *r = &t->sample.records[i];

		t->ends[i] = sample_record_end(&t->sample, r);
		t->fills[i] = MaxAlign(t->ends[i]);
		if (strcmp(r->rmgr, "XLOG") == 0 && strcmp(r->op, "SWITCH") == 0)
			t->fills[i] =
				lsn_floor(t->fills[i] + t->segment_size - 1, t->segment_size);
	}
	t->fd = memory_file();
	t->before_fd = memory_file();
}

static void
close_tail(Tail *t)
{
	close(t->fd);
	close(t->before_fd);
	free(t->ends);
	free(t->fills);
	sample_free(&t->sample);
}

static const uint8_t *
segment_bytes(const Tail *t, size_t segment)
{
	return t->sample.wal + segment * t->segment_size;
}

static Lsn
segment_start(const Tail *t, size_t segment)
{
	return t->sample.start + segment * t->segment_size;
}

/* Put that segment, and the one before it, in the files. */
static void
put_segment(Tail *t, size_t segment)
{
	put(t->fd, segment_bytes(t, segment), t->segment_size);
	if (segment > 0)
		put(t->before_fd, segment_bytes(t, segment - 1), t->segment_size);
}

static Lsn
find_end(const Tail *t, size_t segment, size_t size, bool before)
{
	Lsn end = InvalidLsn;
	ErrInfo err;

	if (!spooltail_find(t->fd, "it", segment_start(t, segment), (int64_t) size,
			before && segment > 0 ? t->before_fd : -1, &t->sample.geometry,
			&end, &err))
		fail_msg("%s", err.message);
	return end;
}

/* Of the record that goes over the start of a segment: is there a run of zeros? */
static bool
tail_has_zeros(const Tail *t, size_t record, Lsn start, Lsn stop)
{
	static uint8_t bytes[400000];
	const SampleRecord *r = &t->sample.records[record];
	uint32_t in_front = 0;
	size_t zeros = 0;

	assert_true(r->total <= sizeof(bytes));
	assert_true(sample_assemble(&t->sample.geometry, t->sample.wal,
		t->sample.start, t->sample.len, r->lsn, r->total, bytes));
	while (sample_bytes_end(&t->sample, r, in_front + 1) <= start)
		in_front++;
	for (uint32_t i = in_front;
		 i < r->total && sample_bytes_end(&t->sample, r, i + 1) <= stop; i++)
	{
		zeros = bytes[i] == 0 ? zeros + 1 : 0;
		if (zeros == SECTOR)
			return true;
	}
	return false;
}

/* What is to be found in a segment of which size bytes are good. */
static Lsn
expected_end(const Tail *t, size_t segment, size_t size, bool before)
{
	Lsn start = segment_start(t, segment);
	Lsn stop = start + size;
	Lsn end = start;

	for (size_t i = 0; i < t->sample.record_count; i++)
	{
		Lsn lsn = t->sample.records[i].lsn;
		bool is_seen = lsn >= start || (before && segment > 0);

		if (t->ends[i] <= start)
		{
			/* of a switch, the fill is in its own segment */
			continue;
		}
		if (lsn >= stop || (!is_seen && tail_has_zeros(t, i, start, stop)))
			break;
		if (t->ends[i] > stop)
			break;
		if (is_seen)
			end = Min(t->fills[i], stop);
	}
	return end;
}

static void
check_cut(const Tail *t, size_t segment, size_t size)
{
	for (int before = 0; before <= 1; before++)
	{
		Lsn got = find_end(t, segment, size, before != 0);
		Lsn expected = expected_end(t, segment, size, before != 0);

		if (got != expected)
			fail_msg("major %d, segment %zu cut at %zu, before %d: " LSN_FORMAT
					 ", not " LSN_FORMAT,
				t->sample.major, segment, size, before, LSN_ARGS(got),
				LSN_ARGS(expected));
	}
}

static size_t
bounded(const Tail *t, int64_t size)
{
	return (size_t) Min(Max(size, 0), (int64_t) t->segment_size);
}

static void
for_each_major(void (*test)(Tail *t, uint64_t *seed))
{
	uint64_t seed = 2026;

	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		Tail t;

		open_tail(&t, sample_majors[i]);
		test(&t, &seed);
		close_tail(&t);
	}
}

/* ---- cut: a process that was killed ---- */

static void
check_cuts_of_major(Tail *t, uint64_t *seed)
{
	for (size_t segment = 0; segment < t->segments; segment++)
	{
		put_segment(t, segment);
		check_cut(t, segment, 0);
		check_cut(t, segment, t->segment_size);
		for (size_t i = 0; i < CUTS / t->segments; i++)
			check_cut(t, segment, random_next(seed) % t->segment_size);
	}
}

static void
end_is_that_of_the_last_record(void **state UNUSED)
{
	for_each_major(check_cuts_of_major);
}

static void
check_boundaries_of_major(Tail *t, uint64_t *seed)
{
	static const int near[] = {-9, -8, -1, 0, 1, 3, 4, 7, 8, 16, 23, 24, 25};
	static const int near_page[] = {-8, -1, 0, 1, 2, 23, 24, 25, 39, 40, 41};

	for (int i = 0; i < BOUNDARIES; i++)
	{
		size_t n = random_next(seed) % t->sample.record_count;
		Lsn end = t->ends[n];
		size_t segment = (size_t) ((end - t->sample.start) / t->segment_size);

		if (segment == t->segments)
			continue;
		put_segment(t, segment);
		for (size_t d = 0; d < lengthof(near); d++)
			check_cut(t, segment,
				bounded(t, (int64_t) (end % t->segment_size) + near[d]));
		for (size_t d = 0; d < lengthof(near_page); d++)
			check_cut(t, segment,
				bounded(t, (int64_t) lsn_floor(end % t->segment_size, 8192) +
							   near_page[d]));
	}
}

static void
cuts_around_records_and_pages(void **state UNUSED)
{
	for_each_major(check_boundaries_of_major);
}

/* ---- holes: a system that lost its power ---- */

/* Where the first byte of a record differs; size if none does. */
static size_t
first_difference(
	const Tail *t, size_t segment, const uint8_t *damaged, bool *in_header)
{
	const uint8_t *good = segment_bytes(t, segment);

	*in_header = false;
	for (size_t i = 0; i < t->segment_size; i++)
	{
		if (good[i] == damaged[i])
			continue;
		if (i % 8192 >= header_size(t->segment_size, i - i % 8192))
			return i;
		*in_header = true;
	}
	return t->segment_size;
}

static void
check_damaged(Tail *t, size_t segment, const uint8_t *damaged, bool before)
{
	bool in_header;
	size_t at = first_difference(t, segment, damaged, &in_header);
	Lsn expected = expected_end(t, segment, at, before);
	Lsn got;

	put(t->fd, damaged, t->segment_size);
	got = find_end(t, segment, t->segment_size, before);
	if (in_header ? got > expected : got != expected)
		fail_msg("major %d, segment %zu damaged at %zu, before %d: " LSN_FORMAT
				 ", not " LSN_FORMAT,
			t->sample.major, segment, at, before, LSN_ARGS(got),
			LSN_ARGS(expected));
}

static void
check_holes_of_major(Tail *t, uint64_t *seed)
{
	uint8_t *damaged = malloc(t->segment_size);

	for (int i = 0; i < HOLES; i++)
	{
		size_t segment = random_next(seed) % t->segments;
		size_t at = random_next(seed) % t->segment_size;
		size_t len = random_next(seed) % 20000 + 1;
		bool sectors = i % 2 == 0;

		/* at the beginning of a segment too, where its record's is not seen */
		if (i % 3 == 0)
			at %= 20000;
		if (sectors)
		{
			at -= at % SECTOR;
			len += SECTOR - len % SECTOR;
		}
		put_segment(t, segment);
		memcpy(damaged, segment_bytes(t, segment), t->segment_size);
		memset(damaged + at, 0, Min(len, t->segment_size - at));
		if (segment > 0)
			check_damaged(t, segment, damaged, true);
		if (sectors)
			check_damaged(t, segment, damaged, false);
	}
	free(damaged);
}

static void
end_is_never_behind_a_hole(void **state UNUSED)
{
	for_each_major(check_holes_of_major);
}

/* ---- bytes that are not what they were ---- */

static void
check_flips_of_major(Tail *t, uint64_t *seed)
{
	uint8_t *damaged = malloc(t->segment_size);

	for (int i = 0; i < FLIPS; i++)
	{
		size_t segment = random_next(seed) % (t->segments - 1) + 1;
		size_t at = random_next(seed) % t->segment_size;
		const uint8_t *good = segment_bytes(t, segment);

		/* zeros are alignment, or what follows a switch: they may be anything */
		while (at < t->segment_size && good[at] == 0)
			at++;
		if (at == t->segment_size)
			continue;
		put_segment(t, segment);
		memcpy(damaged, good, t->segment_size);
		damaged[at] ^= (uint8_t) (random_next(seed) % 255 + 1);
		check_damaged(t, segment, damaged, true);
	}
	free(damaged);
}

static void
flipped_bytes_end_it(void **state UNUSED)
{
	for_each_major(check_flips_of_major);
}

static void
check_what_is_unknown(Tail *t, uint64_t *seed UNUSED)
{
	uint8_t *damaged = malloc(t->segment_size);
	Lsn start = segment_start(t, 2);

	put_segment(t, 2);
	/* the magic of a major to come */
	memcpy(damaged, segment_bytes(t, 2), t->segment_size);
	damaged[0] ^= 0x80;
	put(t->fd, damaged, t->segment_size);
	assert_int_equal(find_end(t, 2, t->segment_size, false), start);
	assert_int_equal(find_end(t, 2, t->segment_size, true), start);
	/* of another system */
	memcpy(damaged, segment_bytes(t, 2), t->segment_size);
	damaged[24]++;
	put(t->fd, damaged, t->segment_size);
	assert_int_equal(find_end(t, 2, t->segment_size, true), start);
	/* another segment, and nothing at all */
	put(t->fd, segment_bytes(t, 1), t->segment_size);
	assert_int_equal(find_end(t, 2, t->segment_size, true), start);
	memset(damaged, 0, t->segment_size);
	put(t->fd, damaged, t->segment_size);
	assert_int_equal(find_end(t, 2, t->segment_size, true), start);
	assert_int_equal(find_end(t, 2, t->segment_size, false), start);
	/* a file that has become shorter than it was */
	put(t->fd, segment_bytes(t, 2), 50000);
	assert_int_equal(
		find_end(t, 2, t->segment_size, true), expected_end(t, 2, 50000, true));
	/* what is before it is no help: it is as if it were not there */
	put(t->fd, segment_bytes(t, 2), t->segment_size);
	put(t->before_fd, damaged, t->segment_size);
	assert_int_equal(find_end(t, 2, t->segment_size, true),
		expected_end(t, 2, t->segment_size, false));
	put(t->before_fd, segment_bytes(t, 0), t->segment_size);
	assert_int_equal(find_end(t, 2, t->segment_size, true),
		expected_end(t, 2, t->segment_size, false));
	put(t->before_fd, segment_bytes(t, 1), 1000);
	assert_int_equal(find_end(t, 2, t->segment_size, true),
		expected_end(t, 2, t->segment_size, false));
	free(damaged);
}

static void
what_is_unknown_begins_anew(void **state UNUSED)
{
	for_each_major(check_what_is_unknown);
}

static void
unreadable_file_is_an_error(void **state UNUSED)
{
	WalGeometry geometry = {1 << 20, 8192, 5};
	Lsn end;
	ErrInfo err;

	assert_false(
		spooltail_find(-1, "it", 1 << 20, 100, -1, &geometry, &end, &err));
	assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
	assert_non_null(strstr(err.message, "\"it\""));
	assert_true(
		spooltail_find(-1, "it", 1 << 20, 0, -1, &geometry, &end, &err));
	assert_int_equal(end, 1 << 20);
}

/* ---- what the samples do not have ---- */

#define SEGMENT (1 << 20)
#define START ((Lsn) 7 * SEGMENT)

static Lsn
find_in_build(const WalBuild *b, Lsn start, size_t size, bool before)
{
	int fd = memory_file();
	int before_fd = memory_file();
	Lsn end;
	ErrInfo err;

	put(fd, b->bytes + (start - b->start), size);
	if (before)
		put(before_fd, b->bytes + (start - SEGMENT - b->start), SEGMENT);
	assert_true(spooltail_find(fd, "it", start, (int64_t) size,
		before ? before_fd : -1, &b->geometry, &end, &err));
	close(fd);
	close(before_fd);
	return end;
}

static void
switch_is_good_to_the_end(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 8192, START);
	Lsn lsn;

	build_block_record(&b, 1663, 5, 1000, 1);
	lsn = build_switch(&b);
	assert_int_equal(find_in_build(&b, START, SEGMENT, false), START + SEGMENT);
	for (size_t n = 0; n < 100; n++)
	{
		size_t size = (size_t) (lsn - START) + n;

		assert_int_equal(
			find_in_build(&b, START, size, false), n < 24 ? lsn : START + size);
	}
	build_end(&b);
}

/* A switch at the very end of a segment fills up the next one. */
static void
switch_over_the_start_is_seen_from_before(void **state UNUSED)
{
	for (uint32_t left = 8; left <= 16; left += 8)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START);

		while (build_lsn(&b) < START + SEGMENT - 3 * 8192)
			build_block_record(&b, 1663, 5, 6000, 1);
		while (build_lsn(&b) < START + SEGMENT - 8192)
			build_up_to(&b, 0);
		build_up_to(&b, left);
		assert_int_equal(build_lsn(&b), START + SEGMENT - left);
		build_switch(&b);
		assert_int_equal(build_lsn(&b), START + 2 * SEGMENT);
		assert_int_equal(find_in_build(&b, START + SEGMENT, SEGMENT, true),
			START + 2 * SEGMENT);
		assert_int_equal(
			find_in_build(&b, START + SEGMENT, 40, true), START + SEGMENT);
		assert_int_equal(find_in_build(&b, START + SEGMENT, SEGMENT, false),
			START + SEGMENT);
		build_end(&b);
	}
}

/* The primary crashed within a record, which will never be complete. */
static void
abandoned_record_is_passed(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 8192, START);
	Lsn lsn;
	Lsn end;

	build_block_record(&b, 1663, 5, 1000, 1);
	lsn = build_aborted(&b, 1663, 5, 30000, 1, 1);
	end = build_lsn(&b);
	build_block_record(&b, 1663, 5, 1000, 1);
	assert_int_equal(
		find_in_build(&b, START, (size_t) (end - START), false), end);
	assert_int_equal(
		find_in_build(&b, START, (size_t) (end - START) - 9, false), lsn);
	assert_int_equal(find_in_build(&b, START, b.len, false), build_lsn(&b));
	build_end(&b);
}

/* More than a segment: its beginning is two segments before. */
static void
very_long_record_is_passed_unless_it_has_a_hole(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 8192, START);
	size_t body_len = 2 * SEGMENT + 100000;
	uint8_t *body = malloc(body_len);
	Lsn third = START + 2 * SEGMENT;
	Lsn lsn;

	build_block_record(&b, 1663, 5, 100, 1);
	memset(body, 'x', body_len);
	body[0] = 0xff;
	build_le(body + 1, body_len - 5, 4);
	build_record(&b, 21, 0, 5, body, body_len);
	lsn = build_block_record(&b, 1663, 5, 1000, 1);
	/* the second segment is all of it */
	assert_int_equal(
		find_in_build(&b, START + SEGMENT, SEGMENT, true), START + SEGMENT);
	assert_int_equal(
		find_in_build(&b, third, (size_t) (build_lsn(&b) - third), true),
		build_lsn(&b));
	assert_int_equal(
		find_in_build(&b, third, (size_t) (lsn - third) + 100, true), third);
	memset(b.bytes + 2 * SEGMENT + 4096, 0, 4096);
	assert_int_equal(
		find_in_build(&b, third, (size_t) (build_lsn(&b) - third), true),
		third);
	free(body);
	build_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(end_is_that_of_the_last_record),
		cmocka_unit_test(cuts_around_records_and_pages),
		cmocka_unit_test(end_is_never_behind_a_hole),
		cmocka_unit_test(flipped_bytes_end_it),
		cmocka_unit_test(what_is_unknown_begins_anew),
		cmocka_unit_test(unreadable_file_is_an_error),
		cmocka_unit_test(switch_is_good_to_the_end),
		cmocka_unit_test(switch_over_the_start_is_seen_from_before),
		cmocka_unit_test(abandoned_record_is_passed),
		cmocka_unit_test(very_long_record_is_passed_unless_it_has_a_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
