/*
 * view.c
 *		How the rows of a view are put together.  See view.h.
 */
#include "base.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/monotime.h"
#include "view/view.h"

/* A row may have the longest text that a configuration can have, with escapes. */
#define ROW_MAX (4 * CONFIG_TEXT_MAX)

static void
begin_row(ViewRow *row)
{
	row->count = 0;
	buf_reset(&row->text);
}

bool
view_run(const View *view, const ChildContext *ctx,
	void (*sink)(void *arg, const ViewRow *row), void *arg, ErrInfo *err)
{
	ViewRow row = {.view = view, .sink = sink, .arg = arg};
	bool ok;

	buf_init(&row.text, ROW_MAX);
	begin_row(&row);
	ok = view->run(ctx, &row, err);
	buf_clear(&row.text);
	return ok;
}

const char *
view_value(const ViewRow *row, size_t column)
{
	if (column >= row->count || row->offsets[column] == SIZE_MAX ||
		row->text.failed)
		return NULL;
	return (const char *) row->text.data + row->offsets[column];
}

/* ---- for views ---- */

/* A view that fills in more than it has columns is our own mistake. */
static void
check_room(const ViewRow *row)
{
	if (row->count >= Min(row->view->column_count, VIEW_COLUMNS_MAX))
		abort();
}

void
view_put_text(ViewRow *row, const char *text)
{
	check_room(row);
	row->offsets[row->count++] = text != NULL ? row->text.len : SIZE_MAX;
	if (text != NULL)
		buf_put_cstring(&row->text, text);
}

void
view_put_name(ViewRow *row, const char *text)
{
	view_put_text(row, text != NULL && text[0] != '\0' ? text : NULL);
}

void
view_put_int(ViewRow *row, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	view_put_text(row, text);
}

void
view_put_uint(ViewRow *row, uint64_t value)
{
	char text[24];

	/* no type has room for more, and whoever asks must get the rest of the row */
	snprintf(text, sizeof(text), "%" PRIu64, Min(value, INT64_MAX));
	view_put_text(row, text);
}

/* As PostgreSQL's output function has it. */
void
view_put_bool(ViewRow *row, bool value)
{
	view_put_text(row, value ? "t" : "f");
}

/* To the millionth, as an interval of PostgreSQL's, and without an exponent. */
void
view_put_double(ViewRow *row, double value)
{
	char text[DBL_MAX_10_EXP + 16];
	size_t len = (size_t) snprintf(text, sizeof(text), "%.6f", value);

	if (!isfinite(value))
	{
		view_put_null(row);
		return;
	}
	while (text[len - 1] == '0')
		len--;
	text[text[len - 1] == '.' ? len - 1 : len] = '\0';
	view_put_text(row, text);
}

void
view_put_lsn(ViewRow *row, Lsn lsn)
{
	char text[LSN_TEXT_SIZE];

	snprintf(text, sizeof(text), LSN_FORMAT, LSN_ARGS(lsn));
	view_put_text(row, lsn != InvalidLsn ? text : NULL);
}

/* "2026-03-01 12:00:00.123456+00", as with DateStyle ISO and TimeZone UTC. */
void
view_put_time(ViewRow *row, int64_t pg_timestamp)
{
	char text[MONOTIME_TEXT_SIZE];

	if (pg_timestamp == 0)
	{
		view_put_null(row);
		return;
	}
	monotime_format(pg_timestamp, text);
	view_put_text(row, text);
}

void
view_put_null(ViewRow *row)
{
	view_put_text(row, NULL);
}

void
view_end_row(ViewRow *row)
{
	if (row->count != row->view->column_count)
		abort();
	row->sink(row->arg, row);
	begin_row(row);
}
