/*
 * test_delay.c
 *		send_delay: commits are found where pg_waldump finds them, with their times,
 *		and nothing from the first young one on goes out.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "filterrun.h"
#include "sample.h"
#include "util/buf.h"
#include "wal/delay.h"

#define COMMITS_MAX 1000
#define US_PER_SECOND INT64_C(1000000)
/* 2000-01-01 in seconds since 1970 */
#define EPOCH INT64_C(946684800)

static const WalGeometry geometry = {
	.segment_size = 1 << 20,
	.block_size = 8192,
};

/* What pg_waldump says: regress/data/pgNN/commits. */
static size_t
read_commits(int major, DelayCommit commits[COMMITS_MAX])
{
	FILE *file = sample_open(major, "commits", false);
	char line[128];
	size_t count = 0;

	while (fgets(line, sizeof(line), file) != NULL)
	{
		char lsn[32];
		struct tm tm = {0};
		int us;

		if (sscanf(line, "%31s %d-%d-%d %d:%d:%d.%6d", lsn, &tm.tm_year,
				&tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
				&us) != 8 ||
			!lsn_parse(lsn, &commits[count].lsn))
			fail_msg("cannot read %s", line);
		tm.tm_year -= 1900;
		tm.tm_mon -= 1;
		commits[count].time = (timegm(&tm) - EPOCH) * US_PER_SECOND + us;
		count++;
		assert_true(count < COMMITS_MAX);
	}
	fclose(file);
	return count;
}

/* FilterFront, with a Delay */
static bool
on_front(void *arg, Lsn lsn, const RecordHead *head)
{
	int64_t when;

	if (delay_commit_time(head, &when))
		delay_note(arg, lsn, when);
	return true;
}

/* A filter that only looks, and notes the commits. */
static WalFilter *
new_reader(const Sample *sample, Delay *delay)
{
	WalFilter *filter = filter_new(&sample->geometry, NULL);

	delay_reset(delay);
	filter_on_front(filter, on_front, delay);
	return filter;
}

static void
expect_commits(const Delay *delay, const DelayCommit *commits, size_t count)
{
	assert_int_equal(delay->count, count);
	for (size_t i = 0; i < count; i++)
	{
		assert_int_equal(delay->commits[i].lsn, commits[i].lsn);
		assert_int_equal(delay->commits[i].time, commits[i].time);
	}
}

static void
commits_are_those_of_pg_waldump(void **state UNUSED)
{
	static const size_t chunks[] = {1, 24, 8192, 131072, CHUNK_RANDOM};
	static DelayCommit commits[COMMITS_MAX];

	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		size_t count = read_commits(sample_majors[i], commits);
		Delay delay = {0};
		Sample sample;

		assert_true(count > 100);
		sample_read_major(&sample, sample_majors[i]);
		for (size_t j = 0; j < lengthof(chunks); j++)
		{
			WalFilter *filter = new_reader(&sample, &delay);
			FilterRun run = run_filter(filter, sample.wal, sample.start,
				sample.len, sample.start, sample.start, chunks[j]);

			assert_int_equal(run.status, FILTER_OK);
			expect_commits(&delay, commits, count);
			run_end(&run);
			filter_free(filter);
		}
		delay_clear(&delay);
		sample_free(&sample);
	}
}

/* A stream may begin at any page, within a record too, and needs nothing before. */
static void
a_stream_begins_where_it_is_told_to(void **state UNUSED)
{
	static DelayCommit commits[COMMITS_MAX];

	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		size_t count = read_commits(sample_majors[i], commits);
		size_t first = 0;
		unsigned within = 0;
		Delay delay = {0};
		Sample sample;

		sample_read_major(&sample, sample_majors[i]);
		for (size_t at = 0; at < sample.len; at += sample.geometry.block_size)
		{
			Lsn want = sample.start + at;
			size_t len = Min(sample.len, at + 5 * 8192);
			WalFilter *filter;
			FilterRun run;

			/* behind a segment switch there are zeros, and no record */
			if (load_le16(sample.wal + at) == 0)
				continue;
			filter = new_reader(&sample, &delay);
			run = run_filter(filter, sample.wal, sample.start, len, want, want,
				CHUNK_RANDOM);
			assert_int_equal(run.status, FILTER_OK);
			assert_memory_equal(run.out, sample.wal + at, run.len);
			within += load_le32(sample.wal + at + 16) > 0;
			while (first < count && commits[first].lsn < want)
				first++;
			assert_true(delay.count <= count - first);
			expect_commits(&delay, commits + first, delay.count);
			run_end(&run);
			filter_free(filter);
		}
		assert_true(within > 100);
		delay_clear(&delay);
		sample_free(&sample);
	}
}

/* And anywhere within a page, by what stands before on that. */
static void
a_stream_begins_within_a_page(void **state UNUSED)
{
	Delay delay = {0};
	Sample sample;

	sample_read(&sample);
	for (size_t at = 0; at < 60 * 8192; at += 1237)
	{
		WalFilter *filter = new_reader(&sample, &delay);
		FilterRun run = run_from(filter, sample.wal, sample.start,
			Min(sample.len, at + 3 * 8192), sample.start + at,
			sample.geometry.block_size, CHUNK_RANDOM);

		assert_int_equal(run.status, FILTER_OK);
		assert_memory_equal(run.out, sample.wal + at, run.len);
		run_end(&run);
		filter_free(filter);
	}
	delay_clear(&delay);
	sample_free(&sample);
}

/* Give out what may leave, in random portions, as a feed does. */
static size_t
send_until_held(WalFilter *filter, Delay *delay, const Sample *sample,
	int delay_ms, int64_t now, Lsn *held, int64_t *until)
{
	size_t sent = 0;
	size_t done = 0;
	uint64_t seed = 1;

	filter_start(filter, sample->start, sample->start);
	delay_reset(delay);
	for (;;)
	{
		size_t n;
		Lsn lsn;
		const uint8_t *ready = filter_ready(filter, &n, &lsn);
		ErrInfo err;

		*held =
			delay_limit(delay, &sample->geometry, lsn, delay_ms, now, until);
		assert_int_equal(lsn, sample->start + sent);
		if (*held < lsn + n)
			n = (size_t) (*held - lsn);
		if (n == 0 && *held == lsn)
			return sent;
		assert_memory_equal(ready, sample->wal + sent, n);
		filter_consume(filter, n);
		sent += n;
		if (n > 0)
			continue;
		n = random_next(&seed) % 40000;
		n = Min(n, sample->len - done);
		if (done == sample->len)
			return sent;
		memcpy(filter_room(filter, n, &lsn), sample->wal + done, n);
		assert_int_equal(filter_push(filter, n, &err), FILTER_OK);
		done += n;
	}
}

static void
nothing_goes_out_from_a_young_commit_on(void **state UNUSED)
{
	static DelayCommit commits[COMMITS_MAX];
	const int delay_ms = 1000;

	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		size_t count = read_commits(sample_majors[i], commits);
		Delay delay = {0};
		Sample sample;
		WalFilter *filter;
		int64_t latest = INT64_MIN;

		sample_read_major(&sample, sample_majors[i]);
		filter = new_reader(&sample, &delay);
		for (size_t j = 0; j < count; j++)
		{
			int64_t due = commits[j].time + delay_ms * 1000;
			size_t sent;
			int64_t until;
			Lsn held;

			/* the first that is younger than all before */
			if (commits[j].time <= latest)
				continue;
			latest = commits[j].time;
			sent = send_until_held(
				filter, &delay, &sample, delay_ms, due - 1, &held, &until);
			assert_int_equal(until, due);
			assert_true(sample.start + sent == commits[j].lsn ||
						sample.start + sent == lsn_floor(commits[j].lsn, 8192));
			assert_true(commits[j].lsn - (sample.start + sent) <= 40);
			/* a moment later it goes on, to a later one or to the end */
			sent = send_until_held(
				filter, &delay, &sample, delay_ms, due, &held, &until);
			assert_true(sample.start + sent > commits[j].lsn);
		}
		filter_free(filter);
		delay_clear(&delay);
		sample_free(&sample);
	}
}

#define LSN(n) ((Lsn) 0x3000000 + (n))

static Lsn
limit(Delay *delay, Lsn sent, int delay_ms, int64_t now)
{
	int64_t until = 0;
	Lsn lsn = delay_limit(delay, &geometry, sent, delay_ms, now, &until);

	assert_true(lsn == DELAY_NOTHING_HELD || until > now);
	return lsn;
}

static void
each_commit_waits_in_turn(void **state UNUSED)
{
	Delay d = {0};

	assert_int_equal(limit(&d, LSN(0), 1000, 0), DELAY_NOTHING_HELD);
	delay_note(&d, LSN(0x100), 10 * US_PER_SECOND);
	delay_note(&d, LSN(0x200), 30 * US_PER_SECOND);
	delay_note(&d, LSN(0x300),
		20 * US_PER_SECOND); /* committed before, written later */
	assert_int_equal(
		limit(&d, LSN(0), 1000, 11 * US_PER_SECOND - 1), LSN(0x100));
	assert_int_equal(limit(&d, LSN(0), 1000, 11 * US_PER_SECOND), LSN(0x200));
	assert_int_equal(limit(&d, LSN(0), 1000, 30 * US_PER_SECOND), LSN(0x200));
	assert_int_equal(
		limit(&d, LSN(0), 1000, 31 * US_PER_SECOND), DELAY_NOTHING_HELD);
	delay_clear(&d);
}

static void
the_delay_may_change_at_any_time(void **state UNUSED)
{
	Delay d = {0};
	int64_t now = 100 * US_PER_SECOND;

	delay_note(&d, LSN(0x100), 90 * US_PER_SECOND);
	delay_note(&d, LSN(0x200), 95 * US_PER_SECOND);
	delay_note(&d, LSN(0x300), 99 * US_PER_SECOND);
	assert_int_equal(limit(&d, LSN(0), 60000, now), LSN(0x100));
	/* shorter */
	assert_int_equal(limit(&d, LSN(0), 4000, now), LSN(0x300));
	/* none */
	assert_int_equal(limit(&d, LSN(0), 0, now), DELAY_NOTHING_HELD);
	/* longer: what has not gone out */
	assert_int_equal(limit(&d, LSN(0), 60000, now), LSN(0x100));
	/* what has, and be it in part, is over */
	assert_int_equal(limit(&d, LSN(0x108), 60000, now), LSN(0x200));
	assert_int_equal(limit(&d, LSN(0x200), 60000, now), LSN(0x200));
	assert_int_equal(limit(&d, LSN(0x301), 60000, now), DELAY_NOTHING_HELD);
	delay_clear(&d);
}

static void
a_page_header_goes_with_its_record(void **state UNUSED)
{
	Delay d = {0};

	delay_note(&d, LSN(8192 + 24), 1);
	assert_int_equal(limit(&d, LSN(0), 1000, 1), LSN(8192));
	/* it may have gone out with what was there before the delay */
	assert_int_equal(limit(&d, LSN(8192 + 24), 1000, 1), LSN(8192 + 24));
	delay_reset(&d);
	delay_note(&d, LSN(8192 + 32), 1); /* behind the rest of another one */
	assert_int_equal(limit(&d, LSN(0), 1000, 1), LSN(8192 + 32));
	delay_reset(&d);
	delay_note(&d, LSN((1 << 20) + 40), 1);
	assert_int_equal(limit(&d, LSN(0), 1000, 1), LSN(1 << 20));
	delay_clear(&d);
}

static void
what_has_gone_out_takes_no_room(void **state UNUSED)
{
	Delay d = {0};

	for (Lsn n = 1; n < 100000; n++)
	{
		delay_note(&d, LSN(n * 64), 1000);
		if (n > 10)
			assert_int_equal(
				limit(&d, LSN((n - 10) * 64), 1, 1000), LSN((n - 10) * 64));
	}
	assert_true(d.cap <= 128);
	delay_clear(&d);
}

static void
times_may_be_nonsense(void **state UNUSED)
{
	Delay d = {0};
	int64_t until;

	delay_note(&d, LSN(0x100), INT64_MIN);
	delay_note(&d, LSN(0x200), INT64_MAX - 5);
	assert_int_equal(
		delay_limit(&d, &geometry, LSN(0), 1000, 0, &until), LSN(0x200));
	assert_int_equal(until, INT64_MAX);
	delay_clear(&d);
}

/* xact.h of all majors: XLOG_XACT_..., with and without XLOG_XACT_HAS_INFO. */
static void
only_commits_wait(void **state UNUSED)
{
	static const struct
	{
		uint8_t rmid;
		uint8_t info;
		uint32_t have;
		bool waits;
	} cases[] = {
		{RM_XACT, 0x00, 8, true},   /* COMMIT */
		{RM_XACT, 0x80, 32, true},  /* the same, with more behind */
		{RM_XACT, 0x30, 8, true},   /* COMMIT PREPARED */
		{RM_XACT, 0xb0, 32, true},  /* */
		{RM_XACT, 0x10, 32, false}, /* PREPARE */
		{RM_XACT, 0x20, 32, false}, /* ABORT */
		{RM_XACT, 0xa0, 32, false}, /* */
		{RM_XACT, 0x40, 32, false}, /* ABORT PREPARED */
		{RM_XACT, 0x50, 32, false}, /* ASSIGNMENT */
		{RM_XACT, 0x60, 32, false}, /* INVALIDATIONS */
		{RM_XLOG, 0x00, 32, false}, /* a checkpoint */
		{RM_XACT, 0x00, 7, false},  /* not one that PostgreSQL writes */
	};
	static const uint8_t main_data[32] = {0x2a};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		RecordHead head = {.rmid = cases[i].rmid,
			.info = cases[i].info,
			.main_len = cases[i].have,
			.main_data = main_data,
			.main_have = cases[i].have};
		int64_t when = 0;

		assert_int_equal(delay_commit_time(&head, &when), cases[i].waits);
		assert_int_equal(when, cases[i].waits ? 0x2a : 0);
	}
}

/* FilterFront, with a Delay: the filter pauses at each commit. */
static bool
pause_at_commit(void *arg, Lsn lsn, const RecordHead *head)
{
	int64_t when;

	on_front(arg, lsn, head);
	return !delay_commit_time(head, &when);
}

static void
nothing_is_decided_behind_a_pause(void **state UNUSED)
{
	static DelayCommit commits[COMMITS_MAX];

	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		size_t count = read_commits(sample_majors[i], commits);
		size_t seen = 0;
		size_t sent = 0;
		const uint8_t *ready;
		size_t n;
		Delay delay = {0};
		Sample sample;
		WalFilter *filter;
		ErrInfo err;
		Lsn lsn;

		sample_read_major(&sample, sample_majors[i]);
		/* one with a scope decides as it goes */
		filter = filter_new(&sample.geometry, walscope_new());
		filter_on_front(filter, pause_at_commit, &delay);
		filter_start(filter, sample.start, sample.start);
		memcpy(filter_room(filter, sample.len, &lsn), sample.wal, sample.len);
		assert_int_equal(filter_push(filter, sample.len, &err), FILTER_OK);
		for (; filter_paused(filter); seen++)
		{
			assert_int_equal(delay.count, seen + 1);
			assert_true(filter_decided(filter) > commits[seen].lsn);
			assert_true(filter_decided(filter) <= commits[seen].lsn + 8192);
			assert_true(seen + 1 == count ||
						filter_decided(filter) <= commits[seen + 1].lsn);
			ready = filter_ready(filter, &n, &lsn);
			assert_memory_equal(ready, sample.wal + sent, n);
			/* all before the commit, but for the header of its page */
			assert_true(lsn + n + 40 >= commits[seen].lsn);
			filter_consume(filter, n);
			sent += n;
			assert_int_equal(filter_push(filter, 0, &err), FILTER_OK);
		}
		assert_int_equal(seen, count);
		expect_commits(&delay, commits, count);
		filter_free(filter);
		delay_clear(&delay);
		sample_free(&sample);
	}
}

/* It cannot be known what commits in WAL of another version. */
static void
unknown_wal_is_refused(void **state UNUSED)
{
	Delay delay = {0};
	Sample sample;
	WalFilter *filter;
	FilterRun run;

	sample_read(&sample);
	store_le32(sample.wal, 0xD11D | 0x0002 << 16); /* the magic of no release */
	filter = new_reader(&sample, &delay);
	run = run_filter(filter, sample.wal, sample.start, sample.len, sample.start,
		sample.start, 8192);
	assert_int_equal(run.status, FILTER_HALT);
	assert_int_equal(run.len, 0);
	assert_string_equal(run.err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
	run_end(&run);
	filter_free(filter);
	delay_clear(&delay);
	sample_free(&sample);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commits_are_those_of_pg_waldump),
		cmocka_unit_test(a_stream_begins_where_it_is_told_to),
		cmocka_unit_test(a_stream_begins_within_a_page),
		cmocka_unit_test(nothing_goes_out_from_a_young_commit_on),
		cmocka_unit_test(each_commit_waits_in_turn),
		cmocka_unit_test(the_delay_may_change_at_any_time),
		cmocka_unit_test(a_page_header_goes_with_its_record),
		cmocka_unit_test(what_has_gone_out_takes_no_room),
		cmocka_unit_test(times_may_be_nonsense),
		cmocka_unit_test(only_commits_wait),
		cmocka_unit_test(nothing_is_decided_behind_a_pause),
		cmocka_unit_test(unknown_wal_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
