/*
 * walscope.c
 *		Verdicts by OID.  See walscope.h.
 *
 * Verdicts lie in one sorted array a kind; a cluster has tens of databases, and
 * consecutive records mostly name the same one, so the last answer is kept.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/oidarray.h"
#include "wal/walscope.h"
#include "wal/walformat.h"

typedef struct ScopeEntry
{
	Oid oid;
	ScopeVerdict verdict;
	Lsn since; /* SCOPE_OUT: of records that begin here or behind */
} ScopeEntry;

typedef struct ScopeTable
{
	ScopeEntry *entries; /* ascending by oid */
	size_t count;
	size_t cap;
	ScopeVerdict unknown; /* for OIDs that are not there */
	ScopeEntry last;      /* the last answer; InvalidOid if none */
} ScopeTable;

/* The files that a catalog lies in, or has lain in. */
typedef struct CatalogFiles
{
	uint32_t *relfilenumbers;
	size_t count;
} CatalogFiles;

struct WalScope
{
	ScopeTable tables[SCOPE_KIND_COUNT];
	CatalogFiles catalogs[SCOPE_KIND_COUNT];
	ScopeListener listener;
};

const Oid catalog_oids[SCOPE_KIND_COUNT] = {
	[SCOPE_DATABASE] = 1262,
	[SCOPE_TABLESPACE] = 1213,
};

static const char *const kind_names[SCOPE_KIND_COUNT] = {
	[SCOPE_DATABASE] = "database",
	[SCOPE_TABLESPACE] = "tablespace",
};

const char *
walscope_kind_name(ScopeKind kind)
{
	return kind_names[kind];
}

WalScope *
walscope_new(void)
{
	WalScope *scope = mem_alloc0(sizeof(WalScope));

	/* at first a catalog's file has its OID */
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		walscope_add_catalog(scope, (ScopeKind) kind, catalog_oids[kind]);
	return scope;
}

void
walscope_free(WalScope *scope)
{
	if (scope == NULL)
		return;
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		free(scope->tables[kind].entries);
		free(scope->catalogs[kind].relfilenumbers);
	}
	if (scope->listener.free != NULL)
		scope->listener.free(scope->listener.arg);
	free(scope);
}

void
walscope_set_default(WalScope *scope, ScopeKind kind, ScopeVerdict verdict)
{
	scope->tables[kind].unknown = verdict;
	scope->tables[kind].last.oid = InvalidOid;
}

void
walscope_listen(WalScope *scope, const ScopeListener *listener)
{
	if (scope->listener.free != NULL)
		scope->listener.free(scope->listener.arg);
	scope->listener = *listener;
}

ScopeListener
walscope_take_listener(WalScope *scope)
{
	ScopeListener listener = scope->listener;

	scope->listener = (ScopeListener){0};
	return listener;
}

/* Where oid is or would be. */
static size_t
table_position(const ScopeTable *table, Oid oid)
{
	return oidarray_position(
		table->entries, sizeof(ScopeEntry), table->count, oid);
}

static const ScopeEntry *
table_find(const ScopeTable *table, Oid oid)
{
	size_t at = table_position(table, oid);

	return at < table->count && table->entries[at].oid == oid
			   ? &table->entries[at]
			   : NULL;
}

static void
table_set(ScopeTable *table, Oid oid, ScopeVerdict verdict, Lsn since)
{
	size_t at = table_position(table, oid);

	table->last.oid = InvalidOid;
	if (at == table->count || table->entries[at].oid != oid)
		table->entries = oidarray_insert(table->entries, sizeof(ScopeEntry),
			&table->count, &table->cap, at, oid);
	table->entries[at].verdict = verdict;
	table->entries[at].since = since;
}

void
walscope_set(WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict verdict)
{
	table_set(&scope->tables[kind], oid, verdict, InvalidLsn);
}

void
walscope_set_out(WalScope *scope, ScopeKind kind, Oid oid, Lsn since)
{
	table_set(&scope->tables[kind], oid, SCOPE_OUT, since);
}

bool
walscope_get(
	const WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict *verdict)
{
	const ScopeEntry *entry = table_find(&scope->tables[kind], oid);

	if (entry == NULL)
		return false;
	*verdict = entry->verdict;
	return true;
}

bool
walscope_get_since(const WalScope *scope, ScopeKind kind, Oid oid, Lsn *since)
{
	const ScopeEntry *entry = table_find(&scope->tables[kind], oid);

	if (entry == NULL || entry->verdict != SCOPE_OUT)
		return false;
	*since = entry->since;
	return true;
}

/* Out in mine from since on, if not from earlier on. */
static void
table_put_out(ScopeTable *mine, Oid oid, Lsn since)
{
	const ScopeEntry *entry = table_find(mine, oid);

	if (entry != NULL && entry->verdict == SCOPE_OUT)
		since = Min(since, entry->since);
	table_set(mine, oid, SCOPE_OUT, since);
}

static void
table_narrow(ScopeTable *mine, const ScopeTable *theirs)
{
	for (size_t i = 0; i < theirs->count; i++)
	{
		const ScopeEntry *entry = &theirs->entries[i];

		if (entry->verdict == SCOPE_OUT)
			table_put_out(mine, entry->oid, entry->since);
	}
}

/* The same of what they have no verdict on. */
static void
table_narrow_unknown(ScopeTable *mine, const ScopeTable *theirs)
{
	if (theirs->unknown != SCOPE_OUT)
		return;
	for (size_t i = 0; i < mine->count; i++)
	{
		if (table_find(theirs, mine->entries[i].oid) == NULL)
			table_put_out(mine, mine->entries[i].oid, InvalidLsn);
	}
	/* what they have, and mine has not, keeps what was mine by default */
	for (size_t i = 0; i < theirs->count; i++)
	{
		if (table_find(mine, theirs->entries[i].oid) == NULL)
			table_set(mine, theirs->entries[i].oid, mine->unknown, InvalidLsn);
	}
	mine->unknown = SCOPE_OUT;
}

void
walscope_narrow(WalScope *scope, const WalScope *other)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		const CatalogFiles *files = &other->catalogs[kind];

		table_narrow(&scope->tables[kind], &other->tables[kind]);
		if (other->listener.unknown == NULL)
			table_narrow_unknown(&scope->tables[kind], &other->tables[kind]);
		scope->tables[kind].last.oid = InvalidOid;
		for (size_t i = 0; i < files->count; i++)
			walscope_add_catalog(
				scope, (ScopeKind) kind, files->relfilenumbers[i]);
	}
}

bool
walscope_is_open(const WalScope *scope)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		const ScopeTable *table = &scope->tables[kind];

		if (table->unknown == SCOPE_OUT)
			return false;
		for (size_t i = 0; i < table->count; i++)
		{
			if (table->entries[i].verdict == SCOPE_OUT)
				return false;
		}
	}
	return true;
}

/*
 * An OID without a verdict gets one: by the listener, who has it on record before
 * it counts, or else by default.
 */
static bool
decide_unknown(WalScope *scope, ScopeKind kind, Oid oid, uint32_t xid, Lsn lsn,
	ErrInfo *err)
{
	const ScopeListener *listener = &scope->listener;
	ScopeVerdict verdict;

	if (listener->unknown != NULL &&
		!listener->unknown(listener->arg, scope, kind, oid, xid, lsn, err))
		return false;
	if (!walscope_get(scope, kind, oid, &verdict))
		walscope_set(scope, kind, oid, scope->tables[kind].unknown);
	return true;
}

static bool
check_oid(WalScope *scope, ScopeKind kind, Oid oid, uint32_t xid, Lsn lsn,
	bool *in, ErrInfo *err)
{
	ScopeTable *table = &scope->tables[kind];

	if (table->last.oid != oid)
	{
		const ScopeEntry *entry = table_find(table, oid);

		if (entry == NULL)
		{
			if (!decide_unknown(scope, kind, oid, xid, lsn, err))
				return false;
			entry = table_find(table, oid);
		}
		table->last = *entry;
	}
	*in = table->last.verdict == SCOPE_IN || lsn < table->last.since;
	return true;
}

bool
walscope_check(WalScope *scope, Oid database, Oid tablespace, uint32_t xid,
	Lsn lsn, bool *in, ErrInfo *err)
{
	*in = true;
	if (tablespace == TABLESPACE_GLOBAL_OID)
		return true;
	if (database != InvalidOid &&
		!check_oid(scope, SCOPE_DATABASE, database, xid, lsn, in, err))
		return false;
	if (*in && tablespace != InvalidOid && tablespace != TABLESPACE_DEFAULT_OID)
		return check_oid(
			scope, SCOPE_TABLESPACE, tablespace, xid, lsn, in, err);
	return true;
}

bool
walscope_copied(
	WalScope *scope, Oid database, Oid source, Lsn lsn, ErrInfo *err)
{
	const ScopeListener *listener = &scope->listener;

	if (listener->copied != NULL &&
		!listener->copied(listener->arg, scope, database, source, lsn, err))
		return false;
	walscope_set_out(scope, SCOPE_DATABASE, database, lsn);
	return true;
}

bool
walscope_named(WalScope *scope, ScopeKind kind, Oid oid, const char *name,
	Lsn lsn, ErrInfo *err)
{
	const ScopeListener *listener = &scope->listener;

	return listener->named == NULL ||
		   listener->named(listener->arg, scope, kind, oid, name, lsn, err);
}

void
walscope_add_catalog(WalScope *scope, ScopeKind kind, uint32_t relfilenumber)
{
	CatalogFiles *files = &scope->catalogs[kind];
	ScopeKind known;

	if (walscope_catalog_kind(scope, relfilenumber, &known))
		return;
	files->relfilenumbers = mem_realloc(
		files->relfilenumbers, (files->count + 1) * sizeof(uint32_t));
	files->relfilenumbers[files->count++] = relfilenumber;
}

bool
walscope_catalog_kind(
	const WalScope *scope, uint32_t relfilenumber, ScopeKind *kind)
{
	for (int i = 0; i < SCOPE_KIND_COUNT; i++)
	{
		const CatalogFiles *files = &scope->catalogs[i];

		/* the latest is the likeliest */
		for (size_t n = files->count; n > 0; n--)
		{
			if (files->relfilenumbers[n - 1] == relfilenumber)
			{
				*kind = (ScopeKind) i;
				return true;
			}
		}
	}
	return false;
}

bool
walscope_moved(WalScope *scope, ScopeKind kind, uint32_t relfilenumber, Lsn lsn,
	ErrInfo *err)
{
	const ScopeListener *listener = &scope->listener;
	ScopeKind known;

	if (relfilenumber == 0 ||
		walscope_catalog_kind(scope, relfilenumber, &known))
		return true;
	if (listener->moved != NULL &&
		!listener->moved(listener->arg, scope, kind, relfilenumber, lsn, err))
		return false;
	walscope_add_catalog(scope, kind, relfilenumber);
	return true;
}
