/*
 * scope.c
 *		What the upstream has, for the scope of a session's rule.  See scope.h.
 *
 * SQL gives the first picture; from then on names come from the WAL.  It is asked
 * again only for an OID that neither the journal nor the WAL explains: one that was
 * being created when the standby began, or was dropped before we asked.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/pgconn.h"
#include "state/rulescope.h"
#include "util/log.h"
#include "worker/enquiry.h"
#include "worker/scope.h"

/* Twice this and enquiry_connect() are shorter than a standby's patience (60 s). */
#define QUERY_TIMEOUT_MS 10000

/* How each kind of object is looked up. */
static const struct
{
	const char *label;
	const char *catalog;
	const char *name_column;
	const char *always; /* kept under an include list that does not name it */
} kinds[SCOPE_KIND_COUNT] = {
	[SCOPE_DATABASE] = {"database", "pg_database", "datname",
		"datistemplate OR datname IN ('template0', 'template1')"},
	[SCOPE_TABLESPACE] = {"tablespace", "pg_tablespace", "spcname",
		"spcname IN ('pg_default', 'pg_global')"},
};

static PGconn *
connect_sql(const Session *s, ErrInfo *err)
{
	return enquiry_connect(s->ctx, PGCONN_SQL, "walbouncer_catalog", err);
}

static Oid
get_oid(const PGresult *rows, int row, int column)
{
	return (Oid) strtoul(PQgetvalue(rows, row, column), NULL, 10);
}

static bool
query_objects(PGconn *conn, ScopeKind kind, ScopeObjects *objects, ErrInfo *err)
{
	char query[256];
	PGresult *rows;

	snprintf(query, sizeof(query),
		"SELECT oid, %s, %s, pg_catalog.pg_relation_filenode("
		"'pg_catalog.%s'::pg_catalog.regclass) "
		"FROM pg_catalog.%s ORDER BY oid",
		kinds[kind].name_column, kinds[kind].always, kinds[kind].catalog,
		kinds[kind].catalog);
	rows = pgconn_exec(conn, query, QUERY_TIMEOUT_MS, err);
	if (rows == NULL)
		return false;
	for (int row = 0; row < PQntuples(rows); row++)
	{
		scope_objects_add(objects, kind, get_oid(rows, row, 0),
			PQgetvalue(rows, row, 1), PQgetvalue(rows, row, 2)[0] == 't');
		objects->relfilenumbers[kind] = get_oid(rows, row, 3);
	}
	PQclear(rows);
	return true;
}

static bool
query_all(Session *s, ScopeObjects *objects, ErrInfo *err)
{
	PGconn *conn = connect_sql(s, err);
	bool ok = conn != NULL;

	for (int kind = 0; ok && kind < SCOPE_KIND_COUNT; kind++)
		ok = query_objects(conn, (ScopeKind) kind, objects, err);
	PQfinish(conn);
	if (ok)
		return true;
	errinfo_hint(err,
		"The filter of rule \"%s\" needs an SQL connection to database \"%s\" "
		"of the upstream, by upstream.conninfo.",
		s->rule->name, s->ctx->config->upstream_catalog_database);
	return false;
}

/*
 * Whether the transaction that made an object may still commit, so that its row
 * cannot be seen yet: it runs, or has not been replayed by an upstream that is a
 * standby itself.  To be asked before the row is, or it could commit in between.
 *
 * The transactions of a standby's upstream are not in its pg_locks, but
 * pg_xact_status() knows them (PostgreSQL 13).  It wants the epoch too, which is that
 * of the nearest transaction id that has not ended yet, the snapshot's xmax; and NULL
 * is one that has ended long ago.
 */
static bool
query_in_progress(
	PGconn *conn, uint32_t xid, Lsn lsn, bool *in_progress, ErrInfo *err)
{
	char query[1024];
	PGresult *rows;

	snprintf(query, sizeof(query),
		"SELECT (pg_catalog.pg_is_in_recovery() AND COALESCE("
		"pg_catalog.pg_last_wal_replay_lsn() <= '" LSN_FORMAT
		"'::pg_catalog.pg_lsn, true)) OR CASE "
		"WHEN %u < 3 THEN false "
		"WHEN x.full_xid >= x.xmax THEN true "
		"WHEN x.full_xid < 3 THEN false "
		"ELSE COALESCE(pg_catalog.pg_xact_status("
		"x.full_xid::text::pg_catalog.xid8) = 'in progress', false) END "
		"FROM (SELECT s.xmax, s.xmax + ((%u::bigint - s.xmax %% 4294967296 "
		"+ 6442450944) %% 4294967296) - 2147483648 AS full_xid "
		"FROM (SELECT pg_catalog.pg_snapshot_xmax("
		"pg_catalog.pg_current_snapshot())::text::bigint AS xmax) s) x",
		LSN_ARGS(lsn), xid, xid);
	rows = pgconn_exec(conn, query, QUERY_TIMEOUT_MS, err);
	if (rows == NULL)
		return false;
	*in_progress = PQgetvalue(rows, 0, 0)[0] == 't';
	PQclear(rows);
	return true;
}

static ScopeAnswer
query_name(PGconn *conn, ScopeKind kind, Oid oid, char name[CATALOG_NAME_SIZE],
	ErrInfo *err)
{
	char query[160];
	PGresult *rows;
	bool found;

	snprintf(query, sizeof(query),
		"SELECT %s FROM pg_catalog.%s WHERE oid = %u", kinds[kind].name_column,
		kinds[kind].catalog, oid);
	rows = pgconn_exec(conn, query, QUERY_TIMEOUT_MS, err);
	if (rows == NULL)
		return SCOPE_ANSWER_ERROR;
	found = PQntuples(rows) > 0;
	if (found)
		snprintf(name, CATALOG_NAME_SIZE, "%s", PQgetvalue(rows, 0, 0));
	PQclear(rows);
	return found ? SCOPE_ANSWER_NAME : SCOPE_ANSWER_NONE;
}

/* RuleScopeHooks.look_up.  An error ends the stream; the standby comes again. */
static ScopeAnswer
on_look_up(void *arg, ScopeKind kind, Oid oid, uint32_t xid, Lsn lsn,
	char name[CATALOG_NAME_SIZE], ErrInfo *err)
{
	PGconn *conn = connect_sql(arg, err);
	ScopeAnswer answer;
	bool in_progress = false;

	if (conn == NULL)
		return SCOPE_ANSWER_ERROR;
	if (!query_in_progress(conn, xid, lsn, &in_progress, err))
		answer = SCOPE_ANSWER_ERROR;
	else if (in_progress)
	{
		errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
			"the name of %s %u, first met at " LSN_FORMAT
			", cannot be known yet",
			kinds[kind].label, oid, LSN_ARGS(lsn));
		errinfo_detail(err,
			"Transaction %u, which makes it, is still in progress on the "
			"upstream.",
			xid);
		answer = SCOPE_ANSWER_ERROR;
	}
	else
		answer = query_name(conn, kind, oid, name, err);
	PQfinish(conn);
	return answer;
}

/* RuleScopeHooks.note */
static void
on_note(void *arg UNUSED, LogLevel level, const ErrInfo *what)
{
	log_err(level, what);
}

/* RuleScopeHooks.alarm */
static void
on_alarm(void *arg, const ErrInfo *what)
{
	Session *s = arg;

	s->status.alarms++;
	snprintf(s->status.alarm, sizeof(s->status.alarm), "%.*s",
		BOARD_ALARM_SIZE - 1, what->message);
	board_publish(&s->status);
}

/* RuleScopeHooks.kept_back */
static void
on_kept_back(void *arg)
{
	Session *s = arg;

	s->status.scope_kept = true;
}

/*
 * CarryoverParams.is_another: the rule is for clients with the same names that come
 * from elsewhere.
 */
static bool
on_is_another(void *arg, const char *name)
{
	const Session *s = arg;
	const Config *config = s->ctx->config;
	const struct sockaddr *peer = (const struct sockaddr *) &s->peer;

	for (size_t i = 0; i < config->rule_count; i++)
	{
		Rule rule = config->rules[i];

		if (strcmp(rule.name, name) != 0)
			continue;
		if (rule_match(&rule, 1, s->user, s->application_name, peer) != NULL)
			return false;
		rule.source_count = 0;
		return rule_match(&rule, 1, s->user, s->application_name, peer) != NULL;
	}
	return false;
}

static bool
carry_over(Session *s, Lsn lsn, bool live, const char *former, WalScope **scope,
	Carryover *carry, ErrInfo *err)
{
	CarryoverParams params = {
		.key = scope_ledger_key(s),
		.lsn = lsn,
		.live = live,
		.former = former,
		.is_another = on_is_another,
		.hooks = {.note = on_note,
			.alarm = on_alarm,
			.kept_back = on_kept_back,
			.arg = s},
	};

	if (carryover_apply(carry, &params, scope, err))
		return true;
	walscope_free(*scope);
	*scope = NULL;
	return false;
}

LedgerKey
scope_ledger_key(const Session *s)
{
	return (LedgerKey){
		.state_directory = s->ctx->config->state_directory,
		.rule = s->rule->name,
		.user = s->user,
		.application_name = s->application_name,
		.system_identifier = s->facts.system_identifier,
	};
}

bool
scope_compile(Session *s, Lsn since, bool live, const char *former,
	WalScope **scope, Carryover *carry, ErrInfo *err)
{
	ScopeObjects objects = {0};
	RuleScopeParams params = {
		.rule = s->rule,
		.state_directory = s->ctx->config->state_directory,
		.system_identifier = s->facts.system_identifier,
		.objects = &objects,
		.since = since,
		.live = live,
		.hooks = {.look_up = on_look_up,
			.note = on_note,
			.alarm = on_alarm,
			.kept_back = on_kept_back,
			.arg = s},
	};
	bool kept_before = s->status.scope_kept;
	bool ok = true;

	s->status.scope_kept = false;
	*scope = NULL;
	*carry = (Carryover){0};
	if (rulescope_needed(s->rule, params.state_directory))
	{
		/* The upstream is asked first: the journal's lock is for a moment only. */
		ok = query_all(s, &objects, err) &&
			 rulescope_compile(&params, scope, err);
		scope_objects_clear(&objects);
	}
	ok = ok && carry_over(s, since, live, former, scope, carry, err);
	if (!ok)
		s->status.scope_kept = kept_before;
	return ok;
}
