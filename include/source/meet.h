/*
 * meet.h
 *		Get to a server, and find out whether it can be the upstream: for the
 *		reader, for an operator who wants to move there, and for whoever goes there
 *		besides.
 */
#ifndef SOURCE_MEET_H
#define SOURCE_MEET_H

#include "base.h"

#include <libpq-fe.h>

#include "conf/option.h"
#include "shm/facts.h"
#include "shm/ring.h"
#include "source/position.h"
#include "util/errinfo.h"
#include "wal/history.h"

/* What the reader is called on the upstream, unless the conninfo has a name. */
#define MEET_APPLICATION_NAME "walbouncer"

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
 * with the timeline of position in its history, and with the WAL that is here: it has
 * as much of it as belongs to its history, and the same as far as that can be compared
 * (overlap.h).
 */
MUST_CHECK bool meet_upstream(const Config *config, const Ring *ring,
	const Position *position, Upstream *up, ErrInfo *err);

/*
 * Hold one that has been met to WAL whose end was not known then, as meet_upstream()
 * does.
 */
MUST_CHECK bool meet_position(const Config *config, const Ring *ring,
	const Position *position, Upstream *up, ErrInfo *err);

/*
 * Whether the server at an idle connection is one, too: the place where the reader has
 * found the upstream may lead elsewhere by now.  For those who have a connection of
 * their own.
 */
MUST_CHECK bool meet_check(
	const Config *config, PGconn *conn, const Ring *ring, ErrInfo *err);

#endif /* SOURCE_MEET_H */
