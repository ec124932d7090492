/*
 * scope.h
 *		From a rule's names to verdicts by OID.
 */
#ifndef WORKER_SCOPE_H
#define WORKER_SCOPE_H

#include "base.h"

#include "state/carryover.h"
#include "state/ledger.h"
#include "util/errinfo.h"
#include "wal/walscope.h"
#include "worker/session.h"

/*
 * What the standbys of the session's rule may have: the names of its filter
 * looked up on the upstream, by what the rule's journal has on record.  *scope is
 * NULL if that is everything, now and for ever: the WAL need not be looked at.
 * Otherwise it belongs to the caller, and writes to the journal by itself; the
 * session must outlive it.
 *
 * since is where the standby is.  What it has had so far and is to have no more is
 * out from there on, since the records that began before have reached it.  That is
 * what changed lists put out and, for a stream that is live, all that is new to
 * the journal; at the start of a stream, that was never let through.
 *
 * What the standby lacks from under other rules is out as well; carry has what of
 * that is to be written down yet, see carryover.h, and is to be cleared.  former is
 * the rule that the ledger of a live stream is of; NULL: it has none.
 *
 * status.scope_kept says afterwards whether that is less than what the rule says.
 *
 * Waits for the upstream.  False, with err, if something that has to be known is
 * not: the standby must get nothing then.
 */
MUST_CHECK bool scope_compile(Session *s, Lsn since, bool live,
	const char *former, WalScope **scope, Carryover *carry, ErrInfo *err);

/* The standby's ledger under the rule that it has; good for as long as that. */
LedgerKey scope_ledger_key(const Session *s);

#endif /* WORKER_SCOPE_H */
