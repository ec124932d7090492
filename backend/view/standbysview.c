/*
 * standbysview.c
 *		SHOW STANDBYS.
 */
#include "base.h"

#include <math.h>

#include "view/standbylist.h"
#include "view/viewutil.h"
#include "view/views.h"

/* Names are those of pg_stat_replication where it has the same. */
static const ViewColumn columns[] = {
	{"pid", TYPE_INT4},
	{"rule", TYPE_TEXT},
	{"usename", TYPE_TEXT},
	{"application_name", TYPE_TEXT},
	{"client_addr", TYPE_TEXT},
	{"client_port", TYPE_INT4},
	{"backend_start", TYPE_TIMESTAMPTZ},
	{"state", TYPE_TEXT},
	{"reason", TYPE_TEXT},
	{"source", TYPE_TEXT},
	{"timeline", TYPE_INT8},
	{"sent_lsn", TYPE_LSN},
	{"write_lsn", TYPE_LSN},
	{"flush_lsn", TYPE_LSN},
	{"replay_lsn", TYPE_LSN},
	{"sent_lag_bytes", TYPE_INT8},
	{"write_lag_bytes", TYPE_INT8},
	{"flush_lag_bytes", TYPE_INT8},
	{"replay_lag_bytes", TYPE_INT8},
	{"write_lag", TYPE_FLOAT8},
	{"flush_lag", TYPE_FLOAT8},
	{"replay_lag", TYPE_FLOAT8},
	{"reply_time", TYPE_TIMESTAMPTZ},
	{"reply_age", TYPE_FLOAT8},
	{"sent_bytes", TYPE_INT8},
	{"filtered", TYPE_BOOL},
	{"blanked_bytes", TYPE_INT8},
	{"slot_name", TYPE_TEXT},
	{"sync_state", TYPE_TEXT},
	{"backend_xmin", TYPE_INT8},
	{"alarms", TYPE_INT8},
	{"alarm", TYPE_TEXT},
};

static void
put_identity(ViewRow *row, const Standby *standby)
{
	const BoardView *view = &standby->view;
	const BoardStatus *status = &view->status;

	viewutil_put_pid(row, view->pid);
	view_put_name(row, status->rule);
	view_put_name(row, status->user);
	view_put_text(row, status->application_name);
	viewutil_put_peer(row, status->peer);
	viewutil_put_peer_port(row, status->peer);
	view_put_time(row, status->began);
	view_put_text(row, standbystate_name(standby->verdict.state));
	view_put_name(row, standby->verdict.reason);
	view_put_text(row, board_source_name(status->source));
	viewutil_put_timeline(row, status->tli);
}

static void
put_positions(ViewRow *row, const BoardStatus *status, Lsn end)
{
	const Lsn lsns[] = {
		status->sent, status->write, status->flush, status->apply};

	for (size_t i = 0; i < lengthof(lsns); i++)
		view_put_lsn(row, lsns[i]);
	for (size_t i = 0; i < lengthof(lsns); i++)
		viewutil_put_distance(row, lsns[i], end);
}

/* Microseconds; -1: not known. */
static void
put_lag(ViewRow *row, const BoardStatus *status, int64_t lag)
{
	bool known = status->tli != 0 && lag >= 0;

	view_put_double(row, known ? (double) lag / 1e6 : NAN);
}

static void
put_standby(ViewRow *row, const Standby *standby, const StandbyList *list)
{
	const BoardStatus *status = &standby->view.status;

	put_identity(row, standby);
	put_positions(row, status, list->end_of_wal);
	put_lag(row, status, status->write_lag);
	put_lag(row, status, status->flush_lag);
	put_lag(row, status, status->replay_lag);
	view_put_time(row, status->reply_time);
	viewutil_put_age(row, status->reply_time, list->now);
	view_put_uint(row, status->bytes);
	view_put_bool(row, status->filtered);
	view_put_uint(row, status->blanked_bytes);
	view_put_name(row, status->slot);
	view_put_text(row, standby->sync_state);
	if (status->xmin != 0)
		view_put_uint(row, status->xmin);
	else
		view_put_null(row);
	view_put_uint(row, status->alarms);
	view_put_name(row, status->alarm);
	view_end_row(row);
}

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err UNUSED)
{
	StandbyList list;

	standbylist_take(&list, ctx);
	for (size_t i = 0; i < list.count; i++)
		put_standby(row, &list.items[i], &list);
	standbylist_clear(&list);
	return true;
}

const View view_standbys = {
	.name = "standbys",
	.help = "The standbys: how far each of them is, and how it is.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
