/*
 * archive.h
 *		WAL from what wal_fetch_command brings, segment by segment.
 */
#ifndef SOURCE_ARCHIVE_H
#define SOURCE_ARCHIVE_H

#include "base.h"

#include "process/child.h"
#include "source/source.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/history.h"
#include "wal/page.h"

typedef struct Archive Archive;

Archive *archive_new(const ChildContext *ctx, const WalGeometry *geometry);
void archive_free(Archive *archive);

/* Whether it is worth asking for the segment of lsn: it has not said no just now. */
bool archive_may_have(const Archive *archive, Lsn lsn);

/*
 * Copy WAL: *got is 1..cap on SOURCE_OK.  SOURCE_WAIT: the command runs.
 * SOURCE_FAILED: it says no, and err is clear; or it does not work, and err says why.
 */
MUST_CHECK SourceStatus archive_read(Archive *archive, const History *line,
	Lsn lsn, uint8_t *dst, size_t cap, size_t *got, ErrInfo *err);

/* Readable when the command has ended; -1: none runs. */
int archive_fd(const Archive *archive);

/* The segment that is open, or on its way, is not needed any more. */
void archive_leave(Archive *archive);

#endif /* SOURCE_ARCHIVE_H */
