/*
 * stats.c
 *		SHOW STATS.
 */
#include "base.h"

#include <stdlib.h>

#include "shm/walstat.h"
#include "util/mem.h"
#include "view/views.h"
#include "wal/rmgr.h"

static const ViewColumn columns[] = {
	{"scope", TYPE_TEXT},
	{"name", TYPE_TEXT},
	{"oid", TYPE_OID},
	{"records", TYPE_INT8},
	{"bytes", TYPE_INT8},
	{"fpi_bytes", TYPE_INT8},
	{"bytes_per_second", TYPE_INT8},
};

static void
put_line(ViewRow *row, const WalStatLine *line)
{
	view_put_uint(row, line->count.records);
	view_put_uint(row, line->count.bytes);
	view_put_uint(row, line->count.fpi_bytes);
	view_put_uint(row, (uint64_t) (line->bytes_per_second + 0.5));
	view_end_row(row);
}

/* A line that is of no database. */
static void
put_named(
	ViewRow *row, const char *scope, const char *name, const WalStatLine *line)
{
	view_put_text(row, scope);
	view_put_text(row, name);
	view_put_null(row);
	put_line(row, line);
}

static void
put_databases(ViewRow *row, const WalStat *stat)
{
	for (size_t i = 0; i < stat->database_count; i++)
	{
		const WalStatDatabase *database = &stat->databases[i];
		char label[WALSTAT_LABEL_SIZE];

		walstat_database_label(database, label);
		view_put_text(row, "database");
		view_put_text(row, label);
		view_put_uint(row, database->oid);
		put_line(row, &database->line);
	}
	if (stat->other.count.records > 0)
		put_named(row, "database", "(other)", &stat->other);
}

static void
put_rmgrs(ViewRow *row, const WalStat *stat)
{
	for (unsigned rmid = 0; rmid < WALACCOUNT_RMGRS; rmid++)
	{
		char name[RMGR_NAME_SIZE];

		if (stat->rmgrs[rmid].count.records == 0)
			continue;
		rmgr_format_name((uint8_t) rmid, name);
		put_named(row, "rmgr", name, &stat->rmgrs[rmid]);
	}
}

/* What could not be counted has bytes, and that is all that is known of it. */
static void
put_skipped(ViewRow *row, uint64_t bytes)
{
	view_put_text(row, "skipped");
	view_put_null(row);
	view_put_null(row);
	view_put_null(row);
	view_put_uint(row, bytes);
	view_put_null(row);
	view_put_null(row);
	view_end_row(row);
}

/* While no monitor counts there are no rows. */
static bool
run(const ChildContext *ctx UNUSED, ViewRow *row, ErrInfo *err UNUSED)
{
	WalStat *stat = mem_alloc(sizeof(*stat));

	if (walstat_get(stat))
	{
		put_named(row, "total", NULL, &stat->total);
		put_databases(row, stat);
		put_rmgrs(row, stat);
		put_skipped(row, stat->skipped_bytes);
	}
	free(stat);
	return true;
}

const View view_stats = {
	.name = "stats",
	.help = "What the WAL is made of, by database and resource manager.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
