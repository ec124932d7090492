/*
 * view.h
 *		What can be seen of walbouncer, as tables: the one source of the
 *		console's SHOW, of the monitor's JSON and of its metrics.
 *
 * A view reads shared memory, the configuration and the state directory; it writes
 * nothing, waits for nobody, and asks no server.  Any process may run it.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base.h"

#include "pq/message.h"
#include "process/child.h"
#include "util/buf.h"
#include "util/errinfo.h"
#include "util/lsn.h"

#define VIEW_COLUMNS_MAX 40

typedef struct ViewColumn
{
	const char *name;
	Oid type; /* TYPE_TEXT, TYPE_INT8, ...: of the value's text form */
} ViewColumn;

typedef struct View View;

/*
 * The row that a view is putting together: each view_put_... fills the next
 * column.  What is not known is an SQL NULL, as said at each of them.
 */
typedef struct ViewRow
{
	const View *view;
	size_t count;                     /* columns filled so far */
	size_t offsets[VIEW_COLUMNS_MAX]; /* into text; SIZE_MAX: NULL */
	Buf text;                         /* terminated values */
	/* who wants the rows */
	void (*sink)(void *arg, const struct ViewRow *row);
	void *arg;
} ViewRow;

struct View
{
	const char *name; /* lower case, as in SHOW */
	const char *help; /* one sentence */
	const ViewColumn *columns;
	size_t column_count;
	/* emit all rows; false, with err, if there is no answer */
	bool (*run)(const ChildContext *ctx, ViewRow *row, ErrInfo *err);
};

/* view_at(0) ... until it returns NULL. */
const View *view_at(size_t i);
/* By name, whatever its case; or NULL. */
const View *view_find(const char *name);

/* Run a view: sink is called for each row, which is good until it returns. */
MUST_CHECK bool view_run(const View *view, const ChildContext *ctx,
	void (*sink)(void *arg, const ViewRow *row), void *arg, ErrInfo *err);

/* The value of a column, or NULL. */
const char *view_value(const ViewRow *row, size_t column);

/* ---- for views ---- */

void view_put_text(ViewRow *row, const char *text); /* NULL, not "": NULL */
/* An empty string is NULL too. */
void view_put_name(ViewRow *row, const char *text);
void view_put_int(ViewRow *row, int64_t value);
/* More than INT64_MAX is that. */
void view_put_uint(ViewRow *row, uint64_t value);
void view_put_bool(ViewRow *row, bool value);
void view_put_double(ViewRow *row, double value); /* NaN: NULL */
void view_put_lsn(ViewRow *row, Lsn lsn);         /* InvalidLsn: NULL */
/* Microseconds since 2000-01-01 UTC; 0: NULL. */
void view_put_time(ViewRow *row, int64_t pg_timestamp);
void view_put_null(ViewRow *row);
/* The row is complete: hand it over, begin the next. */
void view_end_row(ViewRow *row);

#endif /* VIEW_VIEW_H */
