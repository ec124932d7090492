/*
 * answer.c
 *		Rows on their way into messages.  See answer.h.
 *
 * Values come as text.  Where a client has asked for binary format they are put
 * into it as the row is taken in.  What standbys call themselves need not be UTF-8;
 * the answer is, or no driver would take it.
 */
#include "base.h"

#include <string.h>

#include "console/answer.h"
#include "pq/frame.h"
#include "pq/message.h"
#include "pq/typevalue.h"
#include "util/utf8.h"

/* What a command answers with is held in memory. */
#define ROWS_MAX (64 * 1024 * 1024)
/* The values of one row that are not sent as they are. */
#define SCRATCH_MAX (256 * 1024)

void
answer_init(Answer *a, const Shape *shape, const ExtendedFormats *formats)
{
	memset(a, 0, sizeof(*a));
	a->shape = *shape;
	/* what is named by the command lies within the shape */
	if (shape->columns == &shape->single)
		a->shape.columns = &a->shape.single;
	if (formats != NULL)
		a->formats = *formats;
	buf_init(&a->rows, ROWS_MAX);
	buf_init(&a->scratch, SCRATCH_MAX);
}

void
answer_clear(Answer *a)
{
	buf_clear(&a->rows);
	buf_clear(&a->scratch);
}

static bool
is_utf8(const char *text)
{
	size_t len;

	while (*text != '\0' && (len = utf8_sequence_len(text)) > 0)
		text += len;
	return *text == '\0';
}

static void
put_utf8(Buf *b, const char *text)
{
	while (*text != '\0')
	{
		size_t len = utf8_sequence_len(text);

		if (len > 0)
			buf_put_bytes(b, text, len);
		else
			buf_put_text(b, UTF8_REPLACEMENT);
		text += Max(len, 1);
	}
}

/* Of text, both formats are the same. */
static bool
is_binary(const Answer *a, size_t column)
{
	return a->shape.columns[column].type != TYPE_TEXT &&
		   extended_is_binary(&a->formats, column);
}

static MessageValue
converted_value(Answer *a, size_t column, const char *text)
{
	size_t start = a->scratch.len;

	if (!is_binary(a, column))
		put_utf8(&a->scratch, text);
	else if (!typevalue_put_binary(
				 &a->scratch, a->shape.columns[column].type, text))
		a->bad_value = true;
	/* where it lies is said when all are there: the buffer may move */
	return (MessageValue){
		.data = text, .len = a->scratch.failed ? 0 : a->scratch.len - start};
}

void
answer_row(Answer *a, const char *const *values)
{
	MessageValue out[VIEW_COLUMNS_MAX];
	bool converted[VIEW_COLUMNS_MAX];
	size_t at = 0;

	buf_reset(&a->scratch);
	for (size_t i = 0; i < a->shape.column_count; i++)
	{
		converted[i] =
			values[i] != NULL && (is_binary(a, i) || !is_utf8(values[i]));
		out[i] = converted[i] ? converted_value(a, i, values[i])
							  : message_value(values[i]);
	}
	for (size_t i = 0; i < a->shape.column_count; i++)
	{
		if (!converted[i])
			continue;
		out[i].data = out[i].len > 0 ? (const void *) (a->scratch.data + at)
									 : (const void *) "";
		at += out[i].len;
	}
	if (a->scratch.failed)
		a->bad_value = true;
	message_data_row(&a->rows, out, a->shape.column_count);
	a->row_count++;
}

void
answer_view_row(void *answer, const ViewRow *row)
{
	Answer *a = answer;
	const char *values[VIEW_COLUMNS_MAX];

	for (size_t i = 0; i < a->shape.column_count; i++)
		values[i] = view_value(row, i);
	answer_row(a, values);
}

bool
answer_check(const Answer *a, ErrInfo *err)
{
	if (a->rows.failed)
		return errinfo_set(err, SQLSTATE_PROGRAM_LIMIT_EXCEEDED,
			"the answer is longer than %d MB", ROWS_MAX / (1024 * 1024));
	if (a->bad_value)
		return errinfo_set(
			err, SQLSTATE_INTERNAL_ERROR, "a value has no binary format");
	return true;
}

void
answer_describe(Buf *out, const Shape *shape, const ExtendedFormats *formats)
{
	MessageColumn columns[VIEW_COLUMNS_MAX];
	bool binary[VIEW_COLUMNS_MAX] = {false};

	if (shape->column_count == 0)
	{
		message_no_data(out);
		return;
	}
	for (size_t i = 0; i < shape->column_count; i++)
	{
		const ViewColumn *column = &shape->columns[i];

		columns[i] = (MessageColumn){
			column->name, column->type, typevalue_len(column->type)};
		binary[i] = formats != NULL && extended_is_binary(formats, i);
	}
	message_row_formats(out, columns, binary, shape->column_count);
}

bool
answer_has_more(const Answer *a)
{
	return a->pos < a->rows.len;
}

bool
answer_next(Answer *a, Buf *out)
{
	Frame frame;
	size_t used;
	ErrInfo err;

	if (!answer_has_more(a) ||
		frame_parse(a->rows.data + a->pos, a->rows.len - a->pos, ROWS_MAX,
			&frame, &used, &err) != FRAME_OK)
		return false;
	buf_put_bytes(out, a->rows.data + a->pos, used);
	a->pos += used;
	return true;
}
