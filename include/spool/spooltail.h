/*
 * spooltail.h
 *		How far a partial segment is good, after a crash.
 */
#ifndef SPOOL_SPOOLTAIL_H
#define SPOOL_SPOOLTAIL_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/page.h"

/*
 * Read the size bytes of the segment that begins at start, from its beginning.
 * *end is set behind the last record whose checksum is right: what comes there is
 * asked for once more.  It is start where no record can be recognised, as in WAL of
 * a major that we do not know, or in the middle of a very long one.
 *
 * before_fd is the segment before it, for the beginning of the record that goes over
 * start.  Without it (-1), or if it does not fit, the rest of that record passes if
 * nothing in it looks like a hole.
 *
 * False, with err, only if the file cannot be read.
 */
MUST_CHECK bool spooltail_find(int fd, const char *path, Lsn start,
	int64_t size, int before_fd, const WalGeometry *geometry, Lsn *end,
	ErrInfo *err);

#endif /* SPOOL_SPOOLTAIL_H */
