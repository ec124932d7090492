/*
 * enquiry.c
 *		A connection to the upstream for a question.  See enquiry.h.
 */
#include "base.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/signals.h"
#include "shm/board.h"
#include "shm/facts.h"
#include "source/meet.h"
#include "util/monotime.h"
#include "worker/enquiry.h"

/* In which a reader that starts with us, or goes elsewhere, has connected. */
#define READER_MS 5000
#define READER_POLL_MS 50
#define ANSWER_MS 10000

/*
 * Everybody may ask this.  The timeline of the latest checkpoint is older than that
 * of the WAL after a promotion; where a standby is cannot be asked at all.
 *
 * Two servers of a cluster can be on the same timeline, and have given a number to two
 * databases: the one that counts is that which serves the reader.
 */
#define IDENTITY                                                               \
	"SELECT c.system_identifier, CASE WHEN NOT "                               \
	"pg_catalog.pg_is_in_recovery() "                                          \
	"THEN pg_catalog.substr(pg_catalog.pg_walfile_name("                       \
	"pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END, "                     \
	"EXISTS (SELECT 1 FROM pg_catalog.pg_stat_replication r "                  \
	"WHERE r.pid = %d) "                                                       \
	"FROM pg_catalog.pg_control_system() c"

/* meet_check() for a connection that understands no replication commands. */
static bool
check_by_sql(PGconn *conn, const Facts *facts, ErrInfo *err)
{
	char query[sizeof(IDENTITY) + 16];
	PGresult *row;
	uint64_t system_identifier;
	TimeLineId tli;
	bool serves_reader;

	snprintf(query, sizeof(query), IDENTITY, facts->backend_pid);
	row = pgconn_exec(conn, query, ANSWER_MS, err);
	if (row == NULL)
		return false;
	if (PQntuples(row) != 1 || PQnfields(row) != 3)
	{
		PQclear(row);
		return errinfo_set(
			err, SQLSTATE_PROTOCOL_VIOLATION, "invalid answer from upstream");
	}
	system_identifier = strtoull(PQgetvalue(row, 0, 0), NULL, 10);
	tli = PQgetisnull(row, 0, 1)
			  ? facts->tli
			  : (TimeLineId) strtoul(PQgetvalue(row, 0, 1), NULL, 16);
	serves_reader = PQgetvalue(row, 0, 2)[0] == 't';
	PQclear(row);
	if (system_identifier != facts->system_identifier)
		return errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"upstream is another database system: %" PRIu64, system_identifier);
	if (tli != facts->tli)
		return errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
			"upstream is on timeline %u, and was on timeline %u", tli,
			facts->tli);
	return serves_reader ||
		   errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
			   "the server at %s port %s is not the one that the reader is on",
			   facts->host, facts->port);
}

/* Once.  57P03: not now. */
static PGconn *
try_connect(
	ChildContext *ctx, PgConnKind kind, const char *application, ErrInfo *err)
{
	PGconn *conn;
	Facts facts;

	if (!facts_get(&facts) || !facts_has_place(&facts))
	{
		errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
			"the upstream server has not been reached yet");
		return NULL;
	}
	conn = pgconn_connect(ctx->config, kind, application, true, &facts, err);
	if (conn == NULL)
		return NULL;
	if (kind == PGCONN_SQL ? check_by_sql(conn, &facts, err)
						   : meet_check(ctx->config, conn, ctx->ring, err))
		return conn;
	PQfinish(conn);
	return NULL;
}

PGconn *
enquiry_connect(
	ChildContext *ctx, PgConnKind kind, const char *application, ErrInfo *err)
{
	int64_t until = monotime_ms() + READER_MS;
	PGconn *conn;

	while ((conn = try_connect(ctx, kind, application, err)) == NULL &&
		   strcmp(err->sqlstate, SQLSTATE_CANNOT_CONNECT_NOW) == 0 &&
		   !signals_stop_requested() && monotime_ms() < until)
	{
		struct pollfd fd = {.fd = board_wake_fd(), .events = POLLIN};

		poll(&fd, 1, READER_POLL_MS);
		board_sleep_end();
	}
	return conn;
}
