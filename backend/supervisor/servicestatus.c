/*
 * servicestatus.c
 *		How we are, in one line.  See servicestatus.h.
 */
#include "base.h"

#include <stdio.h>

#include "shm/board.h"
#include "supervisor/servicestatus.h"
#include "util/lsn.h"

static int
count_standbys(void)
{
	int count = 0;

	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
		count += board_is_stream(board_state(i)) ? 1 : 0;
	return count;
}

void
servicestatus_format(RunPhase phase, bool reload_failed, const Ring *ring,
	char *text, size_t size)
{
	CellState reader = board_state(BOARD_READER);
	Lsn head = ring_state(ring).head;
	int standbys = count_standbys();

	snprintf(text, size, "%s%sserving %d standby%s, upstream %s at " LSN_FORMAT,
		phase != RUN_SERVING ? "stopping, " : "",
		reload_failed ? "configuration not changed, see the log; " : "",
		standbys, standbys == 1 ? "" : "s",
		reader == CELL_STREAMING ? "streaming"
		: reader == CELL_STARTUP ? "connecting"
								 : "waiting",
		LSN_ARGS(head));
}
