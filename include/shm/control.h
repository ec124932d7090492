/*
 * control.h
 *		What the supervisor tells everybody: how the last reload went, and which
 *		standbys were halted.  Written by the supervisor alone.
 */
#ifndef SHM_CONTROL_H
#define SHM_CONTROL_H

#include "base.h"

#include <string.h>

#include "shm/board.h"
#include "util/errinfo.h"

/* The last attempt to read the configuration again. */
typedef struct ReloadOutcome
{
	uint64_t count; /* how many attempts there have been; 0: none */
	bool good;
	int64_t time;      /* of the attempt, a pg_timestamp */
	int64_t good_time; /* of the last good one, the start included */
	ErrInfo err;       /* why it was not good */
} ReloadOutcome;

/* A standby whose stream was stopped because its WAL cannot be filtered. */
typedef struct Halt
{
	char rule[BOARD_NAME_SIZE];
	char user[BOARD_NAME_SIZE];
	char application_name[BOARD_NAME_SIZE];
	char peer[BOARD_NAME_SIZE];
	TimeLineId tli;
	Lsn lsn;      /* what it could not be given begins here */
	int64_t time; /* a pg_timestamp */
	char reason[BOARD_ALARM_SIZE];
} Halt;

#define CONTROL_HALTS_MAX 64

/* Whether a halt is that of the standby whose status this is. */
static inline bool
control_halt_is_of(const Halt *halt, const BoardStatus *status)
{
	return strcmp(halt->rule, status->rule) == 0 &&
		   strcmp(halt->user, status->user) == 0 &&
		   strcmp(halt->application_name, status->application_name) == 0;
}

/* ---- the supervisor ---- */

/* Before the first fork. */
void control_create(void);
void control_reload_begin(void);
void control_reload_done(bool good, const ErrInfo *err);
/*
 * The process of a worker has ended: if its stream was halted that is noted, in the
 * place of an older note of the same standby, or else of the oldest.
 */
void control_worker_ended(const BoardStatus *status);
/* The reader has ended: when it last heard from the upstream is noted. */
void control_reader_ended(const BoardStatus *status);

/* ---- a child ---- */

/* Read-only from here on. */
void control_enter(void);

/* ---- everybody ---- */

pid_t control_supervisor_pid(void);
/* When the supervisor began, a pg_timestamp. */
int64_t control_start_time(void);
/* Attempts that have come to their end, and those that have begun. */
uint64_t control_reload_count(void);
uint64_t control_reloads_begun(void);
ReloadOutcome control_reload_outcome(void);
/*
 * When a reader that has ended last heard from the upstream, a pg_timestamp; 0: none
 * has.
 */
int64_t control_upstream_heard(void);
/* Halts that have been noted, in no order; how many. */
size_t control_halts(Halt halts[CONTROL_HALTS_MAX]);

#endif /* SHM_CONTROL_H */
