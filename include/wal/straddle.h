/*
 * straddle.h
 *		What has to be known of a record to go on with its rest in the segment
 *		behind the one that it begins in, as a standby does that was restarted:
 *		the rest must fit what the standby has.
 */
#ifndef WAL_STRADDLE_H
#define WAL_STRADDLE_H

#include "base.h"

#include "util/lsn.h"

typedef struct Straddle
{
	Lsn boundary;   /* the start of the segment that it goes on in */
	TimeLineId tli; /* of the WAL there */
	Lsn record;
	uint32_t total; /* xl_tot_len */
	uint32_t xid;
	Lsn prev;
	bool blanked;
} Straddle;

#endif /* WAL_STRADDLE_H */
