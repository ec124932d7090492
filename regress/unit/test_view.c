/*
 * test_view.c
 *		Rows of a view: the text of each kind of value, and what is NULL.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "view/viewutil.h"

/* What the view under test emits, by the test. */
static void (*emit)(ViewRow *row);

static bool
run(const ChildContext *ctx UNUSED, ViewRow *row, ErrInfo *err)
{
	emit(row);
	view_end_row(row);
	emit(row);
	view_end_row(row);
	return errinfo_set(err, SQLSTATE_INTERNAL_ERROR, "that was all");
}

static const ViewColumn columns[] = {
	{"a", TYPE_TEXT}, {"b", TYPE_TEXT}, {"c", TYPE_TEXT}, {"d", TYPE_TEXT}};

static const View view = {.name = "test",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run};

typedef struct Seen
{
	int rows;
	char text[400]; /* of the last row: values with "|", NULL as - */
} Seen;

static void
on_row(void *arg, const ViewRow *row)
{
	Seen *seen = arg;
	size_t len = 0;

	seen->rows++;
	for (size_t i = 0; i < lengthof(columns); i++)
	{
		const char *value = view_value(row, i);

		len += (size_t) snprintf(seen->text + len, sizeof(seen->text) - len,
			"%s%s", i > 0 ? "|" : "", value != NULL ? value : "-");
	}
	assert_null(view_value(row, lengthof(columns)));
}

/* Two rows, the second like the first. */
static void
expect(void (*emit_row)(ViewRow *row), const char *want)
{
	Seen seen = {0};
	ErrInfo err;

	emit = emit_row;
	assert_false(view_run(&view, NULL, on_row, &seen, &err));
	assert_string_equal(err.message, "that was all");
	assert_int_equal(seen.rows, 2);
	assert_string_equal(seen.text, want);
}

static void
emit_texts(ViewRow *row)
{
	view_put_text(row, "");
	view_put_text(row, NULL);
	view_put_name(row, "");
	view_put_name(row, "x");
}

static void
emit_numbers(ViewRow *row)
{
	view_put_int(row, INT64_MIN);
	view_put_uint(row, UINT64_MAX);
	view_put_double(row, NAN);
	view_put_double(row, 0.25);
}

static void
emit_others(ViewRow *row)
{
	view_put_bool(row, true);
	view_put_bool(row, false);
	view_put_lsn(row, UINT64_C(0x1600000028));
	view_put_lsn(row, InvalidLsn);
}

/* 2026-03-01 12:00:00 UTC is 825681600 s behind 2000-01-01 (date -u). */
static void
emit_times(ViewRow *row)
{
	view_put_time(row, INT64_C(825681600123456));
	view_put_time(row, 0);
	viewutil_put_age(row, 1000000, 3500000);
	viewutil_put_age(row, 3500000, 1000000); /* the clock was set back */
}

static void
emit_distances(ViewRow *row)
{
	viewutil_put_distance(row, 0x10, 0x30);
	viewutil_put_distance(row, 0x30, 0x10);
	viewutil_put_distance(row, InvalidLsn, 0x10);
	viewutil_put_distance(row, 0x10, InvalidLsn);
}

static void
emit_missing(ViewRow *row)
{
	viewutil_put_pid(row, 0);
	viewutil_put_pid(row, 4711);
	viewutil_put_timeline(row, 0);
	viewutil_put_age(row, 0, 5);
}

static void
values_are_text_or_null(void **state UNUSED)
{
	expect(emit_texts, "|-|-|x");
	expect(emit_numbers, "-9223372036854775808|9223372036854775807|-|0.25");
	expect(emit_others, "t|f|16/28|-");
	expect(emit_times, "2026-03-01 12:00:00.123456+00|-|2.5|0");
	expect(emit_distances, "32|0|-|-");
	expect(emit_missing, "-|4711|-|-");
}

static void
emit_peers(ViewRow *row)
{
	viewutil_put_peer(row, "192.0.2.1:54321");
	viewutil_put_peer_port(row, "192.0.2.1:54321");
	viewutil_put_peer(row, "[2001:db8::1]:5");
	viewutil_put_peer_port(row, "[2001:db8::1]:5");
}

static void
emit_other_peers(ViewRow *row)
{
	viewutil_put_peer(row, "[local]");
	viewutil_put_peer_port(row, "[local]");
	viewutil_put_peer(row, "");
	viewutil_put_peer_port(row, "");
}

/* pg_stat_replication has NULL and -1 for a Unix socket. */
static void
peers_are_addresses_and_ports(void **state UNUSED)
{
	expect(emit_peers, "192.0.2.1|54321|2001:db8::1|5");
	expect(emit_other_peers, "-|-1|-|-");
}

/* What does not fit must not look like something else. */
static void
emit_too_much(ViewRow *row)
{
	size_t size = (size_t) 5 * 1024 * 1024;
	char *text = mem_alloc(size);

	memset(text, 'x', size);
	text[size - 1] = '\0';
	view_put_text(row, "a");
	view_put_text(row, text);
	view_put_text(row, "b");
	view_put_text(row, "c");
	free(text);
}

static void
row_that_is_too_long_is_null(void **state UNUSED)
{
	expect(emit_too_much, "-|-|-|-");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_text_or_null),
		cmocka_unit_test(peers_are_addresses_and_ports),
		cmocka_unit_test(row_that_is_too_long_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
