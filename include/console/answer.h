/*
 * answer.h
 *		The rows that a command answers with, on their way into messages.
 */
#ifndef CONSOLE_ANSWER_H
#define CONSOLE_ANSWER_H

#include "base.h"

#include "pq/extended.h"
#include "util/buf.h"
#include "util/errinfo.h"
#include "view/view.h"

/* What the rows look like; column_count 0: there are none. */
typedef struct Shape
{
	const ViewColumn *columns;
	size_t column_count;
	ViewColumn single; /* for those with one column, named by the command */
} Shape;

typedef struct Answer
{
	Shape shape;
	ExtendedFormats formats;
	Buf rows;   /* DataRow messages, one behind the other */
	size_t pos; /* what has been sent */
	uint64_t row_count;
	const char *tag; /* of CommandComplete */
	bool bad_value;
	Buf scratch;
} Answer;

/* formats NULL: all text. */
void answer_init(Answer *a, const Shape *shape, const ExtendedFormats *formats);
void answer_clear(Answer *a);

/* A row: as many texts as there are columns; NULL is an SQL NULL. */
void answer_row(Answer *a, const char *const *values);
/* The same from a view whose columns are the answer's: view_run()'s sink. */
void answer_view_row(void *answer, const ViewRow *row);

/* Whether all rows are there; false, with err, if they are too many. */
MUST_CHECK bool answer_check(const Answer *a, ErrInfo *err);

/* RowDescription, or NoData. */
void answer_describe(
	Buf *out, const Shape *shape, const ExtendedFormats *formats);

/* Move the next row to out; false if there is none. */
MUST_CHECK bool answer_next(Answer *a, Buf *out);
/* Whether there is one. */
bool answer_has_more(const Answer *a);

#endif /* CONSOLE_ANSWER_H */
