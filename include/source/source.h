/*
 * source.h
 *		Where WAL is read from, by a worker or the spooler: the ring; the spool; a
 *		replication connection of the process's own; what wal_fetch_command brings.
 *		They are tried in this order, and changed over by LSN alone; the standby
 *		notices nothing.
 */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base.h"

#include "process/child.h"
#include "shm/board.h"
#include "util/errinfo.h"
#include "util/lsn.h"

typedef struct Source Source;

typedef enum SourceStatus
{
	SOURCE_OK,
	SOURCE_WAIT, /* nothing now: wait for source_fd(), a wake-up, source_timeout_ms() */
	SOURCE_END_OF_TIMELINE, /* see source_next_timeline() */
	SOURCE_BEYOND_TIMELINE, /* it ended before lsn; err, source_next_timeline() */
	SOURCE_FAILED           /* nobody has it; err is for the standby */
} SourceStatus;

/* For WAL of one timeline. */
Source *source_new(ChildContext *ctx, TimeLineId tli);
void source_free(Source *src);

/*
 * Copy WAL that begins at lsn: *got is set to 1..cap on SOURCE_OK.
 */
MUST_CHECK SourceStatus source_read(
	Source *src, Lsn lsn, uint8_t *dst, size_t cap, size_t *got, ErrInfo *err);

/*
 * Find out whether WAL from lsn on can be had, before any is read: SOURCE_OK if
 * so (or if the ring will have it).
 */
MUST_CHECK SourceStatus source_probe(Source *src, Lsn lsn, ErrInfo *err);

/*
 * Whether a standby that has WAL up to lsn is past the end of the timeline, as far as
 * is known: err says so, with both LSNs.
 */
MUST_CHECK bool source_is_beyond(Source *src, Lsn lsn, ErrInfo *err);

/* Behind the end of a timeline: which one follows, and where it begins. */
void source_next_timeline(const Source *src, TimeLineId *tli, Lsn *start);

/* Whether the last read was served, or would be, by the ring. */
bool source_on_ring(const Source *src);
/* Where the last read was served, or is waited for; BOARD_SOURCE_NONE before it. */
BoardSource source_place(const Source *src);

/* What to wait for besides a wake-up; -1 and 0 for nothing. */
int source_fd(const Source *src, short *events);
int source_timeout_ms(const Source *src); /* -1: no limit */

#endif /* SOURCE_SOURCE_H */
