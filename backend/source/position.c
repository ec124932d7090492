/*
 * position.c
 *		Where the WAL that is here ends.  See position.h.
 */
#include "base.h"

#include "shm/board.h"
#include "source/position.h"

Position
position_here(const Ring *ring)
{
	RingState state = ring_state(ring);
	BoardView spooler;

	if (state.tli == 0 && board_view(BOARD_SPOOLER, &spooler) &&
		spooler.state == CELL_RUNNING)
		return (Position){spooler.status.tli, spooler.status.sent};
	return (Position){state.tli, state.head};
}

void
position_limit_spool(SpoolReader *spool)
{
	BoardView spooler;

	if (board_view(BOARD_SPOOLER, &spooler))
		spoolreader_limit(spool, spooler.status.tli, spooler.status.sent);
	else
		spoolreader_limit(spool, 0, InvalidLsn);
}
