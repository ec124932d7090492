/*
 * overlap.h
 *		Whether a server has the WAL that is here.
 */
#ifndef SOURCE_OVERLAP_H
#define SOURCE_OVERLAP_H

#include "base.h"

#include <libpq-fe.h>

#include "conf/option.h"
#include "shm/ring.h"
#include "source/position.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/history.h"

/*
 * Compare the end of the WAL that is here, in the ring or in the spool, as far as the
 * server at conn has it, with what that sends: at most OVERLAP_MAX bytes, of the
 * timeline of position alone.  line is the server's, end how far its WAL goes.  What it
 * has not, or not any more, is not held against it.
 *
 * The connection is idle before and afterwards.  False, with err, if a byte is not
 * the same (55000), or if the connection fails.
 */
#define OVERLAP_MAX (1024 * 1024)
MUST_CHECK bool overlap_check(const Config *config, PGconn *conn,
	const Ring *ring, const Position *position, const History *line, Lsn end,
	ErrInfo *err);

#endif /* SOURCE_OVERLAP_H */
