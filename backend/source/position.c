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
