/*
 * spoolview.c
 *		SHOW SPOOL.
 */
#include "base.h"

#include "shm/ring.h"
#include "view/spoolstate.h"
#include "view/viewutil.h"
#include "view/views.h"

static const ViewColumn columns[] = {
	{"enabled", TYPE_BOOL},
	{"size_limit", TYPE_INT8},
	{"bytes", TYPE_INT8},
	{"segments", TYPE_INT8},
	{"oldest_lsn", TYPE_LSN},
	{"newest_lsn", TYPE_LSN},
	{"written_lsn", TYPE_LSN},
	{"flushed_lsn", TYPE_LSN},
	{"lag_bytes", TYPE_INT8},
	{"free_bytes", TYPE_INT8},
	{"state", TYPE_TEXT},
	{"reason", TYPE_TEXT},
};

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err UNUSED)
{
	SpoolState spool;

	spoolstate_take(&spool, ctx);
	view_put_bool(row, spool.enabled);
	view_put_int(row, ctx->config->spool_size);
	view_put_int(row, spool.bytes);
	view_put_uint(row, spool.segments);
	view_put_lsn(row, spool.oldest);
	view_put_lsn(row, spool.newest);
	view_put_lsn(row, spool.written);
	view_put_lsn(row, spool.flushed);
	viewutil_put_distance(row, spool.flushed, ring_state(ctx->ring).head);
	if (spool.free_bytes >= 0)
		view_put_int(row, spool.free_bytes);
	else
		view_put_null(row);
	view_put_text(row, spoolstate_name(&spool));
	view_put_name(row, spool.reason);
	view_end_row(row);
	return true;
}

const View view_spool = {
	.name = "spool",
	.help = "The WAL on disk, and how it gets there.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
