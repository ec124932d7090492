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
#include "wal/walscope.h"
#include "wal/walformat.h"

typedef struct ScopeEntry
{
	Oid oid;
	ScopeVerdict verdict;
} ScopeEntry;

typedef struct ScopeTable
{
	ScopeEntry *entries; /* ascending by oid */
	size_t count;
	size_t cap;
	ScopeVerdict unknown; /* for OIDs that are not there */
	ScopeEntry last;	  /* the last answer; InvalidOid if none */
} ScopeTable;

struct WalScope
{
	ScopeTable tables[SCOPE_KIND_COUNT];
	ScopeListener listener;
	void *listener_arg;
};

WalScope *
walscope_new(void)
{
	return mem_alloc0(sizeof(WalScope));
}

void
walscope_free(WalScope *scope)
{
	if (scope == NULL)
		return;
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		free(scope->tables[kind].entries);
	free(scope->listener_arg);
	free(scope);
}

void
walscope_set_default(WalScope *scope, ScopeKind kind, ScopeVerdict verdict)
{
	scope->tables[kind].unknown = verdict;
	scope->tables[kind].last.oid = InvalidOid;
}

ScopeVerdict
walscope_default(const WalScope *scope, ScopeKind kind)
{
	return scope->tables[kind].unknown;
}

void
walscope_listen(WalScope *scope, ScopeListener listener, void *arg)
{
	free(scope->listener_arg);
	scope->listener = listener;
	scope->listener_arg = arg;
}

/* Where oid is or would be. */
static size_t
table_position(const ScopeTable *table, Oid oid)
{
	size_t low = 0;
	size_t high = table->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (table->entries[middle].oid < oid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
walscope_set(WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict verdict)
{
	ScopeTable *table = &scope->tables[kind];
	size_t at = table_position(table, oid);

	table->last.oid = InvalidOid;
	if (at == table->count || table->entries[at].oid != oid)
	{
		if (table->count == table->cap)
		{
			table->cap = Max(table->cap * 2, 16);
			table->entries =
				mem_realloc(table->entries, table->cap * sizeof(ScopeEntry));
		}
		memmove(&table->entries[at + 1], &table->entries[at],
			(table->count - at) * sizeof(ScopeEntry));
		table->count++;
		table->entries[at].oid = oid;
	}
	table->entries[at].verdict = verdict;
}

bool
walscope_get(
	const WalScope *scope, ScopeKind kind, Oid oid, ScopeVerdict *verdict)
{
	const ScopeTable *table = &scope->tables[kind];
	size_t at = table_position(table, oid);

	if (at == table->count || table->entries[at].oid != oid)
		return false;
	*verdict = table->entries[at].verdict;
	return true;
}

void
walscope_narrow(WalScope *scope, const WalScope *other)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
	{
		ScopeTable *mine = &scope->tables[kind];
		const ScopeTable *theirs = &other->tables[kind];

		/* What they never met is out if it is out by their default. */
		if (theirs->unknown == SCOPE_OUT)
		{
			for (size_t i = 0; i < mine->count; i++)
			{
				ScopeVerdict verdict;

				if (!walscope_get(other, (ScopeKind) kind, mine->entries[i].oid,
						&verdict))
					mine->entries[i].verdict = SCOPE_OUT;
			}
		}
		for (size_t i = 0; i < theirs->count; i++)
		{
			const ScopeEntry *entry = &theirs->entries[i];
			ScopeVerdict verdict;

			if (!walscope_get(scope, (ScopeKind) kind, entry->oid, &verdict))
				verdict = mine->unknown;
			if (entry->verdict == SCOPE_OUT)
				verdict = SCOPE_OUT;
			walscope_set(scope, (ScopeKind) kind, entry->oid, verdict);
		}
		if (theirs->unknown == SCOPE_OUT)
			mine->unknown = SCOPE_OUT;
		mine->last.oid = InvalidOid;
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

/* An OUT verdict has been reached here and now: it is on record before it counts. */
static bool
put_out(WalScope *scope, ScopeKind kind, Oid oid, Lsn lsn, ScopeCause cause,
	ErrInfo *err)
{
	if (scope->listener != NULL &&
		!scope->listener(scope->listener_arg, kind, oid, lsn, cause, err))
		return false;
	walscope_set(scope, kind, oid, SCOPE_OUT);
	return true;
}

static bool
check_oid(WalScope *scope, ScopeKind kind, Oid oid, Lsn lsn, bool *in,
	ErrInfo *err)
{
	ScopeTable *table = &scope->tables[kind];
	ScopeVerdict verdict;

	if (table->last.oid != oid)
	{
		if (!walscope_get(scope, kind, oid, &verdict))
		{
			verdict = table->unknown;
			if (verdict == SCOPE_OUT &&
				!put_out(scope, kind, oid, lsn, SCOPE_UNKNOWN_OID, err))
				return false;
		}
		table->last = (ScopeEntry){.oid = oid, .verdict = verdict};
	}
	*in = table->last.verdict == SCOPE_IN;
	return true;
}

bool
walscope_check(WalScope *scope, Oid database, Oid tablespace, Lsn lsn, bool *in,
	ErrInfo *err)
{
	*in = true;
	if (tablespace == TABLESPACE_GLOBAL_OID)
		return true;
	if (database != InvalidOid &&
		!check_oid(scope, SCOPE_DATABASE, database, lsn, in, err))
		return false;
	if (*in && tablespace != InvalidOid && tablespace != TABLESPACE_DEFAULT_OID)
		return check_oid(scope, SCOPE_TABLESPACE, tablespace, lsn, in, err);
	return true;
}

bool
walscope_exclude(
	WalScope *scope, Oid database, Lsn lsn, ScopeCause cause, ErrInfo *err)
{
	return put_out(scope, SCOPE_DATABASE, database, lsn, cause, err);
}
