/*
 * test_catalog.c
 *		Names in WAL that servers of each major wrote: rows in record data and in
 *		page images of each compression, catalogs that move.  What is expected comes
 *		from psql and pg_waldump (regress/data/capture.sh).
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "filterrun.h"
#include "sample.h"
#include "util/buf.h"
#include "wal/catalog.h"
#include "wal/pageimage.h"
#include "wal/pglz.h"

#define ROWS_MAX 64

/* A record that catalog_wants, all of it. */
typedef struct Candidate
{
	Lsn lsn;
	uint8_t *bytes;
	uint32_t len;
} Candidate;

static struct
{
	Sample samples[lengthof(sample_majors)];
	const WalVersion *versions[lengthof(sample_majors)];
} t;

static int
set_up(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		sample_read_major(&t.samples[i], sample_majors[i]);
		t.versions[i] = version_by_magic(load_le16(t.samples[i].wal));
	}
	return 0;
}

static int
tear_down(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
		sample_free(&t.samples[i]);
	return 0;
}

/* Every scope knows where the catalogs have been when the sample begins. */
static WalScope *
new_scope(const Sample *sample)
{
	WalScope *scope = walscope_new();

	for (size_t i = 0; i < sample->filenode_count; i++)
	{
		if (sample->filenodes[i].lsn <= sample->start + 0x28)
			walscope_add_catalog(scope, sample->filenodes[i].kind,
				sample->filenodes[i].filenode);
	}
	return scope;
}

typedef struct Told
{
	const Sample *sample;
	SampleCreated rows[ROWS_MAX];
	size_t count;
	SampleFilenode moves[ROWS_MAX];
	size_t move_count;
} Told;

static bool
on_named(void *arg, WalScope *scope UNUSED, ScopeKind kind, Oid oid,
	const char *name, Lsn lsn, ErrInfo *err UNUSED)
{
	Told *told = arg;
	SampleCreated *row = &told->rows[told->count++];

	assert_true(told->count <= ROWS_MAX);
	row->kind = kind;
	row->oid = oid;
	row->lsn = lsn;
	snprintf(row->name, sizeof(row->name), "%s", name);
	return true;
}

static bool
on_moved(void *arg, WalScope *scope UNUSED, ScopeKind kind,
	uint32_t relfilenumber, Lsn lsn, ErrInfo *err UNUSED)
{
	Told *told = arg;
	SampleFilenode *move = &told->moves[told->move_count++];

	assert_true(told->move_count <= ROWS_MAX);
	move->kind = kind;
	move->filenode = relfilenumber;
	move->lsn = lsn;
	return true;
}

/* All that is created in the sample, and nothing else, at its LSN. */
static void
names_are_those_that_were_created(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		const Sample *sample = &t.samples[i];
		Told told = {.sample = sample};
		WalScope *scope = new_scope(sample);
		WalFilter *filter;
		FilterRun run;
		size_t moves = 0;

		walscope_listen(
			scope, &(ScopeListener){
					   .named = on_named, .moved = on_moved, .arg = &told});
		filter = filter_new(&sample->geometry, scope);
		run = run_filter(filter, sample->wal, sample->start, sample->len,
			sample->start, sample->start, 8191);
		assert_int_equal(run.status, FILTER_OK);
		assert_true(sample->created_count >= 8);
		assert_int_equal(told.count, sample->created_count);
		for (size_t n = 0; n < told.count; n++)
		{
			const SampleCreated *want = &sample->created[n];

			if (told.rows[n].lsn != want->lsn ||
				told.rows[n].oid != want->oid ||
				told.rows[n].kind != want->kind ||
				strcmp(told.rows[n].name, want->name) != 0)
				fail_msg("%d: %s (%s) at " LSN_FORMAT ", got %s at " LSN_FORMAT,
					sample->major, want->name, want->form, LSN_ARGS(want->lsn),
					told.rows[n].name, LSN_ARGS(told.rows[n].lsn));
		}
		for (size_t n = 0; n < sample->filenode_count; n++)
		{
			if (sample->filenodes[n].lsn <= sample->start + 0x28)
				continue;
			assert_true(moves < told.move_count);
			assert_int_equal(told.moves[moves].kind, sample->filenodes[n].kind);
			assert_int_equal(
				told.moves[moves].filenode, sample->filenodes[n].filenode);
			moves++;
		}
		assert_int_equal(moves, told.move_count);
		run_end(&run);
		filter_free(filter);
	}
}

static void
all_forms_are_there(void **state UNUSED)
{
	static const char *const forms[] = {
		"data", "image-off", "image-pglz", "image-lz4", "image-zstd"};

	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		/* lz4 and zstd are from 15 on */
		for (size_t f = 0; f < (sample_majors[i] < 15 ? 3 : 5); f++)
		{
			bool found = false;

			for (size_t n = 0; n < t.samples[i].created_count; n++)
				found |= strcmp(t.samples[i].created[n].form, forms[f]) == 0;
			if (!found)
				fail_msg("%d: no %s", sample_majors[i], forms[f]);
		}
	}
}

/* The record at lsn, in memory of its exact size. */
static Candidate
candidate_at(const Sample *sample, Lsn lsn)
{
	Candidate c = {.lsn = lsn};

	for (size_t i = 0; i < sample->record_count; i++)
	{
		if (sample->records[i].lsn == lsn)
			c.len = sample->records[i].total;
	}
	assert_true(c.len > 0);
	c.bytes = malloc(c.len);
	assert_true(sample_assemble(&sample->geometry, sample->wal, sample->start,
		sample->len, lsn, c.len, c.bytes));
	return c;
}

/* Decode; what it says must be nothing, an error, or what it may say. */
static bool
decode(const WalVersion *version, const WalScope *scope, const uint8_t *bytes,
	size_t len, Lsn lsn, CatalogChange *change)
{
	RecordHead head;
	ErrInfo err;

	change->what = CATALOG_NOTHING;
	if (record_decode(bytes, len, lsn, version, &head, &err) != RECORD_OK ||
		head.total != len || !catalog_wants(&head, scope))
		return false;
	if (!catalog_decode(bytes, &head, lsn, version, scope, change, &err))
	{
		assert_string_not_equal(err.message, "");
		return false;
	}
	return true;
}

/* A record that says it is shorter than it is: an error at every length. */
static void
truncated_records_are_refused(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		const Sample *sample = &t.samples[i];
		WalScope *scope = new_scope(sample);

		for (size_t n = 0; n < sample->filenode_count; n++)
			walscope_add_catalog(scope, sample->filenodes[n].kind,
				sample->filenodes[n].filenode);
		for (size_t n = 0; n < sample->created_count; n++)
		{
			Candidate c = candidate_at(sample, sample->created[n].lsn);
			CatalogChange change;

			assert_true(
				decode(t.versions[i], scope, c.bytes, c.len, c.lsn, &change));
			assert_int_equal(change.what, CATALOG_ROW);
			assert_int_equal(change.oid, sample->created[n].oid);
			for (uint32_t len = 24; len<c.len; len += c.len> 1000 ? 37 : 1)
			{
				uint8_t *part = exact_copy(c.bytes, len);

				store_le32(part, len);
				assert_false(
					decode(t.versions[i], scope, part, len, c.lsn, &change));
				free(part);
			}
			free(c.bytes);
		}
		walscope_free(scope);
	}
}

/* For the sanitizers: whatever is changed, nothing outside the record is read. */
static void
damaged_records_do_no_harm(void **state UNUSED)
{
	uint64_t seed = 20;

	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		const Sample *sample = &t.samples[i];
		WalScope *scope = new_scope(sample);

		for (size_t n = 0; n < sample->created_count; n++)
		{
			Candidate c = candidate_at(sample, sample->created[n].lsn);

			for (int round = 0; round < 300; round++)
			{
				uint8_t *copy = exact_copy(c.bytes, c.len);
				CatalogChange change;

				for (int flips = 0; flips <= round % 4; flips++)
				{
					/* half of them where the fields are */
					size_t at =
						4 + random_next(&seed) % (round % 2 ? 60 : c.len - 4);

					copy[at] ^= (uint8_t) (1 << random_next(&seed) % 8);
				}
				if (decode(t.versions[i], scope, copy, c.len, c.lsn, &change) &&
					change.what == CATALOG_ROW)
					assert_non_null(memchr(change.name, 0, CATALOG_NAME_SIZE));
				free(copy);
			}
			free(c.bytes);
		}
		walscope_free(scope);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms_are_there),
		cmocka_unit_test(names_are_those_that_were_created),
		cmocka_unit_test(truncated_records_are_refused),
		cmocka_unit_test(damaged_records_do_no_harm),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
