/*
 * ruling.h
 *		What a standby may have under a rule of a configuration: the daemon's own
 *		decisions, listened to.
 */
#ifndef WALCAT_RULING_H
#define WALCAT_RULING_H

#include "base.h"

#include <stdio.h>

#include "names.h"
#include "segments.h"
#include "util/errinfo.h"
#include "wal/filter.h"

typedef struct RulingParams
{
	const char *config_file; /* NULL: everything is kept */
	const char *rule;
	const char *state_directory; /* NULL: the configuration's */
} RulingParams;

/* The row of a catalog that went by last. */
typedef struct RulingNews
{
	ScopeKind kind;
	Oid oid;
	Lsn lsn;
} RulingNews;

/*
 * The scope of the rule, which is the caller's.  It is told the names that are
 * known, adds to them, and leaves in *news what it hears; both must outlive it.
 * Nothing is written to the rule's journal.
 */
MUST_CHECK bool ruling_scope(const RulingParams *params,
	const Segments *segments, Names *names, RulingNews *news, WalScope **scope,
	ErrInfo *err);

/* Why a record was kept or blanked, in words. */
void ruling_print_reason(FILE *to, const WalScope *scope, const Names *names,
	const RulingNews *news, Lsn lsn, const RmgrSubjects *subjects,
	bool blanked);

#endif /* WALCAT_RULING_H */
