/*
 * upstream.h
 *		Get to the upstream, find out what it is, and ask it to stream.
 */
#ifndef READER_UPSTREAM_H
#define READER_UPSTREAM_H

#include "base.h"

#include <libpq-fe.h>

#include "conf/option.h"
#include "shm/facts.h"
#include "shm/ring.h"
#include "util/errinfo.h"
#include "wal/history.h"

/* Where the WAL that is here ends; tli 0: there is none. */
typedef struct Position
{
	TimeLineId tli;
	Lsn lsn;
} Position;

/* A server that we are connected to. */
typedef struct Upstream
{
	PGconn *conn; /* NULL: none */
	Facts facts;
	History line; /* of facts */
	Lsn end;      /* how far its WAL went when it was asked */
} Upstream;

/*
 * Connect, and find out what it is.  False, with err, if no server of the conninfo
 * can be reached, or none is what the standbys hang on: the same database system,
 * with the timeline of position in its history.
 */
MUST_CHECK bool upstream_connect(
	const Config *config, const Position *position, Upstream *up, ErrInfo *err);

/*
 * Begin to stream at position; on the timeline that follows, where that has ended.
 * Where there is no position (or anew is set), at the start of the segment that
 * up->end is in, as far as the ring can hold it.  position becomes what is streamed,
 * and the ring is put there.
 */
MUST_CHECK bool upstream_start_streaming(Upstream *up, const Config *config,
	Ring *ring, Position *position, bool anew, ErrInfo *err);

/*
 * Keep the histories of the upstream's timelines in the spool: standbys ask for
 * them.  One that the upstream does not have is not kept either.
 */
MUST_CHECK bool upstream_keep_histories(
	const Config *config, const Upstream *up, ErrInfo *err);

#endif /* READER_UPSTREAM_H */
