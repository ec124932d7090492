/*
 * standbystate.c
 *		How a standby is.  See standbystate.h.
 *
 * What makes a standby stalled is that it has been sent WAL and does not get on with
 * it.  WAL that it has not been sent is not its fault: it is held back by send_delay,
 * or still to be fetched; and a standby whose socket takes nothing has been sent what
 * is in the socket.
 */
#include "base.h"

#include <stdio.h>

#include "view/standbystate.h"
#include "wal/walformat.h"

/* Page headers begin at multiples of the smallest block size there is (configure). */
#define BLOCK_SIZE_MIN 1024

static const char *const names[] = {
	[STANDBY_STARTUP] = "startup",
	[STANDBY_IDLE] = "idle",
	[STANDBY_CATCHUP] = "catchup",
	[STANDBY_STREAMING] = "streaming",
	[STANDBY_PAUSED] = "paused",
	[STANDBY_HALTED] = "halted",
	[STANDBY_STALLED] = "stalled",
};

const char *
standbystate_name(StandbyState state)
{
	return names[state];
}

bool
standbystate_is_standby(const BoardView *view)
{
	switch (view->state)
	{
		case CELL_STARTUP:
		case CELL_IDLE:
		case CELL_CATCHUP:
		case CELL_STREAMING:
		case CELL_PAUSED:
			return view->status.rule[0] != '\0';
		default:
			return false;
	}
}

static StandbyState
state_of_cell(CellState state)
{
	switch (state)
	{
		case CELL_CATCHUP:
			return STANDBY_CATCHUP;
		case CELL_STREAMING:
			return STANDBY_STREAMING;
		case CELL_PAUSED:
			return STANDBY_PAUSED;
		case CELL_IDLE:
			return STANDBY_IDLE;
		default:
			return STANDBY_STARTUP;
	}
}

/*
 * A standby that has applied all up to the end of a page has nothing to do with the
 * header behind it.
 */
bool
standbystate_is_behind(const BoardStatus *status)
{
	Lsn reached = board_reached(status);
	Lsn header = reached % BLOCK_SIZE_MIN == 0 ? WAL_LONG_HEADER_SIZE : 0;

	return status->sent > reached + header;
}

static void
set_reason(StandbyVerdict *v, const char *reason)
{
	snprintf(v->reason, sizeof(v->reason), "%s", reason);
}

static void
set_stalled(StandbyVerdict *v, const BoardStatus *status, int64_t now)
{
	bool applies = status->apply != InvalidLsn;
	Lsn reached = board_reached(status);

	v->state = STANDBY_STALLED;
	v->since = status->progress_time;
	snprintf(v->reason, sizeof(v->reason),
		"%s has not moved for %" PRId64 " s at " LSN_FORMAT
		", although WAL up to " LSN_FORMAT " has been sent",
		applies ? "replay" : "writing", (now - status->progress_time) / 1000000,
		LSN_ARGS(reached), LSN_ARGS(status->sent));
}

static void
set_silent(StandbyVerdict *v, int64_t heard, int64_t now)
{
	v->state = STANDBY_STALLED;
	v->since = heard;
	snprintf(v->reason, sizeof(v->reason),
		"takes no WAL: has said nothing for %" PRId64 " s",
		(now - heard) / 1000000);
}

/* Whoever has not said anything yet has been silent since its stream began. */
static void
judge_stream(StandbyVerdict *v, const BoardStatus *status, int64_t now)
{
	int64_t heard = Max(status->reply_time, status->state_since);
	int64_t moved = status->progress_time;

	if (!standbystate_is_behind(status))
		return;
	if (heard != 0 && now - heard >= STANDBY_SILENCE_US)
		set_silent(v, heard, now);
	else if (moved != 0 && status->reply_time - moved >= STANDBY_STALL_US)
		set_stalled(v, status, now);
}

StandbyVerdict
standbystate_judge(const BoardView *view, const Halt *halt, int64_t now)
{
	const BoardStatus *status = &view->status;
	StandbyVerdict v = {
		.state = state_of_cell(view->state), .since = status->state_since};

	set_reason(&v, status->reason);
	if (status->halted)
		v.state = STANDBY_HALTED;
	else if (halt != NULL)
		v = standbystate_judge_absent(halt);
	else if (view->state == CELL_CATCHUP || view->state == CELL_STREAMING)
		judge_stream(&v, status, now);
	return v;
}

StandbyVerdict
standbystate_judge_absent(const Halt *halt)
{
	StandbyVerdict v = {.state = STANDBY_HALTED, .since = halt->time};

	set_reason(&v, halt->reason);
	return v;
}

bool
standbystate_halt_is_over(const Halt *halt, const BoardView *view, int64_t now)
{
	if (view != NULL && !view->status.halted && board_is_stream(view->state) &&
		view->status.sent > halt->lsn)
		return true;
	return now - halt->time >= STANDBY_HALT_MEMORY_US;
}
