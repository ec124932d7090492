/*
 * viewtable.c
 *		Views as the monitor uses them.  See viewtable.h.
 */
#include "base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monitor/viewtable.h"
#include "util/log.h"
#include "util/lsn.h"
#include "util/mem.h"

/* The text of all rows: thousands of standbys. */
#define TEXT_MAX ((size_t) 32 * 1024 * 1024)

struct ViewTable
{
	const View *view;
	size_t row_count;
	size_t *offsets; /* row by row, into text; SIZE_MAX: NULL */
	size_t cap;      /* of offsets, in rows */
	Buf text;
};

static LogLimit failed_limit;

static void
add_row(void *arg, const ViewRow *row)
{
	ViewTable *table = arg;
	size_t columns = table->view->column_count;

	if (table->row_count == table->cap)
	{
		table->cap = Max(16, table->cap * 2);
		table->offsets = mem_realloc(
			table->offsets, table->cap * columns * sizeof(*table->offsets));
	}
	for (size_t i = 0; i < columns; i++)
	{
		const char *value = view_value(row, i);

		table->offsets[table->row_count * columns + i] =
			value != NULL ? table->text.len : SIZE_MAX;
		if (value != NULL)
			buf_put_cstring(&table->text, value);
	}
	if (!table->text.failed)
		table->row_count++;
}

ViewTable *
viewtable_new(const View *view, const ChildContext *ctx)
{
	ViewTable *table = mem_alloc0(sizeof(*table));
	uint64_t suppressed;
	ErrInfo err;

	table->view = view;
	buf_init(&table->text, TEXT_MAX);
	if (!view_run(view, ctx, add_row, table, &err) &&
		log_limit(&failed_limit, &suppressed))
		log_err(LOG_WARNING, &err);
	return table;
}

void
viewtable_free(ViewTable *table)
{
	buf_clear(&table->text);
	free(table->offsets);
	free(table);
}

size_t
viewtable_row_count(const ViewTable *table)
{
	return table->row_count;
}

static size_t
column_of(const ViewTable *table, const char *name)
{
	for (size_t i = 0; i < table->view->column_count; i++)
	{
		if (strcmp(table->view->columns[i].name, name) == 0)
			return i;
	}
	abort();
}

static const char *
value_at(const ViewTable *table, size_t row, size_t column)
{
	size_t offset = table->offsets[row * table->view->column_count + column];

	return offset != SIZE_MAX ? (const char *) table->text.data + offset : NULL;
}

const char *
viewtable_value_of(const ViewTable *table, size_t row, const char *column)
{
	return value_at(table, row, column_of(table, column));
}

/* "2026-03-01 12:00:00.123456+00", the view's own text. */
static double
time_number(const char *text)
{
	struct tm tm = {0};
	double seconds;

	if (sscanf(text, "%d-%d-%d %d:%d:%lf", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			&tm.tm_hour, &tm.tm_min, &seconds) != 6)
		return NAN;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (double) timegm(&tm) + seconds;
}

double
viewtable_number_of(const ViewTable *table, size_t row, const char *name)
{
	size_t column = column_of(table, name);
	const char *text = value_at(table, row, column);
	Lsn lsn;

	if (text == NULL)
		return NAN;
	switch (table->view->columns[column].type)
	{
		case TYPE_LSN:
			return lsn_parse(text, &lsn) ? (double) lsn : NAN;
		case TYPE_BOOL:
			return text[0] == 't';
		case TYPE_TIMESTAMPTZ:
			return time_number(text);
		default:
			return strtod(text, NULL);
	}
}

void
viewtable_put_row(const ViewTable *table, size_t row, Json *j)
{
	json_object_begin(j);
	for (size_t i = 0; i < table->view->column_count; i++)
	{
		const char *value = value_at(table, row, i);

		json_key(j, table->view->columns[i].name);
		switch (value != NULL ? table->view->columns[i].type : TYPE_TEXT)
		{
			case TYPE_INT4:
			case TYPE_INT8:
			case TYPE_OID:
			case TYPE_FLOAT8:
				json_number_text(j, value);
				break;
			case TYPE_BOOL:
				json_bool(j, value[0] == 't');
				break;
			default:
				json_string(j, value);
				break;
		}
	}
	json_object_end(j);
}

void
viewtable_put(const ViewTable *table, Json *j)
{
	json_array_begin(j);
	for (size_t i = 0; i < table->row_count; i++)
		viewtable_put_row(table, i, j);
	json_array_end(j);
}
