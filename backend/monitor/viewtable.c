/*
 * viewtable.c
 *		Views as the monitor uses them.  See viewtable.h.
 */
#include "base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/descriptors.h"
#include "monitor/viewtable.h"
#include "pq/typevalue.h"
#include "util/log.h"
#include "util/lsn.h"
#include "util/mem.h"
#include "util/monotime.h"

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
	bool ok;

	table->view = view;
	buf_init(&table->text, TEXT_MAX);
	descriptors_begin_own();
	ok = view_run(view, ctx, add_row, table, &err);
	descriptors_end_own();
	if (!ok && log_limit(&failed_limit, &suppressed))
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

double
viewtable_number_of(const ViewTable *table, size_t row, const char *name)
{
	size_t column = column_of(table, name);
	const char *text = value_at(table, row, column);
	int64_t stamp;
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
			return monotime_parse(text, &stamp)
					   ? (double) stamp / 1e6 + MONOTIME_PG_EPOCH_S
					   : NAN;
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
		json_key(j, table->view->columns[i].name);
		typevalue_put_json(
			j, table->view->columns[i].type, value_at(table, row, i));
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
