/*
 * test_catalog.c
 *		Names in WAL that servers of each major wrote: rows in record data and in
 *		page images of each compression, catalogs that move.  What is expected comes
 *		from psql and pg_waldump (regress/data/capture.sh, and for single records of
 *		rare forms regress/data/catalog/capture.sh).
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

#define ROWS_MAX 64
#define FORMS_MAX 40

/* A record that catalog_wants, all of it. */
typedef struct Candidate
{
	Lsn lsn;
	uint8_t *bytes;
	uint32_t len;
} Candidate;

/* A line of regress/data/catalog. */
typedef struct Form
{
	char what[8]; /* row, map, other */
	char form[32];
	ScopeKind kind;
	Oid oid;
	uint32_t files[SCOPE_KIND_COUNT]; /* of a row: that of its kind */
	char name[CATALOG_NAME_SIZE];
	Candidate record;
} Form;

typedef struct Forms
{
	Form forms[FORMS_MAX];
	size_t count;
} Forms;

static struct
{
	Forms forms[lengthof(sample_majors)];
	Sample samples[lengthof(sample_majors)];
	const WalVersion *versions[lengthof(sample_majors)];
} t;

/* Bytes from hex; how many. */
static size_t
unhex(const char *hex, uint8_t *bytes, size_t cap)
{
	size_t n = 0;
	unsigned v;

	for (; n < cap && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		bytes[n] = (uint8_t) v;
	assert_int_equal(strlen(hex), 2 * n);
	return n;
}

static void
read_form(Form *form, const char *line)
{
	static char hex[2][40000];
	static uint8_t bytes[20000];
	char words[3][32];
	char lsn[32];

	if (sscanf(line, "%7s %31s %31s %31s %31s %39999s %31s %39999s", form->what,
			form->form, words[0], words[1], words[2], hex[0], lsn, hex[1]) != 8)
		fail_msg("could not understand \"%.60s\"", line);
	if (strcmp(form->what, "row") == 0)
	{
		form->kind = sample_kind(words[0]);
		form->oid = (Oid) strtoul(words[1], NULL, 10);
		form->files[form->kind] = (uint32_t) strtoul(words[2], NULL, 10);
		unhex(hex[0], (uint8_t *) form->name, sizeof(form->name) - 1);
	}
	else if (strcmp(form->what, "map") == 0)
	{
		for (int i = 0; i < SCOPE_KIND_COUNT; i++)
			form->files[i] = (uint32_t) strtoul(words[i], NULL, 10);
	}
	assert_true(lsn_parse(lsn, &form->record.lsn));
	form->record.len = (uint32_t) unhex(hex[1], bytes, sizeof(bytes));
	form->record.bytes = exact_copy(bytes, form->record.len);
}

static void
read_forms(Forms *forms, int major)
{
	static char line[50000];
	char name[40];
	FILE *file;

	snprintf(name, sizeof(name), "../catalog/pg%d.gz", major);
	file = sample_open(major, name, true);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		assert_true(forms->count < FORMS_MAX);
		read_form(&forms->forms[forms->count++], line);
	}
	assert_int_equal(pclose(file), 0);
}

static int
set_up(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		sample_read_major(&t.samples[i], sample_majors[i]);
		t.versions[i] = version_by_magic(load_le16(t.samples[i].wal));
		read_forms(&t.forms[i], sample_majors[i]);
	}
	return 0;
}

static int
tear_down(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		for (size_t n = 0; n < t.forms[i].count; n++)
			free(t.forms[i].forms[n].record.bytes);
		sample_free(&t.samples[i]);
	}
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

/* One that knows all files that the rows of rare forms are in. */
static WalScope *
forms_scope(const Forms *forms)
{
	WalScope *scope = walscope_new();

	for (size_t n = 0; n < forms->count; n++)
	{
		const Form *form = &forms->forms[n];

		if (strcmp(form->what, "row") == 0)
			walscope_add_catalog(scope, form->kind, form->files[form->kind]);
	}
	return scope;
}

static void
check_form(const Form *form, const WalVersion *version, const WalScope *scope)
{
	CatalogChange change;
	bool ok = decode(version, scope, form->record.bytes, form->record.len,
		form->record.lsn, &change);

	if (strcmp(form->what, "other") == 0)
		ok = !ok;
	else if (ok && strcmp(form->what, "row") == 0)
		ok = change.what == CATALOG_ROW && change.kind == form->kind &&
			 change.oid == form->oid && strcmp(change.name, form->name) == 0;
	else if (ok)
		ok = change.what == CATALOG_MAP &&
			 memcmp(change.relfilenumbers, form->files, sizeof(form->files)) ==
				 0;
	if (!ok)
		fail_msg("%d: %s", version->major, form->form);
}

/* Names of all kinds, rows with an image beside them, another block, an origin. */
static void
rare_forms_are_understood(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		const Forms *forms = &t.forms[i];
		WalScope *scope = forms_scope(forms);

		assert_true(forms->count >= 24);
		for (size_t n = 0; n < forms->count; n++)
			check_form(&forms->forms[n], t.versions[i], scope);
		walscope_free(scope);
	}
}

static const Form *
form_named(const Forms *forms, const char *name)
{
	for (size_t n = 0; n < forms->count; n++)
	{
		if (strcmp(forms->forms[n].form, name) == 0)
			return &forms->forms[n];
	}
	fail_msg("no %s", name);
	return NULL;
}

/*
 * In a file that is not known to be a catalog's, a row is nothing; nor is it in one
 * of that number that is not shared.
 */
static void
rows_elsewhere_are_not_wanted(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		WalScope *scope = walscope_new();
		unsigned count = 0;

		for (size_t n = 0; n < t.forms[i].count; n++)
		{
			const Form *form = &t.forms[i].forms[n];
			CatalogChange change;

			if (strcmp(form->what, "row") != 0 ||
				form->files[form->kind] < 16384)
				continue;
			assert_false(decode(t.versions[i], scope, form->record.bytes,
				form->record.len, form->record.lsn, &change));
			count++;
		}
		assert_true(count >= 2);
		/* behind id, flags and data length: tablespace, database */
		for (uint32_t at = 28; at <= 32; at += 4)
		{
			const Candidate *c = &form_named(&t.forms[i], "short")->record;
			uint8_t *copy = exact_copy(c->bytes, c->len);
			CatalogChange change;

			assert_true(
				decode(t.versions[i], scope, copy, c->len, c->lsn, &change));
			copy[at] ^= 1;
			assert_false(
				decode(t.versions[i], scope, copy, c->len, c->lsn, &change));
			free(copy);
		}
		walscope_free(scope);
	}
}

/*
 * The named form, with cut bytes less of its payload from offset at on, and the
 * length that a field of field_size bytes at field tells less by as much.
 */
static Candidate
cut_form(const Form *form, uint32_t at, uint32_t cut, uint32_t field,
	uint32_t field_size)
{
	Candidate c = {.lsn = form->record.lsn, .len = form->record.len - cut};
	const uint8_t *bytes = form->record.bytes;

	assert_true(at + cut <= form->record.len);
	c.bytes = malloc(c.len);
	memcpy(c.bytes, bytes, at);
	memcpy(c.bytes + at, bytes + at + cut, c.len - at);
	store_le32(c.bytes, c.len);
	for (uint32_t i = 0, borrow = 0; i < field_size; i++)
	{
		uint32_t part = (cut >> 8 * i & 0xff) + borrow;

		borrow = c.bytes[field + i] < part;
		c.bytes[field + i] = (uint8_t) (c.bytes[field + i] - part);
	}
	return c;
}

/*
 * Records that fit together, but hold less than they should.  Offsets: the fixed
 * header is 24 bytes, then block id, flags, data length (2), relation (12), block
 * number (4), main data's id and length (1 each).
 */
static void
short_rows_are_refused(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		const Form *form = form_named(&t.forms[i], "short");
		WalScope *scope = forms_scope(&t.forms[i]);
		uint32_t data = form->record.len - 46 - 3;
		/* header, null bitmap and its pad, OID, name */
		uint32_t needed = 5 + (32 - 23) + 4 + 64;
		CatalogChange change;
		Candidate c;

		assert_int_equal(form->record.bytes[25], 0x20);
		assert_int_equal(load_le16(form->record.bytes + 26), data);
		for (uint32_t len = 1; len < data; len++)
		{
			c = cut_form(form, 46 + len, data - len, 26, 2);
			assert_int_equal(
				decode(t.versions[i], scope, c.bytes, c.len, c.lsn, &change),
				len >= needed);
			free(c.bytes);
		}
		/* of the main data, the line pointer's number is needed */
		for (uint32_t len = 0; len < 3; len++)
		{
			c = cut_form(form, form->record.len - 3 + len, 3 - len, 45, 1);
			assert_int_equal(
				decode(t.versions[i], scope, c.bytes, c.len, c.lsn, &change),
				len >= 2);
			free(c.bytes);
		}
		/* neither data nor an image */
		c = cut_form(form, 46, data, 26, 2);
		c.bytes[25] = 0;
		assert_false(
			decode(t.versions[i], scope, c.bytes, c.len, c.lsn, &change));
		free(c.bytes);
		walscope_free(scope);
	}
}

/* The map: main data in the long form, so that they begin behind 24 + 5 bytes. */
static void
short_maps_are_refused(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		const Form *form = form_named(&t.forms[i], "map-tablespace");
		WalScope *scope = forms_scope(&t.forms[i]);
		uint32_t len = form->record.len - 29;
		uint32_t size = load_le32(form->record.bytes + 29 + 8);
		uint32_t count = load_le32(form->record.bytes + 29 + 12 + 4);
		CatalogChange change;

		assert_int_equal(size, len - 12);
		for (uint32_t left = 0; left < len; left++)
		{
			Candidate c = cut_form(form, 29 + left, len - left, 25, 4);

			/* the size does not fit; then it does, and only the pairs tell */
			assert_false(
				decode(t.versions[i], scope, c.bytes, c.len, c.lsn, &change));
			if (left >= 12)
			{
				store_le32(c.bytes + 29 + 8, left - 12);
				assert_int_equal(decode(t.versions[i], scope, c.bytes, c.len,
									 c.lsn, &change),
					left - 12 >= 8 + count * 8 + 4);
			}
			free(c.bytes);
		}
		/* another magic number */
		for (uint32_t b = 0; b < 4; b++)
		{
			Candidate c = cut_form(form, 29, 0, 25, 4);

			assert_true(
				decode(t.versions[i], scope, c.bytes, c.len, c.lsn, &change));
			c.bytes[29 + 12 + b] ^= 1;
			assert_false(
				decode(t.versions[i], scope, c.bytes, c.len, c.lsn, &change));
			free(c.bytes);
		}
		walscope_free(scope);
	}
}

/* A change of the page in an image that is not compressed, and not a row any more. */
static void
page_without_the_row_is_refused(void **state UNUSED)
{
	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		const Form *form = form_named(&t.forms[i], "image-tablespace");
		WalScope *scope = forms_scope(&t.forms[i]);
		uint16_t offnum = load_le16(form->record.bytes + form->record.len - 3);
		uint32_t image = 24 + 4 + 5 + 12 + 4 + 2;
		uint32_t item_at = image + 24 + (offnum - 1U) * 4;
		uint32_t item = load_le32(form->record.bytes + item_at);
		uint32_t off = item & 0x7fff;
		uint32_t hole_offset = load_le16(form->record.bytes + 30);
		uint32_t hole_len = 8192 - load_le16(form->record.bytes + 28);
		uint32_t tuple_at = image + off - hole_len;
		const struct
		{
			uint32_t at;
			int size;
			uint32_t value;
			bool ok;
		} cases[] = {
			{item_at, 4, item, true},
			/* LP_UNUSED, LP_REDIRECT, LP_DEAD */
			{item_at, 4, item & ~(3U << 15), false},
			{item_at, 4, item | 2U << 15, false},
			{item_at, 4, item ^ 3U << 15, false},
			/* the tuple ends before the name does, or behind the page */
			{item_at, 4, (item & 0x1ffff) | (24 + 4 + 63) << 17, false},
			{item_at, 4, (item & 0x1ffff) | (24 + 4 + 64) << 17, true},
			{item_at, 4, (item & 0x1ffff) | 8192 << 17, false},
			{item_at, 4, (item & 0x1ffff), false},
			{item_at, 4, (item & ~0x7fffU) | 8192, false},
			{item_at, 4, (item & ~0x7fffU) | 0x7fff, false},
			{item_at, 4, UINT32_MAX, false},
			/* the hole: no OID */
			{item_at, 4, (item & ~0x7fffU) | hole_offset, false},
			/* t_hoff */
			{tuple_at + 22, 1, 0, false},
			{tuple_at + 22, 1, 22, false},
			{tuple_at + 22, 1, 255, false},
			/* no OID; no name */
			{tuple_at + 24, 4, 0, false},
			{tuple_at + 28, 1, 0, false},
			/* no such line pointer: none, or not as many */
			{form->record.len - 3, 2, 0, false},
			{form->record.len - 3, 2, offnum + 1U, false},
			{form->record.len - 3, 2, 2042, false},
			{form->record.len - 3, 2, 2043, false},
			{form->record.len - 3, 2, UINT16_MAX, false},
		};

		assert_int_equal(form->record.bytes[25] & 0x30, 0x10);
		for (size_t n = 0; n < lengthof(cases); n++)
		{
			uint8_t *copy = exact_copy(form->record.bytes, form->record.len);
			CatalogChange change;

			/* what stands in front of the first line pointer is none */
			store_le32(copy + image + 20, item);
			for (int b = 0; b < cases[n].size; b++)
				copy[cases[n].at + (uint32_t) b] =
					(uint8_t) (cases[n].value >> 8 * b);
			if (decode(t.versions[i], scope, copy, form->record.len,
					form->record.lsn, &change) != cases[n].ok)
				fail_msg("%d: case %zu", sample_majors[i], n);
			free(copy);
		}
		walscope_free(scope);
	}
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

static void
damaged_rare_forms_do_no_harm(void **state UNUSED)
{
	uint64_t seed = 18;

	for (size_t i = 0; i < lengthof(sample_majors); i++)
	{
		const Forms *forms = &t.forms[i];
		WalScope *scope = forms_scope(forms);

		for (size_t n = 0; n < forms->count; n++)
		{
			const Candidate *c = &forms->forms[n].record;

			for (int round = 0; round < 300; round++)
			{
				CatalogChange change;
				size_t len;
				uint8_t *copy = mutated_copy(&seed, c->bytes, c->len, &len);

				if (len >= 24)
				{
					/* what it is, it stays */
					memcpy(copy, c->bytes, 24);
					store_le32(copy, (uint32_t) len);
					if (decode(
							t.versions[i], scope, copy, len, c->lsn, &change))
						assert_int_not_equal(change.what, CATALOG_NOTHING);
				}
				free(copy);
			}
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
		cmocka_unit_test(rare_forms_are_understood),
		cmocka_unit_test(rows_elsewhere_are_not_wanted),
		cmocka_unit_test(truncated_records_are_refused),
		cmocka_unit_test(short_rows_are_refused),
		cmocka_unit_test(short_maps_are_refused),
		cmocka_unit_test(page_without_the_row_is_refused),
		cmocka_unit_test(damaged_records_do_no_harm),
		cmocka_unit_test(damaged_rare_forms_do_no_harm),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
