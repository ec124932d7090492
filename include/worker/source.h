/*
 * source.h
 *		Where a worker reads WAL from: the ring, or, for what the ring no longer
 *		has, a replication connection of its own.  The two are changed over by LSN
 *		alone; the standby notices nothing.
 */
#ifndef WORKER_SOURCE_H
#define WORKER_SOURCE_H

#include "base.h"

#include "process/child.h"
#include "shm/facts.h"
#include "util/errinfo.h"
#include "util/lsn.h"

typedef struct Source Source;

typedef enum SourceStatus
{
	SOURCE_OK,
	SOURCE_WAIT, /* nothing now: wait for source_fd(), a wake-up, source_timeout_ms() */
	SOURCE_END_OF_TIMELINE, /* see source_next_timeline() */
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
 * so (or if the ring will have it).  For a timeline that the ring is not on.
 */
MUST_CHECK SourceStatus source_probe(Source *src, Lsn lsn, ErrInfo *err);

/* After SOURCE_END_OF_TIMELINE: which timeline follows, and where it begins. */
void source_next_timeline(const Source *src, TimeLineId *tli, Lsn *start);

/* Whether the last read was served, or would be, by the ring. */
bool source_on_ring(const Source *src);

/* What to wait for besides a wake-up; -1 and 0 for nothing. */
int source_fd(const Source *src, short *events);
int source_timeout_ms(const Source *src); /* -1: no limit */

#endif /* WORKER_SOURCE_H */
