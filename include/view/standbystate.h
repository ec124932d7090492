/*
 * standbystate.h
 *		How a standby is: the one judgement that the console, the alarms and the
 *		monitor share.  Pure functions of what is on the board.
 */
#ifndef VIEW_STANDBYSTATE_H
#define VIEW_STANDBYSTATE_H

#include "base.h"

#include "shm/board.h"
#include "shm/control.h"

/*
 * A standby that has said something in the meantime, and has not got any further for
 * so long though it has more to do, is stalled.
 */
#define STANDBY_STALL_US (INT64_C(10) * 1000 * 1000)
/*
 * And so is one that has been silent for so long.  It is more than PostgreSQL's
 * default of wal_receiver_status_interval, 10 s, at which one speaks that is busy.
 */
#define STANDBY_SILENCE_US (INT64_C(15) * 1000 * 1000)
/* One that has been halted and has not come again for so long is forgotten. */
#define STANDBY_HALT_MEMORY_US (INT64_C(3600) * 1000 * 1000)

typedef enum StandbyState
{
	STANDBY_STARTUP,
	STANDBY_IDLE,
	STANDBY_CATCHUP,
	STANDBY_STREAMING,
	STANDBY_PAUSED,
	STANDBY_HALTED,
	STANDBY_STALLED
} StandbyState;

typedef struct StandbyVerdict
{
	StandbyState state;
	int64_t since;                 /* a pg_timestamp; 0: not known */
	char reason[BOARD_ALARM_SIZE]; /* in plain words; "" if there is none */
} StandbyVerdict;

/* "streaming", ... */
const char *standbystate_name(StandbyState state);

/* Whether a cell is that of a worker with a standby. */
bool standbystate_is_standby(const BoardView *view);

/* Whether it has been sent more than it has got through with. */
bool standbystate_is_behind(const BoardStatus *status);

/*
 * How a standby is.  halt is what is on record of it, or NULL; now is a pg_timestamp.
 */
StandbyVerdict standbystate_judge(
	const BoardView *view, const Halt *halt, int64_t now);
/* The same for one that is not connected. */
StandbyVerdict standbystate_judge_absent(const Halt *halt);

/*
 * Whether a halt is history: the standby streams from behind it, or it has not come
 * again for STANDBY_HALT_MEMORY_US.  view is the standby's, or NULL.
 */
bool standbystate_halt_is_over(
	const Halt *halt, const BoardView *view, int64_t now);

#endif /* VIEW_STANDBYSTATE_H */
