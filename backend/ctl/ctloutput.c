/*
 * ctloutput.c
 *		Results of the console for people and for programs.  See ctloutput.h.
 */
#include "base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctloutput.h"
#include "ctl/say.h"
#include "pq/typevalue.h"
#include "util/json.h"
#include "util/mem.h"

/* No answer of a console comes near. */
#define OUTPUT_MAX ((size_t) 1 << 30)

/* ---- text ---- */

/* Bytes of a control character at p, C1 in UTF-8 too; 0 if it is none. */
static size_t
control_length(const unsigned char *p)
{
	if (p[0] < 0x20 || p[0] == 0x7F)
		return 1;
	return p[0] == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0 ? 2 : 0;
}

void
ctloutput_put(Buf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *) text;

	while (*p != '\0')
	{
		size_t len = control_length(p);
		char escape[8];

		if (len == 0)
		{
			buf_put_u8(out, *p++);
			continue;
		}
		snprintf(escape, sizeof(escape), "\\x%02x", p[len - 1]);
		buf_put_text(out, escape);
		p += len;
	}
}

size_t
ctloutput_width(const char *text)
{
	const unsigned char *p = (const unsigned char *) text;
	size_t width = 0;

	while (*p != '\0')
	{
		size_t len = control_length(p);

		if (len > 0)
			width += strlen("\\xNN");
		else if ((*p & 0xC0) != 0x80) /* not within a character */
			width++;
		p += Max(len, 1);
	}
	return width;
}

static void
put_repeated(Buf *out, char c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_put_u8(out, (uint8_t) c);
}

/* ---- a table, as psql's ---- */

static void
put_cell(Buf *out, const char *text, size_t width, bool right, bool last)
{
	size_t pad = width - Min(width, ctloutput_width(text));

	put_repeated(out, ' ', right ? pad + 1 : 1);
	ctloutput_put(out, text);
	if (!last)
		put_repeated(out, ' ', right ? 1 : pad + 1);
}

/* row -1: the names of the columns */
static void
put_row(Buf *out, const PGresult *result, int row, const size_t *widths)
{
	int columns = PQnfields(result);

	for (int i = 0; i < columns; i++)
	{
		if (i > 0)
			buf_put_text(out, "|");
		put_cell(out, row < 0 ? PQfname(result, i) : PQgetvalue(result, row, i),
			widths[i], row >= 0 && typevalue_is_number(PQftype(result, i)),
			i == columns - 1);
	}
	buf_put_text(out, "\n");
}

static void
put_table(Buf *out, const PGresult *result)
{
	int columns = PQnfields(result);
	int rows = PQntuples(result);
	size_t *widths = mem_alloc(sizeof(size_t) * (size_t) Max(columns, 1));

	for (int i = 0; i < columns; i++)
	{
		widths[i] = ctloutput_width(PQfname(result, i));
		for (int row = 0; row < rows; row++)
			widths[i] =
				Max(widths[i], ctloutput_width(PQgetvalue(result, row, i)));
	}
	put_row(out, result, -1, widths);
	for (int i = 0; i < columns; i++)
	{
		buf_put_text(out, i > 0 ? "+" : "");
		put_repeated(out, '-', widths[i] + 2);
	}
	buf_put_text(out, "\n");
	for (int row = 0; row < rows; row++)
		put_row(out, result, row, widths);
	free(widths);
}

/* ---- a line for each value ---- */

static void
put_expanded(Buf *out, const PGresult *result)
{
	int columns = PQnfields(result);
	size_t width = 0;
	char head[64];

	for (int i = 0; i < columns; i++)
		width = Max(width, ctloutput_width(PQfname(result, i)));
	for (int row = 0; row < PQntuples(result); row++)
	{
		snprintf(head, sizeof(head), "-[ RECORD %d ]\n", row + 1);
		buf_put_text(out, head);
		for (int i = 0; i < columns; i++)
		{
			const char *name = PQfname(result, i);

			ctloutput_put(out, name);
			put_repeated(out, ' ', width - ctloutput_width(name));
			buf_put_text(out, " | ");
			ctloutput_put(out, PQgetvalue(result, row, i));
			buf_put_text(out, "\n");
		}
	}
}

static void
put_text(Buf *out, const PGresult *result, bool expanded)
{
	int rows = PQntuples(result);
	char foot[64];

	if (PQnfields(result) == 0)
	{
		buf_put_text(out, PQcmdStatus((PGresult *) (uintptr_t) result));
		buf_put_text(out, "\n");
		return;
	}
	if (expanded)
		put_expanded(out, result);
	else
		put_table(out, result);
	snprintf(foot, sizeof(foot), "(%d row%s)\n", rows, rows == 1 ? "" : "s");
	if (!expanded || rows == 0)
		buf_put_text(out, foot);
}

/* ---- JSON ---- */

void
ctloutput_json(const PGresult *result, Buf *out)
{
	Json j;

	json_init(&j, out);
	json_array_begin(&j);
	for (int row = 0; row < PQntuples(result); row++)
	{
		json_object_begin(&j);
		for (int i = 0; i < PQnfields(result); i++)
		{
			json_key(&j, PQfname(result, i));
			typevalue_put_json(&j, PQftype(result, i),
				PQgetisnull(result, row, i) ? NULL
											: PQgetvalue(result, row, i));
		}
		json_object_end(&j);
	}
	json_array_end(&j);
	buf_put_text(out, "\n");
}

static void
put_json_error(const ErrInfo *err, Buf *out)
{
	Json j;

	json_init(&j, out);
	json_object_begin(&j);
	json_key(&j, "sqlstate");
	json_string(&j, err->sqlstate);
	json_key(&j, "message");
	json_string(&j, err->message);
	json_key(&j, "detail");
	json_string(&j, err->detail[0] != '\0' ? err->detail : NULL);
	json_key(&j, "hint");
	json_string(&j, err->hint[0] != '\0' ? err->hint : NULL);
	json_object_end(&j);
	buf_put_text(out, "\n");
}

/* ---- out ---- */

bool
ctloutput_print(const CtlArgs *args, const PGresult *result, ErrInfo *err)
{
	Buf out;
	bool ok = true;

	buf_init(&out, OUTPUT_MAX);
	if (args->json)
		ctloutput_json(result, &out);
	else
		put_text(&out, result, args->expanded);
	if (out.failed)
		ok = errinfo_set(err, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED,
			"the answer is too long");
	else if (fwrite(out.data, 1, out.len, stdout) != out.len ||
			 fflush(stdout) != 0)
		ok = errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not write to the standard output: %m");
	buf_clear(&out);
	return ok;
}

void
ctloutput_error(const CtlArgs *args, const ErrInfo *err)
{
	Buf out;

	if (!args->json)
	{
		say_errinfo(err);
		return;
	}
	buf_init(&out, OUTPUT_MAX);
	put_json_error(err, &out);
	fwrite(out.data, 1, out.len, stderr);
	buf_clear(&out);
}
