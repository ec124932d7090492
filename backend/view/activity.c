/*
 * activity.c
 *		SHOW ACTIVITY.
 */
#include "base.h"

#include "shm/board.h"
#include "shm/control.h"
#include "view/viewutil.h"
#include "view/views.h"

static const ViewColumn columns[] = {
	{"pid", TYPE_INT4},
	{"backend_type", TYPE_TEXT},
	{"state", TYPE_TEXT},
	{"usename", TYPE_TEXT},
	{"application_name", TYPE_TEXT},
	{"client_addr", TYPE_TEXT},
	{"rule", TYPE_TEXT},
	{"command", TYPE_TEXT},
	{"backend_start", TYPE_TIMESTAMPTZ},
	{"state_change", TYPE_TIMESTAMPTZ},
};

/* The one process that has no cell. */
static void
put_supervisor(ViewRow *row)
{
	view_put_int(row, control_supervisor_pid());
	view_put_text(row, "supervisor");
	view_put_text(row, board_state_name(CELL_RUNNING));
	for (int i = 0; i < 5; i++)
		view_put_null(row);
	view_put_time(row, control_start_time());
	view_put_time(row, control_start_time());
	view_end_row(row);
}

static bool
run(const ChildContext *ctx UNUSED, ViewRow *row, ErrInfo *err UNUSED)
{
	put_supervisor(row);
	for (int i = 0; i < board_cell_count(); i++)
	{
		BoardView view;
		const BoardStatus *status = &view.status;

		if (board_state(i) == CELL_FREE || !board_view(i, &view))
			continue;
		viewutil_put_pid(row, view.pid);
		view_put_text(
			row, view.state == CELL_CONSOLE ? "console" : board_cell_name(i));
		view_put_text(row, board_state_name(view.state));
		view_put_name(row, status->user);
		view_put_name(row, status->application_name);
		viewutil_put_peer(row, status->peer);
		view_put_name(row, status->rule);
		view_put_name(row, status->command);
		view_put_time(row, status->began);
		view_put_time(row, status->state_since);
		view_end_row(row);
	}
	return true;
}

const View view_activity = {
	.name = "activity",
	.help = "The processes of walbouncer, and what each of them does.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
