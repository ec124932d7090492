/*
 * history.h
 *		Timelines: which led to which, and where each ended.
 *
 * A history file names the ancestors of a timeline, the oldest first, and where
 * each of them was left (timeline.c, readTimeLineHistory).  The timelines of one
 * file are a line: each LSN belongs to one of them.
 */
#ifndef WAL_HISTORY_H
#define WAL_HISTORY_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"

/* Far more than anybody has: each failover adds one. */
#define HISTORY_ANCESTORS_MAX 512

#define HISTORY_FILE_NAME_SIZE 17

typedef struct HistoryAncestor
{
	TimeLineId tli;
	Lsn end; /* the first byte that is not on it any more */
} HistoryAncestor;

typedef struct History
{
	TimeLineId tli; /* the latest; 0: nothing is known */
	size_t count;
	HistoryAncestor ancestors[HISTORY_ANCESTORS_MAX];
} History;

/*
 * Read the text of the history file of tli; timeline 1 has none (len 0).  False,
 * with err (XX001), if it is not one.
 */
MUST_CHECK bool history_parse(
	History *h, TimeLineId tli, const char *text, size_t len, ErrInfo *err);

/* Whether tli is in the line; then *end is where it ends, UINT64_MAX for the latest. */
MUST_CHECK bool history_end(const History *h, TimeLineId tli, Lsn *end);

/* Where tli, which is in the line, begins: 0 for the first. */
Lsn history_begin(const History *h, TimeLineId tli);

/* The timeline behind tli, which is in the line and not the latest. */
TimeLineId history_next(const History *h, TimeLineId tli);

/* The timeline that lsn is on. */
TimeLineId history_at(const History *h, Lsn lsn);

/* "0000000A.history" */
void history_file_name(TimeLineId tli, char name[HISTORY_FILE_NAME_SIZE]);

#endif /* WAL_HISTORY_H */
