/*
 * viewtable.h
 *		Views as the monitor uses them: run once for an answer, then read as often
 *		as it takes.
 */
#ifndef MONITOR_VIEWTABLE_H
#define MONITOR_VIEWTABLE_H

#include "base.h"

#include "process/child.h"
#include "util/json.h"
#include "view/view.h"

typedef struct ViewTable ViewTable;

/* The rows of a view, now.  Never NULL; without rows if the view fails. */
ViewTable *viewtable_new(const View *view, const ChildContext *ctx);
void viewtable_free(ViewTable *table);

size_t viewtable_row_count(const ViewTable *table);
/* The value of a column, which must be one of the view's; NULL is SQL's NULL. */
const char *viewtable_value_of(
	const ViewTable *table, size_t row, const char *column);
/* As a number: LSNs in bytes, times in seconds since 1970; NULL is NaN. */
double viewtable_number_of(
	const ViewTable *table, size_t row, const char *column);

/* A row as an object, a table as an array of them. */
void viewtable_put_row(const ViewTable *table, size_t row, Json *j);
void viewtable_put(const ViewTable *table, Json *j);

#endif /* MONITOR_VIEWTABLE_H */
