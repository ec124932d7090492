/*
 * slotlimit.c
 *		How much WAL a slot may keep.  See slotlimit.h.
 *
 * As GetWALAvailability does (xlog.c, majors 13-18), with spool_size in the place
 * of max_wal_size.  PostgreSQL counts in segments; we count in bytes, so that the
 * outcome does not depend on where in its segment an LSN lies.
 */
#include "base.h"

#include "state/slotlimit.h"

const char *
slotlimit_status_name(SlotWalStatus status)
{
	static const char *const names[] = {
		[SLOT_WAL_NONE] = NULL,
		[SLOT_WAL_RESERVED] = "reserved",
		[SLOT_WAL_EXTENDED] = "extended",
		[SLOT_WAL_UNRESERVED] = "unreserved",
		[SLOT_WAL_LOST] = "lost",
	};

	return names[status];
}

/* A standby may be ahead of what we know of the upstream. */
static uint64_t
distance(Lsn restart_lsn, Lsn current)
{
	return current > restart_lsn ? current - restart_lsn : 0;
}

bool
slotlimit_covers(Lsn restart_lsn, Lsn current, int64_t max_keep)
{
	if (restart_lsn == InvalidLsn)
		return false;
	return max_keep < 0 ||
		   distance(restart_lsn, current) <= (uint64_t) max_keep;
}

SlotWalStatus
slotlimit_status(Lsn restart_lsn, Lsn oldest, Lsn current, int64_t max_keep,
	int64_t spool_size)
{
	if (restart_lsn == InvalidLsn)
		return SLOT_WAL_NONE;
	if (restart_lsn < current && (oldest == InvalidLsn || restart_lsn < oldest))
		return SLOT_WAL_LOST;
	if (spool_size == 0 || !slotlimit_covers(restart_lsn, current, max_keep))
		return SLOT_WAL_UNRESERVED;
	return distance(restart_lsn, current) <= (uint64_t) spool_size
			   ? SLOT_WAL_RESERVED
			   : SLOT_WAL_EXTENDED;
}
