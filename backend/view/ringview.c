/*
 * ringview.c
 *		SHOW RING.
 */
#include "base.h"

#include "shm/ring.h"
#include "view/viewutil.h"
#include "view/views.h"

static const ViewColumn columns[] = {
	{"size", TYPE_INT8},
	{"timeline", TYPE_INT8},
	{"tail_lsn", TYPE_LSN},
	{"head_lsn", TYPE_LSN},
	{"bytes", TYPE_INT8},
	{"upstream_lsn", TYPE_LSN},
};

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err UNUSED)
{
	RingState state = ring_state(ctx->ring);

	view_put_uint(row, ring_size(ctx->ring));
	viewutil_put_timeline(row, state.tli);
	view_put_lsn(row, state.tail);
	view_put_lsn(row, state.head);
	view_put_uint(row, state.head - state.tail);
	view_put_lsn(row, state.upstream_end);
	view_end_row(row);
	return true;
}

const View view_ring = {
	.name = "ring",
	.help = "The WAL in shared memory, from which standbys are served.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
