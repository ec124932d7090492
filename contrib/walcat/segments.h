/*
 * segments.h
 *		The files to be read: which segments they are, of which timelines, and
 *		that none is missing in between.
 */
#ifndef WALCAT_SEGMENTS_H
#define WALCAT_SEGMENTS_H

#include "base.h"

#include "util/errinfo.h"
#include "wal/page.h"

/* A segment's name with ".partial" behind it. */
#define SEGMENT_NAME_SIZE (WAL_FILE_NAME_SIZE + 8)

typedef struct Segment
{
	char *path;
	char name[SEGMENT_NAME_SIZE]; /* of the file, without its directory */
	bool is_partial;              /* by its name: pg_receivewal was at it */
	TimeLineId tli;               /* by its name */
	Lsn start;
	uint32_t size; /* of the file; less than a segment: only in the last one */
} Segment;

typedef struct Segments
{
	Segment *items; /* by timeline, then by position, without gaps */
	size_t count;
	WalGeometry geometry;
	const WalVersion *version;
} Segments;

/*
 * Look at the files, and at what is in the directories.  Segments that have never
 * been written, as a server keeps them for later, are left out where nothing comes
 * behind them.
 */
MUST_CHECK bool segments_find(
	Segments *segments, char **paths, size_t count, ErrInfo *err);
void segments_clear(Segments *segments);

/* How many segments from the i-th on are of its timeline. */
size_t segments_run(const Segments *segments, size_t i);

/* Read all that there is of n bytes at offset; *got may be less at the file's end. */
MUST_CHECK bool segments_read(const Segment *segment, int fd, uint32_t offset,
	uint8_t *dst, size_t n, size_t *got, ErrInfo *err);
/* Open it for reading; -1, with err, on failure. */
MUST_CHECK int segments_open(const Segment *segment, ErrInfo *err);

/*
 * Whether the page at lsn, of which there are n bytes, has not been written since
 * the segment was made: zeros, or what an earlier segment had there whose file has
 * been used again.
 */
bool segments_page_is_unused(
	const Segments *segments, Lsn lsn, const uint8_t *page, size_t n);

/*
 * The first page of a segment at from or behind it that is what should be there, in
 * *page; InvalidLsn if there is none.
 */
MUST_CHECK bool segments_find_page(const Segments *segments,
	const Segment *segment, Lsn from, Lsn *page, ErrInfo *err);

#endif /* WALCAT_SEGMENTS_H */
