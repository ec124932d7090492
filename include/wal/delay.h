/*
 * delay.h
 *		How far WAL may go out when each commit waits until it is of a certain age,
 *		as recovery_min_apply_delay has it on a standby.
 *
 * Commits are noted as they are met; what is asked is where sending has to stop now.
 * Times are PostgreSQL's: microseconds since 2000-01-01 UTC.
 */
#ifndef WAL_DELAY_H
#define WAL_DELAY_H

#include "base.h"

#include "util/lsn.h"
#include "wal/page.h"
#include "wal/record.h"

typedef struct DelayCommit
{
	Lsn lsn; /* where its record begins */
	int64_t time;
} DelayCommit;

/* All zero is one without commits. */
typedef struct Delay
{
	DelayCommit
		*commits; /* ascending by lsn; those before "first" have gone out */
	size_t first;
	size_t count;
	size_t cap;
} Delay;

void delay_clear(Delay *d);
/* The WAL is looked at anew. */
void delay_reset(Delay *d);

/*
 * Whether the record makes a transaction visible, and when that was committed:
 * COMMIT and COMMIT PREPARED (xlogrecovery.c, recoveryApplyDelay; in xlog.c up to
 * PostgreSQL 14).
 */
MUST_CHECK bool delay_commit_time(const RecordHead *head, int64_t *time);

/* When it is delay_ms old. */
int64_t delay_due(int64_t time, int delay_ms);

/* The record of a commit begins at lsn, behind all before. */
void delay_note(Delay *d, Lsn lsn, int64_t time);

#define DELAY_NOTHING_HELD UINT64_MAX

/*
 * Everything before sent has gone out.  Where sending has to stop, now that commits
 * wait until they are delay_ms old: where the first one that is younger begins, or
 * the page that it is the first thing on.  *until is when it has the age.
 * DELAY_NOTHING_HELD if there is none in what has been noted.
 */
MUST_CHECK Lsn delay_limit(Delay *d, const WalGeometry *geometry, Lsn sent,
	int delay_ms, int64_t now, int64_t *until);

#endif /* WAL_DELAY_H */
