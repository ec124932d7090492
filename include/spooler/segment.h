/*
 * segment.h
 *		The segment that the spooler is writing.
 */
#ifndef SPOOLER_SEGMENT_H
#define SPOOLER_SEGMENT_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/page.h"

typedef struct Segment
{
	char *state_directory; /* owned */
	WalGeometry geometry;
	int fd; /* -1: none is open */
	TimeLineId tli;
	Lsn written; /* the next byte to be written */
	Lsn synced;  /* all before is on disk for good */
	bool
		unnamed; /* the segment before written is whole, but could not be renamed */
} Segment;

/*
 * Go on where the spool ends: with the latest segment of the latest timeline, as far
 * as that is good.  segment->tli is 0 if there is none.  False, with err, if the disk
 * refuses.
 */
MUST_CHECK bool segment_resume(Segment *segment, ErrInfo *err);

/*
 * Go on elsewhere: lsn is the start of a segment, whose file, if there is one, is
 * written anew.
 */
void segment_move(Segment *segment, TimeLineId tli, Lsn lsn);

/* How many bytes the segment has room for. */
size_t segment_room(const Segment *segment);

/*
 * Append len bytes, no more than there is room for.  A segment that is whole by that
 * is synced and gets its name.  On failure what has been written before stays, and
 * the call can be repeated.
 */
MUST_CHECK bool segment_write(
	Segment *segment, const uint8_t *data, size_t len, ErrInfo *err);

/* All that has been written is on disk for good. */
MUST_CHECK bool segment_sync(Segment *segment, ErrInfo *err);

#endif /* SPOOLER_SEGMENT_H */
