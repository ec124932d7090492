/*
 * test_names.c
 *		Names in the WAL, through the filter: what is created is judged by its name
 *		before anything of it leaves.
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
#include "walbuild.h"

#define START ((Lsn) 5 << 20)
#define CHUNKS                                                                 \
	{                                                                          \
		1, 7, 8192, 100000                                                     \
	}

/* The names that a filter has met; "secret..." is out. */
typedef struct Told
{
	struct
	{
		ScopeKind kind;
		Oid oid;
		char name[64];
		Lsn lsn;
	} items[16];
	size_t count;
	uint32_t moved_to;
	bool refuse;
} Told;

static bool
on_named(void *arg, WalScope *scope, ScopeKind kind, Oid oid, const char *name,
	Lsn lsn, ErrInfo *err)
{
	Told *told = arg;

	if (told->refuse)
		return errinfo_set(err, SQLSTATE_IO_ERROR, "disk full");
	assert_true(told->count < lengthof(told->items));
	told->items[told->count].kind = kind;
	told->items[told->count].oid = oid;
	told->items[told->count].lsn = lsn;
	snprintf(told->items[told->count].name, 64, "%s", name);
	told->count++;
	walscope_set(scope, kind, oid,
		strncmp(name, "secret", 6) == 0 ? SCOPE_OUT : SCOPE_IN);
	return true;
}

static bool
on_moved(void *arg, WalScope *scope UNUSED, ScopeKind kind UNUSED,
	uint32_t relfilenumber, Lsn lsn UNUSED, ErrInfo *err UNUSED)
{
	Told *told = arg;

	told->moved_to = relfilenumber;
	return true;
}

static WalScope *
new_scope(Told *told)
{
	WalScope *scope = walscope_new();

	walscope_listen(scope,
		&(ScopeListener){.named = on_named, .moved = on_moved, .arg = told});
	return scope;
}

static FilterRun
run_all(const WalBuild *b, Told *told, size_t chunk)
{
	WalFilter *filter = filter_new(&b->geometry, new_scope(told));
	FilterRun run = run_filter(
		filter, b->bytes, b->start, b->len, b->start, b->start, chunk);

	filter_free(filter);
	return run;
}

static WalBuild
begin(void)
{
	WalBuild b = build_begin(1 << 20, 8192, START);

	build_block_record(&b, 1663, 5, 100, 1);
	return b;
}

static void
created_under_a_name_is_judged_by_it(void **state UNUSED)
{
	static const size_t chunks[] = CHUNKS;
	WalBuild b = begin();
	Lsn first = build_row(&b, 1262, 16500, "secret");

	build_row(&b, 1262, 16501, "open");
	build_row(&b, 1213, 16600, "secret_spc");
	build_row(&b, 1260, 16700, "secret_role"); /* pg_authid: none of ours */
	build_block_record(&b, 1663, 16500, 300, 0xE1);
	build_block_record(&b, 1663, 16501, 300, 0xE2);
	build_block_record(&b, 16600, 16501, 300, 0xE3);
	build_block_record(&b, 1663, 16700, 300, 0xE4);
	for (size_t i = 0; i < lengthof(chunks); i++)
	{
		Told told = {0};
		FilterRun run = run_all(&b, &told, chunks[i]);

		assert_int_equal(run.status, FILTER_OK);
		assert_int_equal(run.len, b.len);
		assert_int_equal(told.count, 3);
		assert_int_equal(told.items[0].kind, SCOPE_DATABASE);
		assert_int_equal(told.items[0].oid, 16500);
		assert_string_equal(told.items[0].name, "secret");
		assert_true(told.items[0].lsn == first);
		assert_string_equal(told.items[1].name, "open");
		assert_int_equal(told.items[2].kind, SCOPE_TABLESPACE);
		assert_int_equal(told.items[2].oid, 16600);
		assert_false(contains(run.out, run.len, "\xE1\xE1\xE1\xE1"));
		assert_true(contains(run.out, run.len, "\xE2\xE2\xE2\xE2"));
		assert_false(contains(run.out, run.len, "\xE3\xE3\xE3\xE3"));
		assert_true(contains(run.out, run.len, "\xE4\xE4\xE4\xE4"));
		/* the catalogs themselves are everybody's */
		assert_true(contains(run.out, run.len, "secret_spc"));
		run_end(&run);
	}
	build_end(&b);
}

static void
row_over_a_page_is_read(void **state UNUSED)
{
	for (uint32_t left = 8; left < 200; left += 8)
	{
		WalBuild b = begin();
		Told told = {0};
		FilterRun run;

		build_up_to(&b, left);
		build_row(&b, 1262, 16500, "secret");
		build_block_record(&b, 1663, 16500, 300, 0xE1);
		run = run_all(&b, &told, 777);
		assert_int_equal(run.status, FILTER_OK);
		assert_int_equal(told.count, 1);
		assert_string_equal(told.items[0].name, "secret");
		assert_false(contains(run.out, run.len, "\xE1\xE1\xE1\xE1"));
		run_end(&run);
		build_end(&b);
	}
}

/* An image in place of the row, of each page size, over pages and at their ends. */
static void
row_in_an_image_is_read(void **state UNUSED)
{
	for (unsigned shift = 0; shift <= 5; shift++)
	{
		for (uint32_t left = 8; left < 1100; left += left < 200 ? 8 : 400)
		{
			WalBuild b = begin();
			Told told = {0};
			FilterRun run;

			build_up_to(&b, left);
			build_row_image(&b, 1262, 16500, "secret", shift, false);
			build_row_image(&b, 1262, 16501, "secret2", shift, true);
			build_block_record(&b, 1663, 16500, 300, 0xE1);
			build_block_record(&b, 1663, 16501, 300, 0xE1);
			run = run_all(&b, &told, 777);
			assert_int_equal(run.status, FILTER_OK);
			assert_int_equal(told.count, 2);
			assert_string_equal(told.items[0].name, "secret");
			assert_string_equal(told.items[1].name, "secret2");
			assert_false(contains(run.out, run.len, "\xE1\xE1\xE1\xE1"));
			run_end(&run);
			build_end(&b);
		}
	}
}

static void
catalog_is_followed_to_another_file(void **state UNUSED)
{
	WalBuild b = begin();
	Told told = {0};
	FilterRun run;

	build_row(&b, 16900, 16500, "secret_not_yet"); /* any table of that file */
	build_map(&b, 1262, 16900);
	build_row(&b, 16900, 16501, "secret");
	build_row(&b, 1262, 16502, "secret_old");
	run = run_all(&b, &told, 4096);
	assert_int_equal(run.status, FILTER_OK);
	assert_int_equal(told.moved_to, 16900);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.items[0].oid, 16501);
	assert_int_equal(told.items[1].oid, 16502);
	run_end(&run);
	build_end(&b);
}

/* Nothing of it leaves before its name is on record. */
static void
failing_listener_halts(void **state UNUSED)
{
	WalBuild b = begin();
	Told told = {.refuse = true};
	Lsn lsn = build_row(&b, 1262, 16500, "secret");
	FilterRun run;

	build_block_record(&b, 1663, 16500, 300, 0xE1);
	run = run_all(&b, &told, 100);
	assert_int_equal(run.status, FILTER_HALT);
	assert_string_equal(run.err.message, "disk full");
	assert_true(run.len <= lsn - b.start);
	run_end(&run);
	build_end(&b);
}

/* A row that is not as PostgreSQL writes it: nobody knows what it says. */
static void
row_without_data_halts(void **state UNUSED)
{
	WalBuild b = begin();
	Told told = {0};
	FilterRun run;

	build_block_record(&b, 1664, 0, 3, 0);
	run = run_all(&b, &told, 100);
	assert_int_equal(run.status, FILTER_OK); /* of relation 20000 */
	run_end(&run);
	build_map(&b, 1262, 20000);
	build_block_record(&b, 1664, 0, 3, 0);
	run = run_all(&b, &told, 100);
	assert_int_equal(run.status, FILTER_HALT);
	run_end(&run);
	build_end(&b);
}

/* A scope that is to take over with the next record hears of it, too. */
static void
next_scope_is_told(void **state UNUSED)
{
	WalBuild b = begin();
	Told told = {0};
	Told next = {0};
	WalFilter *filter;
	Lsn row;
	Lsn lsn;
	size_t n;
	ErrInfo err;

	row = build_row(&b, 1262, 16500, "secret");
	build_block_record(&b, 1663, 16500, 300, 0xE1);
	filter = filter_new(&b.geometry, new_scope(&told));
	filter_start(filter, b.start, b.start);
	n = (size_t) (row - b.start) + 40;
	memcpy(filter_room(filter, b.len, &lsn), b.bytes, n);
	assert_int_equal(filter_push(filter, n, &err), FILTER_OK);
	filter_set_scope(filter, new_scope(&next));
	memcpy(filter_room(filter, b.len, &lsn), b.bytes + n, b.len - n);
	assert_int_equal(filter_push(filter, b.len - n, &err), FILTER_OK);
	assert_int_equal(told.count, 1);
	assert_int_equal(next.count, 1);
	assert_int_equal(next.items[0].oid, 16500);
	filter_free(filter);
	build_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(created_under_a_name_is_judged_by_it),
		cmocka_unit_test(row_over_a_page_is_read),
		cmocka_unit_test(row_in_an_image_is_read),
		cmocka_unit_test(catalog_is_followed_to_another_file),
		cmocka_unit_test(failing_listener_halts),
		cmocka_unit_test(row_without_data_halts),
		cmocka_unit_test(next_scope_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
