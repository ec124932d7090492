/*
 * slotscan.h
 *		Looking at the replication slots of slot.h without using them.
 */
#ifndef STATE_SLOTSCAN_H
#define STATE_SLOTSCAN_H

#include "base.h"

#include "state/slot.h"
#include "util/errinfo.h"
#include "util/lsn.h"

/* What is on disk of one slot; 42704 if there is none. */
MUST_CHECK bool slotscan_read(const char *state_directory, const char *name,
	SlotInfo *info, ErrInfo *err);

/*
 * Each slot, in no order.  A damaged one is told with its name and why, and info
 * has no more than that; err is NULL for the others.  False if the directory cannot
 * be read; that it is not there means that there are no slots.
 */
typedef void (*SlotVisitor)(
	void *arg, const SlotInfo *info, const ErrInfo *damage);
MUST_CHECK bool slotscan_each(
	const char *state_directory, SlotVisitor visit, void *arg, ErrInfo *err);

/*
 * The oldest restart_lsn on disk of all slots that max_keep
 * (max_slot_wal_keep_size) still covers when WAL goes up to current; InvalidLsn if
 * there is none.  Temporary slots count while they are in use.
 */
Lsn slotscan_needed_lsn(
	const char *state_directory, Lsn current, int64_t max_keep);

#endif /* STATE_SLOTSCAN_H */
