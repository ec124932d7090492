/*
 * feed.h
 *		WAL for one standby: from the source, through the filter if there is one,
 *		cut into messages.
 */
#ifndef WORKER_FEED_H
#define WORKER_FEED_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"
#include "state/carryover.h"
#include "wal/walscope.h"
#include "worker/session.h"
#include "source/source.h"

typedef struct Feed Feed;

/*
 * WAL of timeline tli from start on, withholding what scope says; scope becomes
 * the feed's.  NULL: nothing is withheld, and the WAL is looked at only if the rule
 * has a send_delay, which may come and go while the feed lives.  Where
 * something is, the standby's ledger says what it was given; if that cannot be
 * written, NULL and err are returned.
 */
MUST_CHECK Feed *feed_new(Session *s, TimeLineId tli, Lsn start,
	WalScope *scope, const Carryover *carry, ErrInfo *err);
/* The stream ends in good order: bring the ledger up to date. */
void feed_finish(Feed *feed);
void feed_free(Feed *feed);

/* Where it comes from, to wait for. */
Source *feed_source(Feed *feed);

/*
 * The payload of the next message: *len bytes that stay good until the next
 * call, which may be made when they have been sent.  They begin where those of
 * the call before ended.  With SOURCE_OK, *len may be 0: WAL has been looked at,
 * and none of it can be sent yet.
 */
MUST_CHECK SourceStatus feed_next(
	Feed *feed, const uint8_t **wal, size_t *len, ErrInfo *err);

/*
 * After SOURCE_WAIT: -1, or a commit is held back by the rule's send_delay, and no
 * WAL is wanted from the source; how long, as of now, until it is worth asking again.
 * May say so earlier than that is.
 */
int feed_hold_ms(const Feed *feed);

/* No WAL is wanted for a while: let go of where it comes from. */
void feed_rest(Feed *feed);

/* After SOURCE_FAILED: whether it is because the WAL cannot be filtered. */
bool feed_is_stuck(const Feed *feed);

/*
 * A new scope for a feed that goes on: never wider than what it had.  A standby
 * that has had everything so far gets the rest of the record that it is in the
 * middle of, too.  scope becomes the feed's; it may be NULL.  False, with err, if
 * the ledger cannot be written: nothing may be sent then.
 */
MUST_CHECK bool feed_narrow(
	Feed *feed, WalScope *scope, const Carryover *carry, ErrInfo *err);

/* What its filter has blanked, sums of xl_tot_len; 0 without one. */
uint64_t feed_blanked_bytes(const Feed *feed);

/* The rule that its ledger is of; NULL without one. */
const char *feed_ledger_rule(const Feed *feed);

#endif /* WORKER_FEED_H */
