/*
 * retention.h
 *		How long WAL stays in the spool.
 */
#ifndef SPOOLER_RETENTION_H
#define SPOOLER_RETENTION_H

#include "base.h"

#include "conf/option.h"
#include "util/lsn.h"

/*
 * Remove the oldest segments: those that are past spool_max_age and that neither a
 * connected standby nor a slot needs; what spool_size has no room for; and, while
 * less than spool_min_free is free on the file system, of those that nobody needs as
 * many as that takes.  The file that holds current stays in any case.
 *
 * True if more may be written: there is room, or it cannot be found out.
 */
MUST_CHECK bool retention_run(
	const Config *config, uint32_t segment_size, TimeLineId tli, Lsn current);

#endif /* SPOOLER_RETENTION_H */
