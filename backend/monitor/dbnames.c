/*
 * dbnames.c
 *		The names of the upstream's databases.  See dbnames.h.
 *
 *		idle -> connecting -> asking -> idle
 *
 * libpq is driven by the event loop from its first byte.  It looks up no names of
 * hosts: the reader has found out the address of its server.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exitcode.h"
#include "monitor/dbnames.h"
#include "process/pgconn.h"
#include "util/log.h"
#include "util/monotime.h"

#define PAUSE_MS 60000 /* between two attempts */
#define TIMEOUT_S 10   /* of all of one */

/* Far more than are told apart; an answer must not grow without bound. */
#define QUERY                                                                  \
	"SELECT d.oid, d.datname, "                                                \
	"(SELECT system_identifier FROM pg_catalog.pg_control_system()) "          \
	"FROM pg_catalog.pg_database d ORDER BY d.oid LIMIT 20000"

static struct
{
	struct event_base *base;
	const ChildContext *ctx;
	struct event *io;
	struct event *timeout;
	PGconn *conn; /* NULL: idle */
	bool is_connected;
	uint64_t system_identifier; /* that it has to be of */
	int64_t tried_ms;           /* 0: never */
	PGresult *names;            /* oid, name; ascending.  NULL: none */
	ErrInfo last_error;
} dbnames;

static void on_io(evutil_socket_t fd, short what, void *arg);

static void
finish(void)
{
	/* libpq closes the socket: the event must not be on it any more */
	event_del(dbnames.io);
	evtimer_del(dbnames.timeout);
	PQfinish(dbnames.conn);
	dbnames.conn = NULL;
	dbnames.is_connected = false;
}

/* The same again is no news. */
static void
fail(ErrInfo *err)
{
	bool is_new = strcmp(err->message, dbnames.last_error.message) != 0;

	finish();
	dbnames.last_error = *err;
	errinfo_hint(
		err, "WAL is counted by the OIDs of databases that have no name yet.");
	log_err(is_new ? LOG_WARNING : LOG_DEBUG1, err);
}

static void
fail_conn(const PGresult *result, const char *what)
{
	ErrInfo err;

	pgconn_error(dbnames.conn, result, what, &err);
	fail(&err);
}

/* libpq may have gone on to another socket. */
static void
wait_for(short events)
{
	event_assign(
		dbnames.io, dbnames.base, PQsocket(dbnames.conn), events, on_io, NULL);
	event_add(dbnames.io, NULL);
}

static void
take_answer(void)
{
	PGresult *result = PQgetResult(dbnames.conn);
	ErrInfo err;

	if (result == NULL || PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		fail_conn(result, "could not get names of databases from upstream");
		PQclear(result);
		return;
	}
	if (PQntuples(result) == 0 || strtoull(PQgetvalue(result, 0, 2), NULL,
									  10) != dbnames.system_identifier)
	{
		errinfo_set(&err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"could not get names of databases from upstream: "
			"it is of another database system");
		fail(&err);
		PQclear(result);
		return;
	}
	PQclear(dbnames.names);
	dbnames.names = result;
	errinfo_clear(&dbnames.last_error);
	finish();
}

/* The query goes out, its answer comes in. */
static void
go_on_asking(void)
{
	int unsent = PQflush(dbnames.conn);

	if (unsent < 0 || !PQconsumeInput(dbnames.conn))
		fail_conn(NULL, "lost connection to upstream");
	else if (PQisBusy(dbnames.conn))
		wait_for(unsent > 0 ? EV_READ | EV_WRITE : EV_READ);
	else
		take_answer();
}

static void
go_on_connecting(void)
{
	switch (pgconn_poll(dbnames.conn))
	{
		case PGRES_POLLING_READING:
			wait_for(EV_READ);
			break;
		case PGRES_POLLING_OK:
			dbnames.is_connected = true;
			if (PQsetnonblocking(dbnames.conn, 1) == 0 &&
				PQsendQuery(dbnames.conn, QUERY))
				go_on_asking();
			else
				fail_conn(NULL, "could not send to upstream");
			break;
		case PGRES_POLLING_FAILED:
			fail_conn(NULL, "could not connect to upstream");
			break;
		default:
			wait_for(EV_WRITE);
	}
}

static void
on_io(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	if (dbnames.is_connected)
		go_on_asking();
	else
		go_on_connecting();
}

static void
on_timeout(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	ErrInfo err;

	errinfo_set(&err, SQLSTATE_CONNECTION_FAILURE,
		"could not get names of databases from upstream: no answer");
	fail(&err);
}

void
dbnames_init(struct event_base *base, const ChildContext *ctx)
{
	dbnames.base = base;
	dbnames.ctx = ctx;
	dbnames.io = event_new(base, -1, 0, on_io, NULL);
	dbnames.timeout = evtimer_new(base, on_timeout, NULL);
	if (dbnames.io == NULL || dbnames.timeout == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
}

bool
dbnames_ask(void)
{
	static Facts facts;
	struct timeval tv = {.tv_sec = TIMEOUT_S};
	int64_t now = monotime_ms();
	ErrInfo err;

	if (dbnames.conn != NULL ||
		(dbnames.tried_ms != 0 && now - dbnames.tried_ms < PAUSE_MS) ||
		!facts_get(&facts))
		return false;
	dbnames.tried_ms = now;
	dbnames.system_identifier = facts.system_identifier;
	dbnames.conn = pgconn_start(dbnames.ctx->config, PGCONN_SQL,
		"walbouncer_monitor", true, &facts, &err);
	if (dbnames.conn == NULL)
	{
		fail(&err);
		return false;
	}
	evtimer_add(dbnames.timeout, &tv);
	/* as the start of pgconn_poll() is to be driven */
	wait_for(EV_WRITE);
	return true;
}

const char *
dbnames_find(Oid oid)
{
	int low = 0;
	int high = PQntuples(dbnames.names);

	while (low < high)
	{
		int middle = low + (high - low) / 2;
		Oid at = (Oid) strtoul(PQgetvalue(dbnames.names, middle, 0), NULL, 10);

		if (at == oid)
			return PQgetvalue(dbnames.names, middle, 1);
		if (at < oid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
