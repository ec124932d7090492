/*
 * pgconn.h
 *		Connections to the upstream: libpq, with everything that a conninfo can
 *		say, for the reader and for those workers that need one of their own.
 */
#ifndef PROCESS_PGCONN_H
#define PROCESS_PGCONN_H

#include "base.h"

#include <libpq-fe.h>

#include "conf/option.h"
#include "shm/facts.h"
#include "util/errinfo.h"

typedef enum PgConnKind
{
	PGCONN_REPLICATION, /* a physical walsender */
	PGCONN_SQL          /* upstream.catalog_database */
} PgConnKind;

/*
 * libpq may wait long: for names to be looked up, and in pgconn_connect for the
 * upstream.  TERM ends the process at once then.  The other functions that wait come
 * back, with 08006, when it is to stop.
 */

/*
 * Begin to connect, without waiting: drive with pgconn_poll().  application
 * becomes fallback_application_name, unless force_application is set: then it is
 * the name, whatever the conninfo says (so that only the reader can be meant by
 * synchronous_standby_names).  pin, if not NULL, names the server that the reader
 * is connected to; a conninfo of several hosts is then narrowed to that one.
 *
 * NULL, with err, if the conninfo is no good or memory ran out.
 */
MUST_CHECK PGconn *pgconn_start(const Config *config, PgConnKind kind,
	const char *application, bool force_application, const Facts *pin,
	ErrInfo *err);

/* PQconnectPoll(). */
PostgresPollingStatusType pgconn_poll(PGconn *conn);

/*
 * As pgconn_start, and wait.  libpq does the waiting, host by host, with
 * connect_timeout; where neither conninfo nor environment set one, it is 10 s.
 */
MUST_CHECK PGconn *pgconn_connect(const Config *config, PgConnKind kind,
	const char *application, bool force_application, const Facts *pin,
	ErrInfo *err);

/*
 * The i-th of several hosts of the conninfo, as a pin.  False if there is none, or
 * the conninfo names only one.
 */
MUST_CHECK bool pgconn_host_at(const Config *config, int i, Facts *pin);

/*
 * Wait once for more from the upstream, and take it in.  False, with err (08006), if
 * the connection fails, if it is deadline_ms by the monotonic clock, or if we are to
 * stop.
 */
MUST_CHECK bool pgconn_wait(PGconn *conn, int64_t deadline_ms, ErrInfo *err);

/*
 * Run one command and wait at most timeout_ms for its (first) result.  NULL, with
 * err, if it fails in any way; the caller clears the result.  A result in COPY
 * mode is returned as it is.
 */
MUST_CHECK PGresult *pgconn_exec(
	PGconn *conn, const char *command, int timeout_ms, ErrInfo *err);

/*
 * The next result of what is under way, waiting for at most timeout_ms.  NULL if
 * there is none any more, or if it did not come: err has an SQLSTATE then.
 */
MUST_CHECK PGresult *pgconn_next_result(
	PGconn *conn, int timeout_ms, ErrInfo *err);

/*
 * What a failed result (or, if it is NULL, the connection) says, into err:
 * SQLSTATE, message, detail and hint are the upstream's.  what is put in front.
 */
void pgconn_error(
	PGconn *conn, const PGresult *result, const char *what, ErrInfo *err);

#endif /* PROCESS_PGCONN_H */
