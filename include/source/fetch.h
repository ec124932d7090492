/*
 * fetch.h
 *		WAL segments from wal_fetch_command, one at a time.
 *
 * The command runs beside the worker, which goes on talking to its standby.  The
 * file that it makes lies in the folder "fetch" of state_directory, and only until
 * it is open.
 */
#ifndef SOURCE_FETCH_H
#define SOURCE_FETCH_H

#include "base.h"

#include "process/child.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/page.h"

typedef struct Fetch Fetch;

typedef enum FetchStatus
{
	FETCH_RUNNING,   /* wait for fetch_fd() */
	FETCH_DONE,      /* *fd is a file that is the segment */
	FETCH_NOT_THERE, /* the command said no, or what it brought was not right */
	FETCH_FAILED     /* the command does not work; err is not in the log yet */
} FetchStatus;

/*
 * ctx's configuration is looked at each time that a command is started, so that a
 * reload is in force from the next one on.  Nothing is started here.
 */
Fetch *fetch_new(const ChildContext *ctx, const WalGeometry *geometry);
/* What runs is cancelled. */
void fetch_free(Fetch *f);

/* Whether there is a command at all. */
bool fetch_configured(const Fetch *f);

/*
 * The segment of timeline tli that holds lsn: start the command for it, or look how
 * that is going.  Never waits.  Another segment than before cancels the one before.
 * Once it is not FETCH_RUNNING, the next call starts anew: when to try again is the
 * caller's to say.
 *
 * On FETCH_DONE *fd is open for reading and the caller's.  The file has exactly
 * segment_size bytes, and its first page is that of the segment, of this database
 * system and of no later timeline; nothing else of it has been looked at.  A file
 * that is not like that is told of in the log, and is FETCH_NOT_THERE.
 */
MUST_CHECK FetchStatus fetch_segment(
	Fetch *f, TimeLineId tli, Lsn lsn, int *fd, ErrInfo *err);

/* Readable when the command has ended; -1 if none runs. */
int fetch_fd(const Fetch *f);

/* End what runs, with all its processes, and remove what it has written. */
void fetch_cancel(Fetch *f);

#endif /* SOURCE_FETCH_H */
