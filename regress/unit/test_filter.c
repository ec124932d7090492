/*
 * test_filter.c
 *		The filter on WAL that PostgreSQL wrote, each major.  What is expected of each record
 *		comes from pg_waldump (regress/data/capture.sh), the walk over pages and
 *		the CRC from this program.
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

/* What a start in the middle is compared over, and how far a flipped bit is followed. */
#define START_SPAN (100 * 1024)
#define FLIP_SPAN (3 * 8192)

/* Of the major that is tested; those of all stay loaded. */
static struct Loaded
{
	Sample sample;
	FilterRun whole; /* the sample, filtered in one piece */
	uint8_t *record; /* room for the longest one */
	uint8_t *record_out;
} t, loaded[lengthof(sample_majors)];

static WalFilter *
new_filter(const char *except)
{
	return filter_new(&t.sample.geometry, sample_scope(&t.sample, except));
}

static void
load(int major)
{
	WalFilter *filter;

	sample_read_major(&t.sample, major);
	t.record = malloc(SAMPLE_SIZE_MAX);
	t.record_out = malloc(SAMPLE_SIZE_MAX);
	filter = new_filter("copied");
	t.whole = run_filter(filter, t.sample.wal, t.sample.start, t.sample.len,
		t.sample.start, t.sample.start, t.sample.len);
	filter_free(filter);
}

static int
set_up(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		load(sample_majors[i]);
		loaded[i] = t;
	}
	return 0;
}

static int
tear_down(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(loaded); i++)
	{
		run_end(&loaded[i].whole);
		sample_free(&loaded[i].sample);
		free(loaded[i].record);
		free(loaded[i].record_out);
	}
	return 0;
}

static int
choose_major(void **state)
{
	const struct Loaded *one = *state;

	t = *one;
	return 0;
}

static bool
assemble(const uint8_t *wal, size_t len, const SampleRecord *r, uint8_t *record)
{
	return sample_assemble(
		&t.sample.geometry, wal, t.sample.start, len, r->lsn, r->total, record);
}

static void
sample_has_what_it_should(void **state UNUSED)
{
	/* kind, and the first and the last major that has it (0: any) */
	static const struct
	{
		const char *kind;
		int first_major;
		int last_major;
	} kinds[] = {
		{"Storage CREATE blank", 0, 0},
		{"Storage CREATE keep", 0, 0},
		{"Storage TRUNCATE blank", 0, 0},
		{"Storage TRUNCATE keep", 0, 0},
		{"Database CREATE blank", 0, 14},
		{"Database CREATE keep", 0, 14},
		{"Database CREATE_FILE_COPY blank", 15, 0},
		{"Database CREATE_FILE_COPY keep", 15, 0},
		{"Database CREATE_WAL_LOG blank", 15, 0},
		{"Database CREATE_WAL_LOG keep", 15, 0},
		{"Database DROP keep", 0, 0},
		{"Tablespace CREATE blank", 0, 0},
		{"Tablespace CREATE keep", 0, 0},
		{"Tablespace DROP keep", 0, 0},
		{"RelMap UPDATE blank", 0, 0},
		{"RelMap UPDATE keep", 0, 0},
		{"Btree REUSE_PAGE blank", 0, 0},
		{"Btree REUSE_PAGE keep", 0, 0},
		{"Gist PAGE_REUSE blank", 0, 0},
		{"Gist PAGE_REUSE keep", 0, 0},
		{"Heap2 CLEANUP_INFO blank", 0, 13},
		{"Heap2 CLEANUP_INFO keep", 0, 13},
		{"Heap2 NEW_CID blank", 0, 0},
		{"Heap2 NEW_CID keep", 0, 0},
		{"Heap2 REWRITE blank", 0, 0},
		{"Heap2 REWRITE keep", 0, 0},
		{"Heap TRUNCATE blank", 0, 0},
		{"Heap TRUNCATE keep", 0, 0},
		{"LogicalMessage MESSAGE blank", 0, 0},
		{"LogicalMessage MESSAGE keep", 0, 0},
		{"XLOG FPI blank", 0, 0},
		{"XLOG FPI keep", 0, 0},
		{"XLOG FPI_FOR_HINT blank", 18, 0},
		{"XLOG CHECKPOINT_REDO keep", 17, 0},
		{"XLOG SWITCH keep", 0, 0},
		{"Generic Generic blank", 0, 0},
		{"Transaction PREPARE keep", 0, 0},
		{"Standby LOCK keep", 0, 0},
	};
	unsigned straddle[2] = {0, 0};

	for (size_t k = 0; k < lengthof(kinds); k++)
	{
		bool found = false;

		if (t.sample.major < kinds[k].first_major ||
			(kinds[k].last_major != 0 && t.sample.major > kinds[k].last_major))
			continue;
		for (size_t i = 0; i < t.sample.record_count && !found; i++)
		{
			const SampleRecord *r = &t.sample.records[i];
			char text[64];

			snprintf(text, sizeof(text), "%s %s %s", r->rmgr, r->op,
				r->blank ? "blank" : "keep");
			found = strcmp(text, kinds[k].kind) == 0;
		}
		if (!found)
			fail_msg(
				"no %s in the sample of %d", kinds[k].kind, t.sample.major);
	}
	for (size_t i = 0; i < t.sample.record_count; i++)
	{
		const SampleRecord *r = &t.sample.records[i];

		straddle[r->blank] +=
			lsn_floor(r->lsn, 1 << 20) !=
			lsn_floor(sample_record_end(&t.sample, r) - 1, 1 << 20);
	}
	assert_true(straddle[false] >= 3 && straddle[true] >= 3);
	assert_true(contains(t.sample.wal, t.sample.len, t.sample.marker));
}

/* One that is to be blanked has become a no-op that PostgreSQL's reader accepts. */
static void
check_blanked(const SampleRecord *r, const uint8_t *out)
{
	uint32_t payload = r->total <= 281 ? 2 : 5;

	assert_int_equal(load_le32(out), r->total);
	assert_int_equal(load_le32(out + 4), r->xid);
	assert_int_equal(load_le64(out + 8), r->prev);
	assert_int_equal(out[16], 0x20);
	assert_int_equal(out[17], 0);
	assert_int_equal(load_le16(out + 18), 0);
	assert_int_equal(load_le32(out + 20), build_record_crc(out, r->total));
	if (payload == 2)
	{
		assert_int_equal(out[24], 0xff);
		assert_int_equal(out[25], r->total - 26);
	}
	else
	{
		assert_int_equal(out[24], 0xfe);
		assert_int_equal(load_le32(out + 25), r->total - 29);
	}
	for (uint32_t i = 24 + payload; i < r->total; i++)
	{
		if (out[i] != 0)
			fail_msg("byte %u of a blanked record is not zero", i);
	}
}

static void
each_record_is_kept_or_blanked_as_pg_waldump_has_it(void **state UNUSED)
{
	size_t blanked = 0;

	assert_int_equal(t.whole.status, FILTER_OK);
	for (size_t i = 0; i < t.sample.record_count; i++)
	{
		const SampleRecord *r = &t.sample.records[i];
		bool same;

		assert_true(assemble(t.sample.wal, t.sample.len, r, t.record));
		assert_true(assemble(t.whole.out, t.whole.len, r, t.record_out));
		same = memcmp(t.record, t.record_out, r->total) == 0;
		if (same == r->blank)
			fail_msg("%s %s at " LSN_FORMAT " is %s", r->rmgr, r->op,
				LSN_ARGS(r->lsn), same ? "kept" : "changed");
		if (r->blank)
			check_blanked(r, t.record_out);
		blanked += r->blank;
	}
	assert_true(blanked > 1000);
}

/* Page headers, pads, and what follows a switch: whatever is in no record. */
static void
nothing_else_is_changed(void **state UNUSED)
{
	const SampleRecord *last = &t.sample.records[t.sample.record_count - 1];
	Lsn lsn = t.sample.start;

	for (size_t i = 0; i <= t.sample.record_count; i++)
	{
		Lsn end = i < t.sample.record_count
					  ? t.sample.records[i].lsn
					  : sample_record_end(&t.sample, last);

		/* from the end of the record before to the start of this one */
		if (end > lsn)
			assert_memory_equal(t.whole.out + (lsn - t.sample.start),
				t.sample.wal + (lsn - t.sample.start), end - lsn);
		if (i < t.sample.record_count)
			lsn = sample_record_end(&t.sample, &t.sample.records[i]);
	}
	for (size_t at = 0; at < t.whole.len; at += 8192)
		assert_memory_equal(t.whole.out + at, t.sample.wal + at,
			at % t.sample.geometry.segment_size == 0 ? 40 : 24);
}

static void
marker_is_gone(void **state UNUSED)
{
	/* all but the record that the sample ends in */
	assert_true(t.whole.len > t.sample.len - 300 * 1024);
	assert_false(contains(t.whole.out, t.whole.len, t.sample.marker));
}

static void
any_split_gives_the_same(void **state UNUSED)
{
	static const size_t chunks[] = {7, 8191, 8192, 8193, 131072, CHUNK_RANDOM};

	for (size_t i = 0; i < lengthof(chunks); i++)
	{
		WalFilter *filter = new_filter("copied");
		FilterRun run = run_filter(filter, t.sample.wal, t.sample.start,
			t.sample.len, t.sample.start, t.sample.start, chunks[i]);

		assert_int_equal(run.status, FILTER_OK);
		assert_int_equal(run.len, t.whole.len);
		assert_memory_equal(run.out, t.whole.out, run.len);
		run_end(&run);
		filter_free(filter);
	}
}

static void
byte_by_byte_gives_the_same(void **state UNUSED)
{
	size_t len = 3 * t.sample.geometry.segment_size + 10000;
	WalFilter *filter = new_filter("copied");
	FilterRun run = run_filter(filter, t.sample.wal, t.sample.start, len,
		t.sample.start, t.sample.start, 1);

	assert_int_equal(run.status, FILTER_OK);
	assert_true(run.len > len - 300 * 1024);
	assert_memory_equal(run.out, t.whole.out, run.len);
	run_end(&run);
	filter_free(filter);
}

/* Synchronous commit must not wait for a record that is not there yet. */
static void
nothing_is_held_back_between_records(void **state UNUSED)
{
	WalFilter *filter = new_filter("copied");
	Lsn at = t.sample.start;

	filter_start(filter, at, at);
	for (size_t i = 0; i < 5000; i++)
	{
		Lsn end = MaxAlign(sample_record_end(&t.sample, &t.sample.records[i]));
		size_t n = (size_t) (end - at);
		ErrInfo err;
		Lsn lsn;

		memcpy(filter_room(filter, n, &lsn),
			t.sample.wal + (at - t.sample.start), n);
		assert_int_equal(filter_push(filter, n, &err), FILTER_OK);
		(void) filter_ready(filter, &n, &lsn);
		assert_int_equal(lsn + n, end);
		filter_consume(filter, n);
		at = end;
	}
	filter_free(filter);
}

static void
counts_add_up(void **state UNUSED)
{
	WalFilter *filter = new_filter("copied");
	FilterRun run = run_filter(filter, t.sample.wal, t.sample.start,
		t.sample.len, t.sample.start, t.sample.start, 65536);
	const FilterStats *stats = filter_stats(filter);
	uint64_t kept = 0;
	uint64_t blanked_bytes = 0;
	uint64_t blanked = 0;

	for (size_t i = 0; i < t.sample.record_count; i++)
	{
		const SampleRecord *r = &t.sample.records[i];

		kept += !r->blank;
		blanked += r->blank;
		blanked_bytes += r->blank ? r->total : 0;
	}
	assert_int_equal(stats->kept_records, kept);
	/* and maybe the one that the sample ends in */
	assert_in_range(stats->blanked_records, blanked, blanked + 1);
	assert_true(stats->blanked_bytes >= blanked_bytes);
	assert_int_equal(stats->mixed_records, 0);
	run_end(&run);
	filter_free(filter);
}

static void
all_in_scope_is_identity(void **state UNUSED)
{
	WalFilter *filter = filter_new(&t.sample.geometry, walscope_new());
	FilterRun run = run_filter(filter, t.sample.wal, t.sample.start,
		t.sample.len, t.sample.start, t.sample.start, 50000);

	assert_int_equal(run.status, FILTER_OK);
	assert_true(run.len > t.sample.len - 300 * 1024);
	assert_memory_equal(run.out, t.sample.wal, run.len);
	run_end(&run);
	filter_free(filter);
}

/* By list of what is in, the rest is found out on the way: the same result. */
static void
include_list_is_the_complement(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	WalFilter *filter;
	FilterRun run;
	size_t last;

	walscope_set_default(scope, SCOPE_DATABASE, SCOPE_OUT);
	walscope_set_default(scope, SCOPE_TABLESPACE, SCOPE_OUT);
	for (size_t i = 0; i < t.sample.object_count; i++)
	{
		if (!t.sample.objects[i].out)
			walscope_set(scope, t.sample.objects[i].kind,
				t.sample.objects[i].oid, SCOPE_IN);
	}
	filter = filter_new(&t.sample.geometry, scope);
	run = run_filter(filter, t.sample.wal, t.sample.start, t.sample.len,
		t.sample.start, t.sample.start, 77777);
	assert_int_equal(run.status, FILTER_OK);
	last = Min(run.len, t.whole.len);
	assert_memory_equal(run.out, t.whole.out, last);
	run_end(&run);
	filter_free(filter);
}

static bool
on_copied(void *arg, WalScope *scope UNUSED, Oid database, Oid source, Lsn lsn,
	ErrInfo *err UNUSED)
{
	Lsn *seen = arg;

	assert_int_equal(database, sample_oid(&t.sample, "copied"));
	assert_int_equal(source, sample_oid(&t.sample, "out1"));
	*seen = lsn;
	return true;
}

/* What is copied from a directory that is out is out from then on, and is said so. */
static void
file_copy_from_out_of_scope_is_out(void **state UNUSED)
{
	WalScope *scope = sample_scope(&t.sample, "copied");
	WalFilter *filter;
	FilterRun run;
	Lsn seen = InvalidLsn;
	ScopeVerdict verdict = SCOPE_IN;

	walscope_listen(scope, &(ScopeListener){.copied = on_copied, .arg = &seen});
	filter = filter_new(&t.sample.geometry, scope);
	run = run_filter(filter, t.sample.wal, t.sample.start, t.sample.len,
		t.sample.start, t.sample.start, 4096);
	assert_int_equal(run.status, FILTER_OK);
	assert_true(seen != InvalidLsn);
	assert_true(walscope_get(filter_scope(filter), SCOPE_DATABASE,
		sample_oid(&t.sample, "copied"), &verdict));
	assert_int_equal(verdict, SCOPE_OUT);
	run_end(&run);
	filter_free(filter);
}

static bool
on_copied_fail(void *arg UNUSED, WalScope *scope UNUSED, Oid database UNUSED,
	Oid source UNUSED, Lsn lsn UNUSED, ErrInfo *err)
{
	return errinfo_set(err, SQLSTATE_IO_ERROR, "no journal");
}

/* A verdict that could not be put on record has no effect: nothing leaves. */
static void
failing_listener_halts(void **state UNUSED)
{
	WalScope *scope = sample_scope(&t.sample, "copied");
	WalFilter *filter;
	FilterRun run;

	walscope_listen(scope, &(ScopeListener){.copied = on_copied_fail});
	filter = filter_new(&t.sample.geometry, scope);
	run = run_filter(filter, t.sample.wal, t.sample.start, t.sample.len,
		t.sample.start, t.sample.start, 4096);
	assert_int_equal(run.status, FILTER_HALT);
	assert_string_equal(run.err.message, "no journal");
	assert_memory_equal(run.out, t.whole.out, run.len);
	run_end(&run);
	filter_free(filter);
}

static void
check_start(WalFilter *filter, Lsn want, size_t chunk)
{
	size_t at = (size_t) (want - t.sample.start);
	size_t len = t.sample.len;
	FilterRun run;

	/* up to the end of a record: there, nothing is held back */
	for (size_t i = t.sample.record_count; i-- > 0;)
	{
		if (t.sample.records[i].lsn < want + START_SPAN)
		{
			len = (size_t) (MaxAlign(sample_record_end(
								&t.sample, &t.sample.records[i])) -
							t.sample.start);
			break;
		}
	}
	if (len <= at)
		return; /* in what the sample ends in */
	run = run_from(filter, t.sample.wal, t.sample.start, len, want,
		t.sample.geometry.block_size, chunk);

	assert_int_equal(run.status, FILTER_OK);
	assert_int_equal(at + run.len, len);
	if (memcmp(run.out, t.whole.out + at, run.len) != 0)
		fail_msg("other bytes when started at " LSN_FORMAT, LSN_ARGS(want));
	run_end(&run);
}

static void
start_at_any_page_gives_the_same(void **state UNUSED)
{
	WalFilter *filter = new_filter(NULL);

	for (size_t at = 0; at < t.whole.len; at += 8192)
		check_start(filter, t.sample.start + at, 65536);
	filter_free(filter);
}

static void
start_anywhere_gives_the_same(void **state UNUSED)
{
	WalFilter *filter = new_filter(NULL);
	uint64_t seed = 4711;

	for (int i = 0; i < 300; i++)
		check_start(filter, t.sample.start + random_next(&seed) % t.whole.len,
			CHUNK_RANDOM);
	filter_free(filter);
}

/*
 * A bit is flipped at a byte of a record: the filter must stop there, having
 * let out nothing but what the undamaged WAL gives, up to that record.
 */
static void
check_flip(const SampleRecord *r, Lsn lsn, unsigned bit, size_t chunk)
{
	Lsn from = lsn_floor(r->lsn, 8192);
	size_t first = (size_t) (from - t.sample.start);
	size_t len = (size_t) (sample_record_end(&t.sample, r) - from) + FLIP_SPAN;
	uint8_t *wal;
	WalFilter *filter;
	FilterRun run;

	len = Min(len, t.sample.len - first);
	wal = exact_copy(t.sample.wal + first, len);
	wal[lsn - from] ^= (uint8_t) (1 << bit);
	filter = new_filter(NULL);
	run = run_filter(filter, wal, from, len, from, r->lsn, chunk);
	if (run.status == FILTER_LOOKBACK)
	{
		/* the record before is on an earlier page: start right here */
		fail_msg("look-back for a record that was seen");
	}
	if (run.status != FILTER_HALT || run.len != 0)
		fail_msg("%s %s at " LSN_FORMAT ", bit %u at " LSN_FORMAT
				 ": status %d, %zu bytes out",
			r->rmgr, r->op, LSN_ARGS(r->lsn), bit, LSN_ARGS(lsn), run.status,
			run.len);
	/* and it stays so */
	assert_int_equal(filter_push(filter, 0, &run.err), FILTER_HALT);
	run_end(&run);
	filter_free(filter);
	free(wal);
}

/* The LSN of byte offset of a record. */
static Lsn
byte_lsn(const SampleRecord *r, uint32_t offset)
{
	return sample_bytes_end(&t.sample, r, offset + 1) - 1;
}

static void
flipped_bit_halts(void **state UNUSED)
{
	uint64_t seed = 12345;

	for (size_t i = 1; i + 10 < t.sample.record_count; i++)
	{
		const SampleRecord *r = &t.sample.records[i];
		bool is_sample = i % 97 == 0;

		/* the first of each kind, and some more */
		for (size_t k = 0; !is_sample; k++)
		{
			const SampleRecord *other = &t.sample.records[k];

			if (k == i)
				is_sample = true;
			else if (other->blank == r->blank &&
					 strcmp(other->op, r->op) == 0 &&
					 strcmp(other->rmgr, r->rmgr) == 0)
				break;
		}
		if (!is_sample || r->total > 100000)
			continue;
		for (int n = 0; n < 16; n++)
		{
			/* half of them in the headers */
			uint32_t offset =
				random_next(&seed) % (n % 2 ? r->total : Min(r->total, 60));
			/* the filter's own check of what is before it is not at hand here */
			check_flip(r, byte_lsn(r, offset), random_next(&seed) % 8,
				n % 4 == 0 ? 64 : 65536);
		}
	}
}

/* One that is too long to be held back until its end: what is blanked stays so. */
static void
flipped_bit_in_a_long_record_leaks_nothing(void **state UNUSED)
{
	for (size_t i = 1; i + 10 < t.sample.record_count; i++)
	{
		const SampleRecord *r = &t.sample.records[i];
		size_t at = (size_t) (r->lsn - t.sample.start);
		uint8_t *wal;
		WalFilter *filter;
		FilterRun run;

		if (r->total < 100000 || !r->blank)
			continue;
		wal = exact_copy(t.sample.wal, t.sample.len);
		wal[byte_lsn(r, r->total - 5) - t.sample.start] ^= 4;
		filter = new_filter("copied");
		run = run_filter(filter, wal, t.sample.start, t.sample.len,
			t.sample.start, t.sample.start, 16384);
		assert_int_equal(run.status, FILTER_HALT);
		assert_true(run.len >= at);
		assert_true(run.len < sample_record_end(&t.sample, r) - t.sample.start);
		assert_memory_equal(run.out, t.whole.out, run.len);
		run_end(&run);
		filter_free(filter);
		free(wal);
	}
}

/* The rule may change while the stream runs: from the next record on. */
static void
scope_changes_at_a_record_boundary(void **state UNUSED)
{
	WalFilter *filter = filter_new(&t.sample.geometry, walscope_new());
	Lsn switched = InvalidLsn;
	FilterRun run = {.want = t.sample.start};
	size_t chunk = 3333;

	filter_start(filter, t.sample.start, t.sample.start);
	for (size_t done = 0; done + chunk < t.sample.len / 2; done += chunk)
	{
		Lsn lsn;

		if (done == chunk * 900)
		{
			switched = t.sample.start + done;
			filter_set_scope(filter, sample_scope(&t.sample, "copied"));
		}
		memcpy(filter_room(filter, chunk, &lsn), t.sample.wal + done, chunk);
		assert_int_equal(filter_push(filter, chunk, &run.err), FILTER_OK);
		run_take(&run, filter, NULL);
	}
	for (size_t i = 0; i < t.sample.record_count; i++)
	{
		const SampleRecord *r = &t.sample.records[i];

		if (!assemble(run.out, run.len, r, t.record_out))
			break;
		assert_true(assemble(r->lsn < switched ? t.sample.wal : t.whole.out,
			t.whole.len, r, t.record));
		assert_memory_equal(t.record, t.record_out, r->total);
	}
	assert_true(contains(
		run.out, (size_t) (switched - t.sample.start), t.sample.marker));
	run_end(&run);
	filter_free(filter);
}

/*
 * A rule that was narrowed at an LSN, and a standby that starts anew around
 * there: what began before comes as it came, its rest included.
 */
static void
narrowed_scope_begins_at_its_lsn(void **state UNUSED)
{
	Lsn since = InvalidLsn;
	uint8_t *want = exact_copy(t.sample.wal, t.whole.len);
	WalScope *scope = walscope_new();
	WalFilter *filter;

	/* in the middle of the long record that is to be blanked */
	for (size_t i = 0; i < t.sample.record_count; i++)
	{
		const SampleRecord *r = &t.sample.records[i];

		if (r->total > 200000 && r->blank)
		{
			size_t after =
				(size_t) (sample_record_end(&t.sample, r) - t.sample.start);

			since = r->lsn + r->total / 2;
			memcpy(want + after, t.whole.out + after, t.whole.len - after);
			break;
		}
	}
	assert_true(since != InvalidLsn);
	for (size_t i = 0; i < t.sample.object_count; i++)
	{
		if (t.sample.objects[i].out)
			walscope_set_out(scope, t.sample.objects[i].kind,
				t.sample.objects[i].oid, since);
	}
	filter = filter_new(&t.sample.geometry, scope);
	for (Lsn start = lsn_floor(since, 8192) - 50 * 8192;
		 start < since + 50 * 8192; start += 8192)
	{
		size_t at = (size_t) (start - t.sample.start);
		FilterRun run = run_from(filter, t.sample.wal, t.sample.start,
			t.whole.len, start, 8192, 30000);

		assert_int_equal(run.status, FILTER_OK);
		assert_true(at + run.len + 400 * 1024 > t.whole.len);
		assert_memory_equal(run.out, want + at, run.len);
		run_end(&run);
	}
	filter_free(filter);
	free(want);
}

int
main(void)
{
	static const struct CMUnitTest cases[] = {
		cmocka_unit_test(sample_has_what_it_should),
		cmocka_unit_test(each_record_is_kept_or_blanked_as_pg_waldump_has_it),
		cmocka_unit_test(nothing_else_is_changed),
		cmocka_unit_test(marker_is_gone),
		cmocka_unit_test(any_split_gives_the_same),
		cmocka_unit_test(byte_by_byte_gives_the_same),
		cmocka_unit_test(nothing_is_held_back_between_records),
		cmocka_unit_test(counts_add_up),
		cmocka_unit_test(all_in_scope_is_identity),
		cmocka_unit_test(include_list_is_the_complement),
		cmocka_unit_test(file_copy_from_out_of_scope_is_out),
		cmocka_unit_test(failing_listener_halts),
		cmocka_unit_test(start_at_any_page_gives_the_same),
		cmocka_unit_test(start_anywhere_gives_the_same),
		cmocka_unit_test(flipped_bit_halts),
		cmocka_unit_test(flipped_bit_in_a_long_record_leaks_nothing),
		cmocka_unit_test(scope_changes_at_a_record_boundary),
		cmocka_unit_test(narrowed_scope_begins_at_its_lsn),
	};
	struct CMUnitTest tests[lengthof(cases) * lengthof(loaded)];
	static char names[lengthof(tests)][80];

	for (size_t i = 0; i < lengthof(tests); i++)
	{
		size_t major = i / lengthof(cases);

		tests[i] = cases[i % lengthof(cases)];
		snprintf(names[i], sizeof(names[i]), "%s of %d", tests[i].name,
			sample_majors[major]);
		tests[i].name = names[i];
		tests[i].setup_func = choose_major;
		tests[i].initial_state = &loaded[major];
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
