/*
 * position.h
 *		Where the WAL that is here ends.
 */
#ifndef SOURCE_POSITION_H
#define SOURCE_POSITION_H

#include "base.h"

#include "shm/ring.h"
#include "spool/spooldir.h"
#include "util/lsn.h"

/* tli 0: there is none. */
typedef struct Position
{
	TimeLineId tli;
	Lsn lsn;
} Position;

/* By the ring, or by the spool as long as nothing has come in this run. */
Position position_here(const Ring *ring);

/*
 * Read as much of the spool as the spooler says is good; while it says nothing, whole
 * segments alone.
 */
void position_limit_spool(SpoolReader *spool);

#endif /* SOURCE_POSITION_H */
