/*
 * enquiry.c
 *		A connection to the upstream for a question.  See enquiry.h.
 */
#include "base.h"

#include <poll.h>
#include <stdlib.h>

#include "process/signals.h"
#include "shm/board.h"
#include "shm/facts.h"
#include "source/meet.h"
#include "util/monotime.h"
#include "worker/enquiry.h"

#define READER_MS 2000 /* in which one that starts with us has connected */
#define READER_POLL_MS 50
#define ANSWER_MS 10000

/*
 * Everybody may ask this.  The timeline of the latest checkpoint is older than that
 * of the WAL after a promotion; where a standby is cannot be asked at all.
 */
#define IDENTITY                                                               \
	"SELECT c.system_identifier, CASE WHEN NOT "                               \
	"pg_catalog.pg_is_in_recovery() "                                          \
	"THEN pg_catalog.substr(pg_catalog.pg_walfile_name("                       \
	"pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END "                      \
	"FROM pg_catalog.pg_control_system() c"

static bool
find_upstream(Facts *facts, ErrInfo *err)
{
	int64_t until = monotime_ms() + READER_MS;

	while (!facts_get(facts) || !facts_has_place(facts))
	{
		struct pollfd fd = {.fd = board_wake_fd(), .events = POLLIN};

		if (signals_stop_requested() || monotime_ms() >= until)
			return errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
				"the upstream server has not been reached yet");
		poll(&fd, 1, READER_POLL_MS);
		board_sleep_end();
	}
	return true;
}

/* meet_check() for a connection that understands no replication commands. */
static bool
check_by_sql(PGconn *conn, const Facts *facts, ErrInfo *err)
{
	PGresult *row = pgconn_exec(conn, IDENTITY, ANSWER_MS, err);
	uint64_t system_identifier;
	TimeLineId tli;

	if (row == NULL)
		return false;
	if (PQntuples(row) != 1 || PQnfields(row) != 2)
	{
		PQclear(row);
		return errinfo_set(
			err, SQLSTATE_PROTOCOL_VIOLATION, "invalid answer from upstream");
	}
	system_identifier = strtoull(PQgetvalue(row, 0, 0), NULL, 10);
	tli = PQgetisnull(row, 0, 1)
			  ? facts->tli
			  : (TimeLineId) strtoul(PQgetvalue(row, 0, 1), NULL, 16);
	PQclear(row);
	if (system_identifier != facts->system_identifier)
		return errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"upstream is another database system: %" PRIu64, system_identifier);
	if (tli != facts->tli)
		return errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
			"upstream is on timeline %u, and was on timeline %u", tli,
			facts->tli);
	return true;
}

PGconn *
enquiry_connect(
	ChildContext *ctx, PgConnKind kind, const char *application, ErrInfo *err)
{
	PGconn *conn;
	Facts facts;

	if (!find_upstream(&facts, err))
		return NULL;
	conn = pgconn_connect(ctx->config, kind, application, true, &facts, err);
	if (conn == NULL)
		return NULL;
	if (kind == PGCONN_SQL ? check_by_sql(conn, &facts, err)
						   : meet_check(ctx->config, conn, ctx->ring, err))
		return conn;
	PQfinish(conn);
	return NULL;
}
