/*
 * scope.c
 *		From a rule's names to verdicts by OID.  See scope.h.
 *
 * A decision belongs to the OID.  It is taken when a database or tablespace is
 * first met under a rule, by its name at that time, and is on record from then
 * on.  When the lists of the rule have changed since, the names count again, but
 * only to put more out: what a standby has missed once it cannot be given.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/pgconn.h"
#include "util/log.h"
#include "util/mem.h"
#include "wal/walformat.h"
#include "state/journal.h"
#include "worker/scope.h"

/* Twice this and a connect are shorter than a standby's patience (60 s). */
#define QUERY_TIMEOUT_MS 10000

/* How each kind of object is looked up, and what of the rule it is held to. */
typedef struct KindInfo
{
	const char *label;
	const char *query; /* oid, name, always kept under an include list */
	size_t include_offset;
	size_t exclude_offset;
} KindInfo;

static const KindInfo kinds[SCOPE_KIND_COUNT] = {
	[SCOPE_DATABASE] =
		{
			.label = "database",
			.query = "SELECT oid, datname, datistemplate "
					 "OR datname IN ('template0', 'template1') "
					 "FROM pg_catalog.pg_database ORDER BY oid",
			.include_offset = offsetof(RuleFilter, include_databases),
			.exclude_offset = offsetof(RuleFilter, exclude_databases),
		},
	[SCOPE_TABLESPACE] =
		{
			.label = "tablespace",
			.query = "SELECT oid, spcname, "
					 "spcname IN ('pg_default', 'pg_global') "
					 "FROM pg_catalog.pg_tablespace ORDER BY oid",
			.include_offset = offsetof(RuleFilter, include_tablespaces),
			.exclude_offset = offsetof(RuleFilter, exclude_tablespaces),
		},
};

typedef struct Compilation
{
	Session *session;
	const Rule *rule;
	WalScope *scope;
	PGresult *rows[SCOPE_KIND_COUNT]; /* what the upstream has */
	Journal journal;
	bool lists_changed; /* since the journal was last written by them */
	bool live;
	Lsn since; /* where the standby is */
} Compilation;

static const RuleList *
list_at(const Rule *rule, size_t offset)
{
	return (const RuleList *) ((const char *) &rule->filter + offset);
}

/* What the rule's lists say of a name. */
static ScopeVerdict
verdict_by_name(
	const Rule *rule, const KindInfo *kind, const char *name, bool always)
{
	const RuleList *include = list_at(rule, kind->include_offset);
	const RuleList *exclude = list_at(rule, kind->exclude_offset);

	if (include->given)
		return always || rule_names_contain(&include->names, name) ? SCOPE_IN
																   : SCOPE_OUT;
	return exclude->given && rule_names_contain(&exclude->names, name)
			   ? SCOPE_OUT
			   : SCOPE_IN;
}

/* One object of the upstream: what is on record, or else what the lists say. */
static void
decide(Compilation *c, ScopeKind kind, Oid oid, const char *name, bool always)
{
	ScopeVerdict by_name = verdict_by_name(c->rule, &kinds[kind], name, always);
	ScopeVerdict known;
	bool on_record = walscope_get(c->scope, kind, oid, &known);
	Lsn since = InvalidLsn;

	if (on_record && known == SCOPE_OUT)
	{
		if (by_name == SCOPE_IN)
			log_msg(LOG_WARNING,
				"%s \"%s\" stays withheld under rule \"%s\": its standbys lack "
				"its data; rebuild them, then remove \"%s\"",
				kinds[kind].label, name, c->rule->name, c->journal.path);
		return;
	}
	if (on_record && (by_name == SCOPE_IN || !c->lists_changed))
		return;
	if (by_name == SCOPE_IN)
		walscope_set(c->scope, kind, oid, SCOPE_IN);
	else
	{
		if (on_record || c->live)
			since = c->since;
		walscope_set_out(c->scope, kind, oid, since);
	}
	journal_add(&c->journal, kind, oid, by_name, since,
		on_record ? "narrowed" : "name", name);
}

/* Names of the lists that nothing has. */
static void
warn_of_unknown(const Rule *rule, const RuleList *list, const KindInfo *kind,
	const PGresult *rows)
{
	for (size_t i = 0; i < list->names.count; i++)
	{
		bool found = false;

		for (int row = 0; row < PQntuples(rows) && !found; row++)
			found = strcmp(PQgetvalue(rows, row, 1), list->names.items[i]) == 0;
		if (!found)
			log_msg(LOG_WARNING,
				"%s \"%s\" in rule \"%s\" does not exist on the upstream",
				kind->label, list->names.items[i], rule->name);
	}
}

/* What there is of one kind: a verdict for each, and the default for the rest. */
static void
decide_all(Compilation *c, ScopeKind kind)
{
	const RuleList *include = list_at(c->rule, kinds[kind].include_offset);
	const PGresult *rows = c->rows[kind];

	for (int row = 0; row < PQntuples(rows); row++)
		decide(c, kind, (Oid) strtoul(PQgetvalue(rows, row, 0), NULL, 10),
			PQgetvalue(rows, row, 1), PQgetvalue(rows, row, 2)[0] == 't');
	walscope_set_default(c->scope, kind, include->given ? SCOPE_OUT : SCOPE_IN);
	warn_of_unknown(c->rule, include, &kinds[kind], rows);
	warn_of_unknown(c->rule, list_at(c->rule, kinds[kind].exclude_offset),
		&kinds[kind], rows);
}

/* All kinds, over one connection to the server that the reader is on. */
static bool
look_up(Compilation *c, ErrInfo *err)
{
	PGconn *conn = pgconn_connect(c->session->ctx->config, PGCONN_SQL,
		"walbouncer_catalog", true, &c->session->facts, err);
	bool ok = conn != NULL;

	for (int kind = 0; ok && kind < SCOPE_KIND_COUNT; kind++)
	{
		c->rows[kind] =
			pgconn_exec(conn, kinds[kind].query, QUERY_TIMEOUT_MS, err);
		ok = c->rows[kind] != NULL;
	}
	PQfinish(conn);
	if (ok)
		return true;
	errinfo_hint(err,
		"The filter of rule \"%s\" needs an SQL connection to database \"%s\" "
		"of the upstream, by upstream.conninfo.",
		c->rule->name, c->session->ctx->config->upstream_catalog_database);
	return false;
}

/* Whose journal a scope writes to; the session may have another rule by then. */
typedef struct JournalOwner
{
	Session *session;
	char rule[BOARD_NAME_SIZE];
	uint64_t system_identifier;
} JournalOwner;

static JournalOwner *
journal_owner(Session *s)
{
	JournalOwner *owner = mem_alloc0(sizeof(JournalOwner));

	owner->session = s;
	owner->system_identifier = s->facts.system_identifier;
	snprintf(owner->rule, sizeof(owner->rule), "%s", s->rule->name);
	return owner;
}

/* Something is out, from since on; into the journal first. */
static bool
put_out(const JournalOwner *owner, ScopeKind kind, Oid oid, Lsn since,
	const char *reason, ErrInfo *err)
{
	WalScope *known = walscope_new();
	ScopeVerdict verdict;
	Journal journal;
	bool ok;

	ok = journal_open(&journal, owner->session->ctx->config->state_directory,
		owner->rule, owner->system_identifier, known, err);
	if (ok)
	{
		/* another worker of the rule may have met it before us */
		if (!walscope_get(known, kind, oid, &verdict) || verdict != SCOPE_OUT)
			journal_add(&journal, kind, oid, SCOPE_OUT, since, reason, "");
		ok = journal_commit(&journal, err);
		journal_close(&journal);
	}
	walscope_free(known);
	return ok;
}

static bool
on_unknown(void *arg, WalScope *scope, ScopeKind kind, Oid oid,
	uint32_t xid UNUSED, Lsn lsn, ErrInfo *err)
{
	const JournalOwner *owner = arg;

	if (walscope_default(scope, kind) == SCOPE_IN)
		return true;
	log_msg(LOG_LOG,
		"%s %u, first met at " LSN_FORMAT ", is withheld under rule \"%s\"",
		kinds[kind].label, oid, LSN_ARGS(lsn), owner->rule);
	return put_out(owner, kind, oid, InvalidLsn, "unknown", err);
}

static bool
on_copied(void *arg, WalScope *scope UNUSED, Oid database, Oid source UNUSED,
	Lsn lsn, ErrInfo *err)
{
	const JournalOwner *owner = arg;

	log_msg(LOG_WARNING,
		"database %u is withheld under rule \"%s\" from " LSN_FORMAT
		" on: its files were copied from what the standby does not have; "
		"rebuild the standby to get it",
		database, owner->rule, LSN_ARGS(lsn));
	return put_out(owner, SCOPE_DATABASE, database, lsn, "file_copy", err);
}

/* With the journal open: decide what is new, and write it down. */
static bool
compile_with_journal(Compilation *c, ErrInfo *err)
{
	uint64_t digest = rule_filter_digest(&c->rule->filter);

	c->lists_changed = !c->journal.has_digest || c->journal.digest != digest;
	if (c->lists_changed)
		journal_add_digest(&c->journal, digest);
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		decide_all(c, (ScopeKind) kind);
	return journal_commit(&c->journal, err);
}

bool
scope_compile(Session *s, Lsn since, bool live, WalScope **scope, ErrInfo *err)
{
	const char *state_directory = s->ctx->config->state_directory;
	bool has_filter = rule_has_filter(s->rule);
	Compilation c = {
		.session = s, .rule = s->rule, .live = live, .since = since};
	bool ok = false;

	*scope = NULL;
	if (!has_filter && (state_directory[0] == '\0' ||
						   !journal_exists(state_directory, s->rule->name)))
		return true;
	/* The upstream is asked first: the journal's lock is for a moment only. */
	c.scope = walscope_new();
	if (look_up(&c, err) &&
		journal_open(&c.journal, state_directory, s->rule->name,
			s->facts.system_identifier, c.scope, err))
	{
		ok = compile_with_journal(&c, err);
		journal_close(&c.journal);
	}
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		PQclear(c.rows[kind]);
	if (ok && (has_filter || !walscope_is_open(c.scope)))
	{
		ScopeListener listener = {
			.unknown = on_unknown,
			.copied = on_copied,
			.free = free,
			.arg = journal_owner(s),
		};

		walscope_listen(c.scope, &listener);
		*scope = c.scope;
	}
	else
		walscope_free(c.scope);
	return ok;
}
