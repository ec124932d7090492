/*
 * decisions.h
 *		What the scope journal of a rule says: how each object was decided about at
 *		first, under which name, and whether the lists have ever changed.
 */
#ifndef WALCAT_DECISIONS_H
#define WALCAT_DECISIONS_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/catalog.h"
#include "wal/walscope.h"

typedef struct FirstDecision
{
	ScopeKind kind;
	Oid oid;
	ScopeVerdict verdict;
	Lsn since; /* SCOPE_OUT: of records that begin here or behind it */
	char name[CATALOG_NAME_SIZE]; /* "" if it had none */
} FirstDecision;

/* All of it since the last rescope. */
typedef struct Decisions
{
	bool exists;
	FirstDecision *items;
	size_t count;
	unsigned digest_count;
	uint64_t digest; /* the last one */
} Decisions;

/* Of the rule; an empty one if there is none.  False, with err, if it is damaged. */
MUST_CHECK bool decisions_read(Decisions *decisions,
	const char *state_directory, const char *rule, ErrInfo *err);
void decisions_clear(Decisions *decisions);

/* NULL if there is none about the object. */
const FirstDecision *decisions_find(
	const Decisions *decisions, ScopeKind kind, Oid oid);

#endif /* WALCAT_DECISIONS_H */
