/*
 * versionview.c
 *		SHOW VERSION.
 */
#include "base.h"

#include <libpq-fe.h>

#include "view/views.h"

static const ViewColumn columns[] = {
	{"version", TYPE_TEXT},
	{"libpq_version", TYPE_INT4},
};

static bool
run(const ChildContext *ctx UNUSED, ViewRow *row, ErrInfo *err UNUSED)
{
	view_put_text(row, PACKAGE_STRING);
	view_put_int(row, PQlibVersion());
	view_end_row(row);
	return true;
}

const View view_version = {
	.name = "version",
	.help = "The version of walbouncer.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
