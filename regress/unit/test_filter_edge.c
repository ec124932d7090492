/*
 * test_filter_edge.c
 *		The filter on WAL made by hand (walbuild.h): what a server does not write
 *		on demand, and what none ever should.
 *
 * Database 16384 is in scope, 16385 is not; tablespace 16387 is not.  Payload
 * that must not get out is made of the byte SECRET.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "filterrun.h"
#include "sample.h"
#include "util/buf.h"
#include "walbuild.h"

#define IN_DB 16384
#define OUT_DB 16385
#define OUT_SPC 16387
#define SPC 1663
#define SEGMENT (1 << 20)
#define START ((Lsn) 5 * SEGMENT)

#define SECRET 0xEE
#define OPEN 0x11

/* A record that was built, and what must become of it. */
typedef struct Built
{
	Lsn lsn;
	uint32_t total;
	bool blank;
} Built;

static WalScope *
scope(void)
{
	WalScope *s = walscope_new();

	walscope_set(s, SCOPE_DATABASE, OUT_DB, SCOPE_OUT);
	walscope_set(s, SCOPE_TABLESPACE, OUT_SPC, SCOPE_OUT);
	return s;
}

static FilterRun
filter_all(const WalBuild *b, size_t chunk)
{
	WalFilter *filter = filter_new(&b->geometry, scope());
	FilterRun run = run_filter(
		filter, b->bytes, b->start, b->len, b->start, b->start, chunk);

	filter_free(filter);
	return run;
}

static bool
has_secret(const FilterRun *run)
{
	/* one such byte alone can be of an LSN or a CRC */
	return contains(run->out, run->len, "\xEE\xEE\xEE\xEE");
}

/* The record is what was put in, or a valid no-op of its size. */
static void
check_record(const WalBuild *b, const FilterRun *run, const Built *built)
{
	uint8_t *in = malloc(built->total);
	uint8_t *out = malloc(built->total);

	assert_true(sample_assemble(&b->geometry, b->bytes, b->start, b->len,
		built->lsn, built->total, in));
	assert_true(sample_assemble(&b->geometry, run->out, b->start, run->len,
		built->lsn, built->total, out));
	assert_int_equal(load_le32(out + 20), build_record_crc(out, built->total));
	if (built->blank)
	{
		assert_memory_equal(in, out, 16);
		assert_int_equal(out[16], 0x20);
		assert_int_equal(out[17], 0);
	}
	else
		assert_memory_equal(in, out, built->total);
	free(in);
	free(out);
}

/* All pages' headers are what they were. */
static void
check_page_headers(const WalBuild *b, const FilterRun *run)
{
	for (size_t at = 0; at + 24 <= run->len; at += b->geometry.block_size)
		assert_memory_equal(run->out + at, b->bytes + at, 24);
}

static void
check_all(const WalBuild *b, const Built *built, size_t count)
{
	static const size_t chunks[] = {1, 23, 8192, 1 << 22, CHUNK_RANDOM};

	for (size_t c = 0; c < lengthof(chunks); c++)
	{
		FilterRun run = filter_all(b, chunks[c]);

		if (run.status != FILTER_OK)
			fail_msg("halted: %s", run.err.message);
		assert_int_equal(run.len, b->len);
		assert_false(has_secret(&run));
		check_page_headers(b, &run);
		for (size_t i = 0; i < count; i++)
			check_record(b, &run, &built[i]);
		run_end(&run);
	}
}

/* A record at each distance from the end of a page, or of a segment. */
static void
record_straddles_at_any_byte(void **state UNUSED)
{
	static const Oid databases[] = {IN_DB, OUT_DB};

	for (uint32_t left = 8; left <= 80; left += 8)
	{
		for (size_t d = 0; d < lengthof(databases); d++)
		{
			/* the last page of a segment too */
			for (int at_segment_end = 0; at_segment_end < 2; at_segment_end++)
			{
				WalBuild b = build_begin(
					SEGMENT, 1024, at_segment_end ? START - 1024 : START);
				Built built = {.total = 44 + 2000, .blank = d == 1};
				Built next = {.total = 44 + 3, .blank = true};

				build_up_to(&b, left);
				built.lsn = build_block_record(
					&b, SPC, databases[d], 2000, d == 1 ? SECRET : OPEN);
				next.lsn = build_block_record(&b, SPC, OUT_DB, 3, SECRET);
				check_all(&b, (Built[]){built, next}, 2);
				build_end(&b);
			}
		}
	}
}

/* A record that ends with the page, the segment, or shortly before. */
static void
record_ends_at_any_byte(void **state UNUSED)
{
	for (uint32_t end = 0; end < 40; end++)
	{
		WalBuild b = build_begin(SEGMENT, 1024, START - 1024);
		Built built = {.blank = true};
		Built next = {.total = 44 + 20, .blank = true};
		Built last = {.total = 44 + 20, .blank = false};
		uint16_t data_len = (uint16_t) (1024 - 24 - 44 - end);

		built.total = 44 + data_len;
		built.lsn = build_block_record(&b, SPC, OUT_DB, data_len, SECRET);
		next.lsn = build_block_record(&b, SPC, OUT_DB, 20, SECRET);
		last.lsn = build_block_record(&b, SPC, IN_DB, 20, OPEN);
		check_all(&b, (Built[]){built, next, last}, 3);
		build_end(&b);
	}
}

static void
switch_fills_its_segment(void **state UNUSED)
{
	/* 16 and 8 left: the switch record itself straddles the segments */
	for (uint32_t left = 8; left <= 64; left += 8)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START - 8192);
		WalFilter *filter;
		Built built[3];

		built[0] = (Built){.total = 64 + 44, .blank = true};
		built[0].lsn = build_block_record(&b, SPC, OUT_DB, 64, SECRET);
		build_up_to(&b, left);
		built[1] = (Built){.total = 24, .blank = false};
		built[1].lsn = build_switch(&b);
		assert_int_equal(build_lsn(&b), START + (left < 24 ? SEGMENT : 0));
		built[2] = (Built){.total = 44 + 99, .blank = true};
		built[2].lsn = build_block_record(&b, SPC, OUT_DB, 99, SECRET);
		check_all(&b, built, 3);

		/* A start at any page of it finds its way, or back. */
		filter = filter_new(&b.geometry, scope());
		for (Lsn want = b.start; want < build_lsn(&b); want += 8192)
		{
			FilterRun run =
				run_from(filter, b.bytes, b.start, b.len, want, 8192, 5000);

			assert_int_equal(run.status, FILTER_OK);
			assert_int_equal(run.len, b.len - (want - b.start));
			assert_false(has_secret(&run));
			run_end(&run);
		}
		filter_free(filter);
		build_end(&b);
	}
}

/* Nothing can hide in what is there for alignment, or behind a switch. */
static void
fill_is_zeroed(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 8192, START);
	Lsn lsn = build_block_record(&b, SPC, IN_DB, 1, OPEN);
	size_t pad = (size_t) (lsn - START) + 45;
	FilterRun run;

	b.bytes[pad] = SECRET;
	build_switch(&b);
	b.bytes[8192] = SECRET;
	b.bytes[b.len - 1] = SECRET;
	run = filter_all(&b, 1000);
	assert_int_equal(run.status, FILTER_OK);
	assert_int_equal(run.len, b.len);
	assert_int_equal(run.out[pad], 0);
	assert_int_equal(run.out[8192], 0);
	assert_int_equal(run.out[b.len - 1], 0);
	run_end(&run);
	build_end(&b);
}

/* The first part of a record, then the page that says it never came: 1.5. */
static void
overwritten_record_is_abandoned(void **state UNUSED)
{
	static const Oid databases[] = {IN_DB, OUT_DB};

	for (uint32_t left = 8; left <= 96; left += 8)
	{
		for (size_t d = 0; d < lengthof(databases); d++)
		{
			WalBuild b = build_begin(SEGMENT, 1024, START);
			Built next = {.total = 44 + 30, .blank = true};
			Built last = {.total = 44 + 30, .blank = false};

			build_up_to(&b, left);
			/* in scope it may be seen; a front that is not decided yet may not */
			build_aborted(
				&b, SPC, databases[d], 3000, d == 1 ? SECRET : OPEN, left % 3);
			next.lsn = build_block_record(&b, SPC, OUT_DB, 30, SECRET);
			last.lsn = build_block_record(&b, SPC, IN_DB, 30, OPEN);
			check_all(&b, (Built[]){next, last}, 2);
			build_end(&b);
		}
	}
}

/* A block header that has not named its relation yet could be of anyone. */
static void
undecided_front_of_an_abandoned_record_is_blanked(void **state UNUSED)
{
	uint8_t body[3000];
	uint8_t overwrite[16] = {0};
	uint8_t *record;
	WalBuild b = build_begin(SEGMENT, 1024, START);
	FilterRun run;
	size_t n;

	/* 24 + 16 bytes: the id of the database is cut off behind its first byte */
	n = build_block_body(body, SPC, 0xEEEEEEEE, 0xEEEEEEEE, 2900, SECRET);
	build_up_to(&b, 40);
	record = build_image(10, 0, 701, b.prev, body, n);
	build_bytes(&b, record, 24 + n, 40);
	free(record);
	b.next_page = PAGE_OVERWRITE;
	build_main_record(&b, 0, 0xd0, 0, overwrite, sizeof(overwrite));
	run = filter_all(&b, 7);
	assert_int_equal(run.status, FILTER_OK);
	assert_int_equal(run.len, b.len);
	assert_false(has_secret(&run));
	run_end(&run);
	build_end(&b);
}

/* A filter that was in the middle of something forgets it when started anew. */
static void
start_forgets_what_was_before(void **state UNUSED)
{
	WalBuild first = build_begin(SEGMENT, 1024, START);
	WalBuild second = build_begin(SEGMENT, 1024, START - 2 * SEGMENT);
	WalFilter *filter = filter_new(&first.geometry, scope());
	FilterRun run;
	Lsn want;

	/* in the middle of a record */
	build_block_record(&first, SPC, OUT_DB, 5000, SECRET);
	run = run_filter(filter, first.bytes, START, 2000, START, START, 100);
	assert_int_equal(run.status, FILTER_OK);
	run_end(&run);

	/* an unseen record that is abandoned */
	build_up_to(&second, 512);
	build_aborted(&second, SPC, OUT_DB, 5000, SECRET, 2);
	want = second.start + 3 * 1024;
	run = run_filter(filter, second.bytes, second.start, second.len,
		second.start + 1024, want, 100);
	assert_int_equal(run.status, FILTER_OK);
	assert_int_equal(run.len, second.len - 3 * 1024);
	assert_memory_equal(run.out, second.bytes + 3 * 1024, run.len);
	run_end(&run);

	/* in the middle again, then a page that is none */
	run = run_filter(filter, first.bytes, START, 2000, START, START, 100);
	run_end(&run);
	second.bytes[0] ^= 1;
	run = run_filter(filter, second.bytes, second.start, second.len,
		second.start, second.start, 1000);
	assert_int_equal(run.status, FILTER_HALT);
	assert_int_equal(run.len, 0);
	run_end(&run);

	filter_free(filter);
	build_end(&first);
	build_end(&second);
}

/* What is behind damage is not looked at, though the caller go on. */
static void
halt_is_for_good(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 8192, START);
	WalFilter *filter = filter_new(&b.geometry, scope());
	FilterRun run;
	ErrInfo err;
	size_t n;
	Lsn lsn;

	build_block_record(&b, SPC, IN_DB, 100, OPEN);
	lsn = build_block_record(&b, SPC, IN_DB, 100, OPEN);
	b.bytes[lsn - START + 60] ^= 1;
	run = run_filter(filter, b.bytes, START, b.len, START, START, 100000);
	assert_int_equal(run.status, FILTER_HALT);
	assert_int_equal(run.len, lsn - START);
	assert_non_null(strstr(run.err.message, "checksum"));
	run_end(&run);

	memset(filter_room(filter, 5000, &lsn), OPEN, 5000);
	assert_int_equal(filter_push(filter, 5000, &err), FILTER_HALT);
	assert_non_null(strstr(err.message, "checksum"));
	(void) filter_ready(filter, &n, &lsn);
	assert_int_equal(n, 0);

	/* so is a start that was too late */
	build_block_record(&b, SPC, OUT_DB, 30000, SECRET);
	run = run_filter(
		filter, b.bytes, START, b.len, START + 16384, START + 16384, 24);
	assert_int_equal(run.status, FILTER_LOOKBACK);
	run_end(&run);
	memcpy(filter_room(filter, 5000, &lsn), b.bytes + 16384 + 48, 5000);
	assert_int_equal(filter_push(filter, 5000, &err), FILTER_LOOKBACK);
	(void) filter_ready(filter, &n, &lsn);
	assert_true(n <= 24);
	filter_free(filter);
	build_end(&b);
}

/* A record of blocks of several databases is blanked if all of them are out. */
static void
mixed_record_is_kept_and_counted(void **state UNUSED)
{
	static const struct
	{
		Oid one;
		Oid two;
		bool blank;
		unsigned mixed;
	} cases[] = {
		{IN_DB, IN_DB, false, 0},
		{IN_DB, OUT_DB, false, 1},
		{OUT_DB, IN_DB, false, 1},
		{OUT_DB, OUT_DB, true, 0},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START);
		WalFilter *filter = filter_new(&b.geometry, scope());
		uint8_t body[40];
		Built built = {.total = 24 + 40, .blank = cases[i].blank};
		FilterRun run;

		build_block_body(body, SPC, cases[i].one, 1, 0, 0);
		build_block_body(body + 20, SPC, cases[i].two, 2, 0, 0);
		body[20] = 1; /* block id */
		built.lsn = build_record(&b, 20, 0, 7, body, sizeof(body));
		run = run_filter(filter, b.bytes, START, b.len, START, START, 10);
		assert_int_equal(run.status, FILTER_OK);
		check_record(&b, &run, &built);
		assert_int_equal(filter_stats(filter)->mixed_records, cases[i].mixed);
		assert_int_equal(filter_stats(filter)->mixed_lsn,
			cases[i].mixed ? built.lsn : InvalidLsn);
		run_end(&run);
		filter_free(filter);
		build_end(&b);
	}
}

/* More than may be held back: it passes, or is blanked, as it comes. */
static void
huge_record_is_not_gathered(void **state UNUSED)
{
	size_t n = 1500000;
	uint8_t *message = malloc(n);

	for (int out = 0; out < 2; out++)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START);
		Built built = {.total = (uint32_t) (24 + 5 + n), .blank = out};
		WalFilter *filter = filter_new(&b.geometry, scope());
		FilterRun run = {.want = START};
		FilterStatus status = FILTER_OK;

		memset(message, out ? SECRET : OPEN, n);
		build_le(message, out ? OUT_DB : IN_DB, 4);
		built.lsn = build_main_record(&b, 21, 0, 9, message, n);
		check_all(&b, &built, 1);

		/* with its last byte wrong, its end does not leave */
		b.bytes[b.len - 8] ^= 1;
		filter_start(filter, START, START);
		for (size_t done = 0; done < b.len && status == FILTER_OK; done += 8192)
		{
			size_t now = Min(b.len - done, 8192);
			Lsn lsn;

			memcpy(filter_room(filter, now, &lsn), b.bytes + done, now);
			status = filter_push(filter, now, &run.err);
			run_take(&run, filter, NULL);
			if (status == FILTER_OK && done > 8192)
				assert_true(run.len + 8192 > done);
		}
		assert_int_equal(status, FILTER_HALT);
		assert_true(run.len < b.len);
		assert_false(out && has_secret(&run));
		run_end(&run);
		filter_free(filter);
		build_end(&b);
	}
	free(message);
}

/* As a walsender ends its messages: walsender.c, XLogSendPhysical. */
static void
ready_ends_with_a_record_or_a_page(void **state UNUSED)
{
	static const size_t chunks[] = {1, 7, 1000, 8192, 10000, 131072};
	size_t n = 700000;
	uint8_t *message = calloc(1, n);

	build_le(message, IN_DB, 4);
	for (size_t c = 0; c < lengthof(chunks); c++)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START);
		WalFilter *filter = filter_new(&b.geometry, scope());
		Lsn starts[5];

		starts[0] = build_block_record(&b, SPC, IN_DB, 20000, OPEN);
		starts[1] = build_main_record(&b, 21, 0, 9, message, n);
		starts[2] = build_block_record(&b, SPC, OUT_DB, 30, SECRET);
		starts[3] = build_block_record(&b, SPC, OUT_DB, 50000, SECRET);
		starts[4] = build_lsn(&b);
		filter_start(filter, START, START);
		for (size_t done = 0; done < b.len;)
		{
			size_t now = Min(b.len - done, chunks[c]);
			bool at_record = false;
			ErrInfo err;
			Lsn lsn;

			memcpy(filter_room(filter, now, &lsn), b.bytes + done, now);
			done += now;
			assert_int_equal(filter_push(filter, now, &err), FILTER_OK);
			(void) filter_ready(filter, &now, &lsn);
			filter_consume(filter, now);
			for (size_t i = 0; i < lengthof(starts); i++)
			{
				at_record |= MaxAlign(lsn + now) == starts[i];
				/* what is complete does not wait for what follows */
				if (i > 0 && START + done >= starts[i])
					assert_true(lsn + now >= starts[i]);
			}
			if (now > 0 && !at_record)
				assert_int_equal((lsn + now) % 8192, 0);
			/* a page's header goes with what follows it */
			if (now > 0 && (lsn + now) % 8192 > 0)
				assert_true(
					(lsn + now) % 8192 >
					page_header_size(&b.geometry, lsn_floor(lsn + now, 8192)));
		}
		filter_free(filter);
		build_end(&b);
	}
	free(message);
}

/* Lengths that nobody can mean, and some that somebody could. */
static void
hostile_length_halts(void **state UNUSED)
{
	static const uint32_t totals[] = {0, 1, 8, 23, 25, 26, 44 + 99, 44 + 101,
		1000, 520 * 1024, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000,
		0xfffffff8, 0xffffffff};

	for (size_t i = 0; i < lengthof(totals); i++)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START);
		FilterRun run;
		Lsn lsn;

		build_block_record(&b, SPC, IN_DB, 100, OPEN);
		lsn = build_block_record(&b, SPC, OUT_DB, 100, SECRET);
		build_block_record(&b, SPC, IN_DB, 20000, OPEN);
		build_le(b.bytes + (lsn - START), totals[i], 4);
		run = filter_all(&b, 77);
		assert_int_equal(run.status, FILTER_HALT);
		assert_int_equal(run.len, lsn - START);
		run_end(&run);
		build_end(&b);
	}
}

/* Page headers that do not go on with the record. */
static void
wrong_continuation_halts(void **state UNUSED)
{
	/* offset in the second page's header, and what is put there */
	static const struct
	{
		size_t offset;
		uint8_t value;
	} cases[] = {
		{0, 0x0d},  /* another magic */
		{2, 0x00},  /* no continuation */
		{2, 0x09},  /* both flags */
		{2, 0x11},  /* a flag that is not */
		{2, 0x03},  /* a long header */
		{9, 0xff},  /* another address */
		{16, 0xff}, /* another length */
		{19, 0x80},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		WalBuild b = build_begin(SEGMENT, 8192, START);
		Lsn lsn = build_block_record(&b, SPC, OUT_DB, 30000, SECRET);
		FilterRun run;

		b.bytes[8192 + cases[i].offset] = cases[i].value;
		run = filter_all(&b, 1000);
		assert_int_equal(run.status, FILTER_HALT);
		/* the page's header stays with the record that begins it */
		assert_int_equal(lsn - START, page_header_size(&b.geometry, START));
		assert_int_equal(run.len, 0);
		run_end(&run);
		build_end(&b);
	}
}

/* The chain of records is PostgreSQL's check that nothing is missing. */
static void
wrong_link_halts(void **state UNUSED)
{
	WalBuild b = build_begin(SEGMENT, 8192, START);
	Lsn lsn;
	FilterRun run;

	build_block_record(&b, SPC, IN_DB, 100, OPEN);
	lsn = build_block_record(&b, SPC, IN_DB, 100, OPEN);
	b.prev = START + 40; /* as if that one were not there */
	lsn = build_block_record(&b, SPC, IN_DB, 100, OPEN);
	run = filter_all(&b, 1000);
	assert_int_equal(run.status, FILTER_HALT);
	assert_int_equal(run.len, lsn - START);
	assert_non_null(strstr(run.err.message, "prev-link"));
	run_end(&run);
	build_end(&b);
}

/* A new scope is not for the record that the standby is in the middle of. */
static void
new_scope_waits_for_a_record_behind_want(void **state UNUSED)
{
	static const size_t chunks[] = {1, 1000, 1 << 20};

	for (size_t c = 0; c < lengthof(chunks); c++)
	{
		WalBuild b = build_begin(SEGMENT, 1024, START);
		WalFilter *filter = filter_new(&b.geometry, walscope_new());
		size_t want = 2000;
		size_t next;
		FilterRun run;

		build_block_record(&b, SPC, OUT_DB, 3000, SECRET);
		next =
			(size_t) (build_block_record(&b, SPC, OUT_DB, 30, SECRET) - START);
		filter_set_scope(filter, scope());
		run = run_filter(
			filter, b.bytes, START, b.len, START, START + want, chunks[c]);
		assert_int_equal(run.status, FILTER_OK);
		assert_int_equal(run.len, b.len - want);
		assert_memory_equal(run.out, b.bytes + want, next - want);
		assert_int_equal(run.out[next - want + 16], 0x20);
		assert_int_equal(run.out[next - want + 17], 0);
		run_end(&run);
		filter_free(filter);
		build_end(&b);
	}
}

/* Any mixture, any page size, any split, any start. */
static void
random_wal_is_filtered_right(void **state UNUSED)
{
	static const uint32_t blocks[] = {1024, 2048, 8192, 32768, 65536};
	uint64_t seed = 20260301;

	for (int round = 0; round < 60; round++)
	{
		uint32_t block = blocks[random_next(&seed) % lengthof(blocks)];
		WalBuild b = build_begin(SEGMENT, block, START - 4 * (Lsn) block);
		Built built[300];
		size_t count = 0;
		FilterRun whole;
		WalFilter *filter;

		while (count < lengthof(built))
		{
			bool out = random_next(&seed) % 2;
			Oid db = out ? OUT_DB : IN_DB;
			uint32_t how = random_next(&seed) % 100;
			uint16_t n =
				(uint16_t) (random_next(&seed) % (how < 80 ? 300 : 9000));

			if (how == 0 && b.len < 6 * (size_t) block)
				build_switch(&b);
			else if (how == 1)
			{
				build_up_to(&b, 48);
				build_aborted(&b, SPC, db, 60000, out ? SECRET : OPEN,
					block < 8192 ? random_next(&seed) % 5 : 0);
			}
			else
			{
				Built *r = &built[count++];

				*r = (Built){.total = 44 + (uint32_t) n, .blank = out};
				r->lsn =
					build_block_record(&b, SPC, db, n, out ? SECRET : OPEN);
			}
		}
		check_all(&b, built, count);
		whole = filter_all(&b, b.len);
		filter = filter_new(&b.geometry, scope());
		for (int i = 0; i < 40; i++)
		{
			size_t at = random_next(&seed) % b.len;
			FilterRun run;

			if (i % 2 == 0)
				at -= at % block;
			run = run_from(filter, b.bytes, b.start, b.len, b.start + at, block,
				CHUNK_RANDOM);
			assert_int_equal(run.status, FILTER_OK);
			assert_int_equal(run.len, whole.len - at);
			assert_memory_equal(run.out, whole.out + at, run.len);
			run_end(&run);
		}
		filter_free(filter);
		run_end(&whole);
		build_end(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_straddles_at_any_byte),
		cmocka_unit_test(record_ends_at_any_byte),
		cmocka_unit_test(switch_fills_its_segment),
		cmocka_unit_test(fill_is_zeroed),
		cmocka_unit_test(overwritten_record_is_abandoned),
		cmocka_unit_test(undecided_front_of_an_abandoned_record_is_blanked),
		cmocka_unit_test(start_forgets_what_was_before),
		cmocka_unit_test(halt_is_for_good),
		cmocka_unit_test(mixed_record_is_kept_and_counted),
		cmocka_unit_test(huge_record_is_not_gathered),
		cmocka_unit_test(ready_ends_with_a_record_or_a_page),
		cmocka_unit_test(hostile_length_halts),
		cmocka_unit_test(wrong_continuation_halts),
		cmocka_unit_test(wrong_link_halts),
		cmocka_unit_test(new_scope_waits_for_a_record_behind_want),
		cmocka_unit_test(random_wal_is_filtered_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
