/*
 * test_walaccount.c
 *		What WAL is made of: against pg_waldump --stats of each major
 *		(regress/data/stats.sh), and against damage.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mutate.h"
#include "sample.h"
#include "util/buf.h"
#include "wal/rmgr.h"
#include "wal/walaccount.h"
#include "walbuild.h"

#define PAGE 8192

static Sample sample;

static void
feed_range(WalAccount *account, const uint8_t *wal, Lsn start, Lsn from, Lsn to)
{
	walaccount_feed(account, wal + (from - start), (size_t) (to - from));
}

static WalAccount *
account_of(const WalGeometry *geometry, const uint8_t *wal, Lsn start,
	size_t len, Lsn from)
{
	WalAccount *account = walaccount_new();

	walaccount_seek(account, geometry, from, from);
	feed_range(account, wal, start, from, start + len);
	assert_int_equal(walaccount_lsn(account), start + len);
	return account;
}

static void
assert_count(WalCount count, uint64_t records, uint64_t bytes, uint64_t fpi)
{
	assert_int_equal(count.records, records);
	assert_int_equal(count.bytes, bytes);
	assert_int_equal(count.fpi_bytes, fpi);
}

/* The databases together are the total. */
static void
assert_adds_up(const WalAccount *account)
{
	WalCount total = walaccount_total(account);
	WalCount sum = walaccount_other(account);
	size_t count;
	const WalAccountDatabase *databases = walaccount_databases(account, &count);

	for (size_t i = 0; i < count; i++)
	{
		sum.records += databases[i].count.records;
		sum.bytes += databases[i].count.bytes;
		sum.fpi_bytes += databases[i].count.fpi_bytes;
	}
	assert_count(sum, total.records, total.bytes, total.fpi_bytes);
}

/* Each resource manager as pg_waldump has it, and no other. */
static void
assert_is_that_of_pg_waldump(const WalAccount *account)
{
	FILE *file = sample_open(sample.major, "stats", false);
	char want[20];
	uint64_t records;
	uint64_t bytes;
	uint64_t fpi;
	uint64_t seen = 0;

	while (fscanf(file, "%19s %" SCNu64 " %" SCNu64 " %" SCNu64, want, &records,
			   &bytes, &fpi) == 4)
	{
		char name[RMGR_NAME_SIZE] = "";
		uint8_t rmid = 0;

		while (rmgr_format_name(rmid, name), strcmp(name, want) != 0)
			rmid++;
		assert_count(walaccount_rmgr(account, rmid), records, bytes + fpi, fpi);
		seen += records;
	}
	fclose(file);
	assert_true(seen > 10000);
	assert_int_equal(walaccount_total(account).records, seen);
	assert_int_equal(walaccount_skipped(account), 0);
	assert_adds_up(account);
}

static void
counts_are_those_of_pg_waldump(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		WalAccount *account;

		sample_free(&sample);
		sample_read_major(&sample, sample_majors[i]);
		account = account_of(&sample.geometry, sample.wal, sample.start,
			sample.len, sample.start);
		assert_is_that_of_pg_waldump(account);
		free(account);
	}
}

/* Records and headers are cut anywhere. */
static void
portions_do_not_matter(void **state UNUSED)
{
	static const size_t most[] = {1, 30, 1000, 20000};
	uint64_t seed = 20260301;

	for (size_t i = 0; i < lengthof(most); i++)
	{
		WalAccount *account = walaccount_new();
		size_t done = 0;

		walaccount_seek(account, &sample.geometry, sample.start, sample.start);
		while (done < sample.len)
		{
			size_t n = random_next(&seed) % most[i] + 1;
			uint8_t *copy;

			n = Min(n, sample.len - done);
			copy = exact_copy(sample.wal + done, n);
			walaccount_feed(account, copy, n);
			free(copy);
			done += n;
		}
		assert_is_that_of_pg_waldump(account);
		free(account);
	}
}

/* Whether the WAL holds all of the i-th record. */
static bool
is_complete(size_t i)
{
	static uint8_t record[SAMPLE_SIZE_MAX];
	const SampleRecord *r = &sample.records[i];

	return i + 1 < sample.record_count ||
		   sample_assemble(&sample.geometry, sample.wal, sample.start,
			   sample.len, r->lsn, r->total, record);
}

static void
assert_counted(
	const WalAccount *account, bool (*wanted)(size_t i, Lsn lsn), Lsn lsn)
{
	uint64_t records = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < sample.record_count; i++)
	{
		if (is_complete(i) && wanted(i, lsn))
		{
			records++;
			bytes += sample.records[i].total;
		}
	}
	assert_int_equal(walaccount_total(account).records, records);
	assert_int_equal(walaccount_total(account).bytes, bytes);
	assert_adds_up(account);
}

static bool
begins_behind(size_t i, Lsn lsn)
{
	return sample.records[i].lsn >= lsn;
}

/* What begins before is not counted, and was not lost. */
static void
counting_begins_anywhere(void **state UNUSED)
{
	uint64_t seed = 4711;

	for (int i = 0; i < 300; i++)
	{
		Lsn from = sample.start + random_next(&seed) % sample.len;
		WalAccount *account = account_of(
			&sample.geometry, sample.wal, sample.start, sample.len, from);

		assert_counted(
			account, begins_behind, lsn_floor(from + PAGE - 1, PAGE));
		assert_int_equal(walaccount_skipped(account), 0);
		free(account);
	}
}

/* As behind the end of a timeline: the page is read again, its records are not. */
static void
counting_goes_on_at_a_record(void **state UNUSED)
{
	for (size_t i = 0; i < sample.record_count; i += sample.record_count / 200)
	{
		Lsn lsn = sample.records[i].lsn;
		Lsn page = lsn_floor(lsn, PAGE);
		WalAccount *account = walaccount_new();

		walaccount_seek(account, &sample.geometry, sample.start, sample.start);
		feed_range(account, sample.wal, sample.start, sample.start, lsn);
		walaccount_seek(account, &sample.geometry, page, lsn);
		feed_range(
			account, sample.wal, sample.start, page, sample.start + sample.len);
		assert_is_that_of_pg_waldump(account);
		free(account);
	}
}

static bool
is_beside_page(size_t i, Lsn page)
{
	const SampleRecord *r = &sample.records[i];
	/* header and all: what is left of the record's page, and whole pages */
	Lsn end = r->lsn + r->total;

	if (r->lsn < page && lsn_floor(r->lsn, PAGE) != lsn_floor(end - 1, PAGE))
		end = r[1].lsn; /* over pages; the next one follows it at once */
	return end <= page || r->lsn >= page + PAGE;
}

/* What is lost is what has a part on the page. */
static void
damage_costs_a_page(void **state UNUSED)
{
	uint64_t seed = 815;
	uint8_t saved[PAGE];

	for (int i = 0; i < 200; i++)
	{
		size_t at = (1 + random_next(&seed) % (sample.len / PAGE - 2)) * PAGE;
		Lsn page = sample.start + at;
		WalAccount *account;

		/* zeros behind a switch are nothing that could be lost */
		if (load_le16(sample.wal + at) == 0)
			continue;
		memcpy(saved, sample.wal + at, PAGE);
		for (size_t b = 0; b < PAGE; b++)
			sample.wal[at + b] = (uint8_t) random_next(&seed);
		account = account_of(&sample.geometry, sample.wal, sample.start,
			sample.len, sample.start);
		assert_counted(account, is_beside_page, page);
		assert_true(walaccount_skipped(account) >= PAGE);
		memcpy(sample.wal + at, saved, PAGE);
		free(account);
	}
}

/* Whatever the bytes are, all of them are taken, and nothing is counted twice. */
static void
garbage_is_survived(void **state UNUSED)
{
	uint64_t seed = 99;

	for (int i = 0; i < 300; i++)
	{
		size_t at = random_next(&seed) % (sample.len / PAGE) * PAGE;
		size_t len;
		uint8_t *copy = mutated_copy(
			&seed, sample.wal + at, Min(sample.len - at, 20 * PAGE), &len);
		WalAccount *account = account_of(
			&sample.geometry, copy, sample.start + at, len, sample.start + at);

		assert_true(walaccount_total(account).bytes <= len);
		assert_true(walaccount_skipped(account) <= len);
		assert_adds_up(account);
		free(account);
		free(copy);
	}
}

/* Nothing can be understood from the start: that shows while it goes on. */
static void
what_is_no_wal_is_skipped(void **state UNUSED)
{
	static uint8_t noise[100 * PAGE];
	WalAccount *account;

	memset(noise, 0xa5, sizeof(noise));
	account = account_of(
		&sample.geometry, noise, sample.start, sizeof(noise), sample.start);
	assert_int_equal(walaccount_skipped(account), sizeof(noise));
	assert_int_equal(walaccount_total(account).records, 0);
	free(account);
}

static void
gaps_are_skipped(void **state UNUSED)
{
	const SampleRecord *r = &sample.records[sample.record_count / 2];
	Lsn behind = sample.start + sample.len;
	WalAccount *account = walaccount_new();
	uint64_t skipped;

	walaccount_seek(account, &sample.geometry, sample.start, sample.start);
	feed_range(account, sample.wal, sample.start, sample.start, r->lsn);
	assert_int_equal(walaccount_skipped(account), 0);
	walaccount_seek(account, &sample.geometry, behind, behind);
	skipped = walaccount_skipped(account);
	assert_int_equal(skipped, behind - r->lsn);
	/* a way back does not take away from it */
	walaccount_seek(account, &sample.geometry, sample.start, sample.start);
	assert_int_equal(walaccount_skipped(account), skipped);
	feed_range(account, sample.wal, sample.start, sample.start, r->lsn);
	assert_int_equal(walaccount_skipped(account), skipped);
	free(account);
}

static void
unfinished_records_do_not_count(void **state UNUSED)
{
	WalBuild b = build_begin(1 << 20, PAGE, 1 << 20);
	WalAccount *account;

	build_block_record(&b, 1663, 7, 100, 1);
	build_aborted(&b, 1663, 8, 20000, 1, 1);
	build_block_record(&b, 1663, 7, 100, 1);
	account = account_of(&b.geometry, b.bytes, b.start, b.len, b.start);
	/* the third one says what was overwritten */
	assert_int_equal(walaccount_total(account).records, 3);
	assert_int_equal(walaccount_skipped(account), 0);
	free(account);
	build_end(&b);
}

static void
databases_are_bounded(void **state UNUSED)
{
	const unsigned over = 50;
	WalBuild b = build_begin(1 << 20, PAGE, 1 << 20);
	const WalAccountDatabase *databases;
	WalAccount *account;
	size_t count;

	for (int round = 0; round < 2; round++)
	{
		for (Oid i = 0; i < WALACCOUNT_DATABASES_MAX + over; i++)
			build_block_record(&b, 1663, 16384 + i * 2048, 10, 1);
	}
	account = account_of(&b.geometry, b.bytes, b.start, b.len, b.start);
	databases = walaccount_databases(account, &count);
	assert_int_equal(count, WALACCOUNT_DATABASES_MAX);
	for (Oid i = 0; i < count; i++)
	{
		assert_int_equal(databases[i].oid, 16384 + i * 2048);
		assert_count(databases[i].count, 2, 2 * 54, 0);
	}
	assert_count(walaccount_other(account), 2 * over, 2 * over * 54, 0);
	assert_adds_up(account);
	free(account);
	build_end(&b);
}

static int
set_up(void **state UNUSED)
{
	sample_read(&sample);
	return 0;
}

static int
tear_down(void **state UNUSED)
{
	sample_free(&sample);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_those_of_pg_waldump),
		cmocka_unit_test(portions_do_not_matter),
		cmocka_unit_test(counting_begins_anywhere),
		cmocka_unit_test(counting_goes_on_at_a_record),
		cmocka_unit_test(damage_costs_a_page),
		cmocka_unit_test(garbage_is_survived),
		cmocka_unit_test(what_is_no_wal_is_skipped),
		cmocka_unit_test(gaps_are_skipped),
		cmocka_unit_test(unfinished_records_do_not_count),
		cmocka_unit_test(databases_are_bounded),
	};

	return cmocka_run_group_tests_name("walaccount", tests, set_up, tear_down);
}
