/*
 * test_resume.c
 *		Records that go on in another segment: what the filter tells of them, and
 *		that it goes on in the middle of one by that alone.
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

#define BOUNDARIES_MAX 100

/* What a filter has told, in order. */
typedef struct Told
{
	struct
	{
		Lsn lsn;
		bool straddles;
		Straddle straddle;
		uint64_t records; /* in the tally by then */
		uint64_t blanked;
	} items[BOUNDARIES_MAX];
	size_t count;
	const WalFilter *filter;
	Lsn refuse; /* at this boundary */
} Told;

static struct
{
	Sample sample;
	FilterRun whole;
	Told told;
} t;

static bool
on_boundary(void *arg, Lsn boundary, const Straddle *straddle, ErrInfo *err)
{
	Told *told = arg;
	const Tally *tally = filter_tally((WalFilter *) told->filter);

	if (boundary == told->refuse)
		return errinfo_set(err, SQLSTATE_IO_ERROR, "disk full");
	assert_true(told->count < BOUNDARIES_MAX);
	told->items[told->count].lsn = boundary;
	told->items[told->count].straddles = straddle != NULL;
	if (straddle != NULL)
		told->items[told->count].straddle = *straddle;
	told->items[told->count].records = 0;
	told->items[told->count].blanked = 0;
	for (size_t i = 0; i < tally->count; i++)
	{
		const TallyCount *c = &tally->counts[i];

		told->items[told->count].records +=
			c->kept_records + c->blanked_records;
		told->items[told->count].blanked += c->blanked_records;
	}
	told->count++;
	return true;
}

/* Not byte by byte: there is padding in it. */
static void
assert_same_straddle(const Straddle *a, const Straddle *b)
{
	assert_true(a->boundary == b->boundary);
	assert_int_equal(a->tli, b->tli);
	assert_true(a->record == b->record);
	assert_int_equal(a->total, b->total);
	assert_int_equal(a->xid, b->xid);
	assert_true(a->prev == b->prev);
	assert_int_equal(a->blanked, b->blanked);
}

static WalFilter *
new_filter(Told *told)
{
	WalFilter *filter =
		filter_new(&t.sample.geometry, sample_scope(&t.sample, NULL));

	*told = (Told){.filter = filter};
	filter_on_boundary(filter, on_boundary, told);
	return filter;
}

static int
set_up(void **state UNUSED)
{
	WalFilter *filter;

	sample_read(&t.sample);
	filter = new_filter(&t.told);
	t.whole = run_filter(filter, t.sample.wal, t.sample.start, t.sample.len,
		t.sample.start, t.sample.start, t.sample.len);
	filter_free(filter);
	return 0;
}

static int
tear_down(void **state UNUSED)
{
	run_end(&t.whole);
	sample_free(&t.sample);
	return 0;
}

/* By pg_waldump's list. */
static void
boundaries_are_told_as_they_are(void **state UNUSED)
{
	size_t b = 0;
	size_t straddling = 0;

	for (Lsn lsn = t.sample.start + t.sample.geometry.segment_size;
		 lsn < t.sample.start + t.whole.len;
		 lsn += t.sample.geometry.segment_size, b++)
	{
		const SampleRecord *over = NULL;
		uint64_t records = 0;

		assert_true(b < t.told.count);
		assert_true(t.told.items[b].lsn == lsn);
		for (size_t i = 0; i < t.sample.record_count; i++)
		{
			const SampleRecord *r = &t.sample.records[i];

			if (r->lsn >= lsn)
				break;
			records++;
			if (sample_record_end(&t.sample, r) > lsn)
				over = r;
		}
		assert_int_equal(t.told.items[b].records, records);
		assert_int_equal(t.told.items[b].straddles, over != NULL);
		if (over != NULL)
		{
			const Straddle *straddle = &t.told.items[b].straddle;

			straddling++;
			assert_true(straddle->boundary == lsn);
			assert_int_equal(straddle->tli, 1);
			assert_true(straddle->record == over->lsn);
			assert_int_equal(straddle->total, over->total);
			assert_int_equal(straddle->xid, over->xid);
			assert_true(straddle->prev == over->prev);
			assert_int_equal(straddle->blanked, over->blank);
		}
	}
	/* The sample ends within a record, and so one is told before it is there. */
	assert_int_equal(b + 1, t.told.count);
	assert_true(t.told.items[b].lsn == t.sample.start + t.sample.len);
	assert_true(t.told.items[b].straddles);
	assert_true(straddling >= 2);
}

/* A record is told of when its end is still far, and nothing of it has left. */
static void
straddle_is_told_before_it_leaves(void **state UNUSED)
{
	for (size_t i = 0; i < t.sample.record_count; i++)
	{
		const SampleRecord *r = &t.sample.records[i];
		Lsn boundary = lsn_floor(r->lsn, t.sample.geometry.segment_size) +
					   t.sample.geometry.segment_size;
		size_t at = (size_t) (r->lsn - t.sample.start);
		Lsn page = lsn_floor(r->lsn, 8192) + 8192;
		WalFilter *filter;
		FilterRun run;
		Told told;

		if (sample_record_end(&t.sample, r) <= boundary ||
			strcmp(r->op, "SWITCH") == 0)
			continue;
		filter = new_filter(&told);
		/* its first bytes are enough to know it by */
		if (page - r->lsn < 1000)
			page += 8192;
		run = run_filter(filter, t.sample.wal, t.sample.start,
			(size_t) (page - t.sample.start), t.sample.start, t.sample.start,
			65536);
		assert_int_equal(run.status, FILTER_OK);
		assert_true(told.count > 0);
		assert_true(told.items[told.count - 1].straddle.record == r->lsn);
		assert_int_equal(told.items[told.count - 1].straddle.blanked, r->blank);
		if (r->total < 100000 && sample_record_end(&t.sample, r) > page)
			assert_true(run.len <= at);
		run_end(&run);
		filter_free(filter);
	}
}

static void
boundaries_are_the_same_in_any_split(void **state UNUSED)
{
	static const size_t chunks[] = {
		1, 7, 8191, 8192, 8193, 131072, CHUNK_RANDOM};

	for (size_t i = 0; i < lengthof(chunks); i++)
	{
		Told told;
		WalFilter *filter = new_filter(&told);
		FilterRun run = run_filter(filter, t.sample.wal, t.sample.start,
			t.sample.len, t.sample.start, t.sample.start, chunks[i]);

		assert_int_equal(run.status, FILTER_OK);
		assert_int_equal(run.len, t.whole.len);
		assert_memory_equal(run.out, t.whole.out, run.len);
		assert_int_equal(told.count, t.told.count);
		for (size_t b = 0; b < told.count; b++)
		{
			assert_true(told.items[b].lsn == t.told.items[b].lsn);
			assert_int_equal(told.items[b].records, t.told.items[b].records);
			assert_int_equal(told.items[b].blanked, t.told.items[b].blanked);
			assert_int_equal(
				told.items[b].straddles, t.told.items[b].straddles);
			assert_same_straddle(
				&told.items[b].straddle, &t.told.items[b].straddle);
		}
		run_end(&run);
		filter_free(filter);
	}
}

/* Go on at a boundary by what is on record; wal begins at start. */
static FilterRun
resume(WalFilter *filter, const uint8_t *wal, Lsn start, size_t len,
	const Straddle *straddle, size_t chunk)
{
	FilterRun run = {.status = FILTER_OK, .want = straddle->boundary};
	size_t done = (size_t) (straddle->boundary - start);

	filter_resume(filter, straddle->boundary, straddle);
	while (done < len && run.status == FILTER_OK)
	{
		size_t n = Min(chunk, len - done);
		Lsn lsn;

		memcpy(filter_room(filter, n, &lsn), wal + done, n);
		assert_true(lsn == start + done);
		done += n;
		run.status = filter_push(filter, n, &run.err);
		run_take(&run, filter, NULL);
	}
	return run;
}

static void
resumed_wal_is_the_same(void **state UNUSED)
{
	static const size_t chunks[] = {1, 23, 8192, 131072};

	for (size_t b = 0; b < t.told.count; b++)
	{
		size_t at = (size_t) (t.told.items[b].lsn - t.sample.start);

		if (!t.told.items[b].straddles || at >= t.sample.len)
			continue;
		for (size_t i = 0; i < lengthof(chunks); i++)
		{
			/* small portions take long: to the end of the record at least */
			bool all = chunks[i] >= 8192;
			size_t len = all ? t.sample.len
							 : Min(t.sample.len, at + 400 * (size_t) 1024);
			Told told;
			WalFilter *filter = new_filter(&told);
			FilterRun run = resume(filter, t.sample.wal, t.sample.start, len,
				&t.told.items[b].straddle, chunks[i]);

			assert_int_equal(run.status, FILTER_OK);
			assert_true(run.len > 8192);
			assert_memory_equal(run.out, t.whole.out + at, run.len);
			if (!all)
			{
				run_end(&run);
				filter_free(filter);
				continue;
			}
			assert_int_equal(run.len, t.whole.len - at);
			/* what follows is told as before, and counted from here on */
			assert_int_equal(told.count, t.told.count - b - 1);
			for (size_t next = 0; next < told.count; next++)
			{
				assert_same_straddle(&told.items[next].straddle,
					&t.told.items[b + 1 + next].straddle);
				assert_int_equal(told.items[next].records,
					t.told.items[b + 1 + next].records -
						t.told.items[b].records);
			}
			run_end(&run);
			filter_free(filter);
		}
	}
}

/* Nothing leaves when the WAL is not what was on record. */
static void
wrong_record_is_looked_back_for(void **state UNUSED)
{
	const Straddle *right = NULL;
	Straddle wrong[4];

	for (size_t b = 0; b < t.told.count && right == NULL; b++)
	{
		if (t.told.items[b].straddles)
			right = &t.told.items[b].straddle;
	}
	for (size_t i = 0; i < lengthof(wrong); i++)
		wrong[i] = *right;
	wrong[0].total = 30; /* less than is still to come */
	wrong[1].tli = 2;
	wrong[2].boundary = t.sample.start; /* where a record begins */
	wrong[3].total = 0;
	for (size_t i = 0; i < lengthof(wrong); i++)
	{
		Told told;
		WalFilter *filter = new_filter(&told);
		FilterRun run = resume(filter, t.sample.wal, t.sample.start,
			t.sample.len, &wrong[i], 8192);

		assert_int_equal(run.status, FILTER_LOOKBACK);
		assert_int_equal(run.len, 0);
		run_end(&run);
		filter_free(filter);
	}
}

/* The next record's link tells if it was another record that went on here. */
static void
wrong_chain_halts(void **state UNUSED)
{
	for (size_t b = 0; b < t.told.count; b++)
	{
		Straddle straddle = t.told.items[b].straddle;
		Told told;
		WalFilter *filter;
		FilterRun run;

		if (!t.told.items[b].straddles ||
			straddle.boundary >= t.sample.start + t.sample.len)
			continue;
		straddle.record -= 8;
		filter = new_filter(&told);
		run = resume(filter, t.sample.wal, t.sample.start, t.sample.len,
			&straddle, 8192);
		assert_int_equal(run.status, FILTER_HALT);
		run_end(&run);
		filter_free(filter);
	}
}

static void
failing_listener_keeps_the_segment_back(void **state UNUSED)
{
	for (size_t b = 0; b < t.told.count; b++)
	{
		Told told;
		WalFilter *filter = new_filter(&told);
		FilterRun run;

		told.refuse = t.told.items[b].lsn;
		run = run_filter(filter, t.sample.wal, t.sample.start, t.sample.len,
			t.sample.start, t.sample.start, 5000);
		assert_int_equal(run.status, FILTER_HALT);
		assert_string_equal(run.err.message, "disk full");
		assert_true(run.len <= told.refuse - t.sample.start);
		assert_memory_equal(run.out, t.whole.out, run.len);
		run_end(&run);
		filter_free(filter);
	}
}

/*
 * A blanked record with every number of bytes in front of the boundary, so that
 * the no-op's own header is cut, too; and one of several segments.
 */
static void
cut_anywhere(void **state UNUSED)
{
	static const uint16_t tails[] = {100, 60000};

	for (size_t n = 0; n < lengthof(tails); n++)
	{
		for (uint32_t before = 8; before <= 64; before += 8)
		{
			Lsn start = 5 * (Lsn) (1 << 20);
			WalBuild b = build_begin(1 << 20, 8192, start + (1 << 20) - 8192);
			Told told = {0};
			WalScope *scope = walscope_new();
			WalFilter *filter;
			FilterRun whole;
			FilterRun run;
			size_t at = 8192;

			walscope_set(scope, SCOPE_DATABASE, 16385, SCOPE_OUT);
			build_up_to(&b, before);
			build_block_record(&b, 1663, 16385, tails[n], 0xEE);
			build_block_record(&b, 1663, 16384, 100, 0xAA);
			filter = filter_new(&b.geometry, scope);
			told.filter = filter;
			filter_on_boundary(filter, on_boundary, &told);
			whole = run_filter(
				filter, b.bytes, b.start, b.len, b.start, b.start, 1000);
			assert_int_equal(whole.status, FILTER_OK);
			assert_int_equal(whole.len, b.len);
			assert_int_equal(told.count, 1);
			assert_true(told.items[0].straddles);
			assert_true(told.items[0].straddle.blanked);
			run = resume(
				filter, b.bytes, b.start, b.len, &told.items[0].straddle, 11);
			assert_int_equal(run.status, FILTER_OK);
			assert_int_equal(run.len, whole.len - at);
			assert_memory_equal(run.out, whole.out + at, run.len);
			run_end(&run);
			run_end(&whole);
			filter_free(filter);
			build_end(&b);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boundaries_are_told_as_they_are),
		cmocka_unit_test(straddle_is_told_before_it_leaves),
		cmocka_unit_test(boundaries_are_the_same_in_any_split),
		cmocka_unit_test(resumed_wal_is_the_same),
		cmocka_unit_test(wrong_record_is_looked_back_for),
		cmocka_unit_test(wrong_chain_halts),
		cmocka_unit_test(failing_listener_keeps_the_segment_back),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
