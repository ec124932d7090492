/*
 * carryover.h
 *		What a standby lacks that comes under another rule than before.
 *
 * The scope journal knows what a rule withholds, and a standby's ledger that it came
 * under it.  When the same standby, by user and application_name, comes under
 * another rule, whatever the rule before has withheld so far and this one does not
 * is put out for this standby alone, and on record in its ledger under the new rule
 * ("lacks"); the ledger before is closed ("left").  A standby is never given again
 * what it has missed, until it is rebuilt: after --rescope of its rule, or with its
 * ledger moved away.
 */
#ifndef STATE_CARRYOVER_H
#define STATE_CARRYOVER_H

#include "base.h"

#include "state/ledger.h"
#include "state/rulescope.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/walscope.h"

typedef struct CarryoverParams
{
	LedgerKey key; /* of the rule that it comes under now */
	Lsn lsn;       /* where it is */
	/*
	 * For a stream that goes on: only the rule that its ledger is of counts, or
	 * none if former is NULL.
	 */
	bool live;
	const char *former;
	/*
	 * Whether the ledger of a rule may be that of another standby with the same
	 * names.  Then it is an error if that one lacks anything.
	 */
	bool (*is_another)(void *arg, const char *rule);
	RuleScopeHooks hooks; /* note and alarm; look_up is not used */
} CarryoverParams;

/* What is still to be written down.  All zeroes: nothing. */
typedef struct Carryover
{
	Lacks fresh;  /* not on record under this rule yet */
	char **rules; /* that it has come from; owned */
	size_t rule_count;
} Carryover;

/*
 * Put out in *scope what the standby lacks; *scope is made if it is NULL and that is
 * anything.  It may put what is copied on record by itself; hooks.arg must outlive
 * it.  False, with err, if it cannot be known what the standby lacks.
 */
MUST_CHECK bool carryover_apply(Carryover *c, const CarryoverParams *params,
	WalScope **scope, ErrInfo *err);

/* ledger_find_straddle, in the ledgers of the rules that it has come from. */
MUST_CHECK bool carryover_find_straddle(const Carryover *c,
	const LedgerKey *key, Lsn boundary, TimeLineId tli, Straddle *straddle);

/*
 * Write it down: due before anything is sent, and after ledger_begin of the rule, if
 * there is a scope.  Durable.
 */
MUST_CHECK bool carryover_commit(
	const Carryover *c, const LedgerKey *key, ErrInfo *err);

void carryover_clear(Carryover *c);

#endif /* STATE_CARRYOVER_H */
