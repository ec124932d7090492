/*
 * slotlimit.h
 *		How much WAL a replication slot may keep, and whether what it needs is
 *		still at hand: pure functions of a few LSNs.
 */
#ifndef STATE_SLOTLIMIT_H
#define STATE_SLOTLIMIT_H

#include "base.h"

#include "util/lsn.h"

/* What is to be said of a slot's WAL (xlog.c, WALAvailability). */
typedef enum SlotWalStatus
{
	SLOT_WAL_NONE,     /* the slot has no restart_lsn */
	SLOT_WAL_RESERVED, /* at hand and within spool_size */
	/* at hand and kept for a slot, though it is more than spool_size */
	SLOT_WAL_EXTENDED,
	SLOT_WAL_UNRESERVED, /* at hand, but nothing keeps it any more */
	SLOT_WAL_LOST        /* removed */
} SlotWalStatus;

/* As pg_replication_slots.wal_status has it; NULL for SLOT_WAL_NONE. */
const char *slotlimit_status_name(SlotWalStatus status);

/*
 * Whether a slot that is at restart_lsn still counts when WAL goes up to current:
 * max_keep is max_slot_wal_keep_size, -1 for no limit.  A slot without a
 * restart_lsn does not.
 */
bool slotlimit_covers(Lsn restart_lsn, Lsn current, int64_t max_keep);

/*
 * oldest is the first LSN that the ring or the spool still has, InvalidLsn if they
 * have nothing; spool_size 0 is no spool, which keeps nothing for anybody.
 */
SlotWalStatus slotlimit_status(Lsn restart_lsn, Lsn oldest, Lsn current,
	int64_t max_keep, int64_t spool_size);

#endif /* STATE_SLOTLIMIT_H */
