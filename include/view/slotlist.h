/*
 * slotlist.h
 *		The replication slots that standbys have with us, and what becomes of the WAL
 *		that they need.  For the views and the monitor.
 */
#ifndef VIEW_SLOTLIST_H
#define VIEW_SLOTLIST_H

#include "base.h"

#include "process/child.h"
#include "state/slot.h"
#include "state/slotlimit.h"

typedef struct SlotRow
{
	SlotInfo info; /* damaged: the name alone */
	bool damaged;
	ErrInfo damage;
	SlotWalStatus wal_status;
	int64_t retained_bytes; /* from restart_lsn to the end of WAL */
	/*
	 * What can be written until max_slot_wal_keep_size is reached, negative behind
	 * it; only if there is that limit, and the WAL is not lost.
	 */
	bool limited;
	int64_t safe_wal_size;
} SlotRow;

typedef struct SlotList
{
	SlotRow *items; /* by name; owned */
	size_t count;
} SlotList;

/* False, with err, if there may be slots but they cannot be listed. */
MUST_CHECK bool slotlist_take(
	SlotList *list, const ChildContext *ctx, ErrInfo *err);
void slotlist_clear(SlotList *list);

#endif /* VIEW_SLOTLIST_H */
