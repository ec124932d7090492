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

/*
 * Connect, and learn all that Facts has, and how far its WAL goes.  NULL, with
 * err, if it cannot be reached, or is not what the standbys hang on: another
 * database system, or one that is behind on timelines.
 */
MUST_CHECK PGconn *upstream_connect(
	const Config *config, Facts *facts, Lsn *end, ErrInfo *err);

/*
 * Begin to stream where the ring ends; where the ring has nothing to go on from
 * (or anew is set), at the start of the segment that end is in, as far as the
 * ring can hold it.  The ring is reset if need be.
 */
MUST_CHECK bool upstream_start_streaming(PGconn *conn, Ring *ring,
	const Facts *facts, Lsn end, bool anew, ErrInfo *err);

#endif /* READER_UPSTREAM_H */
