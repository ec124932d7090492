/*
 * places.c
 *		Who there is room for.  See places.h.
 */
#include "base.h"

#include "shm/board.h"
#include "worker/places.h"

/* Clients in that state or beyond; operators come beside. */
static int
count_from(CellState state)
{
	int count = 0;

	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		CellState other = board_state(i);

		count += other >= state && other != CELL_CONSOLE;
	}
	return count;
}

bool
places_are_short(const Config *config)
{
	return count_from(CELL_STARTUP) > config->max_connections;
}

bool
places_are_gone(const Config *config)
{
	return count_from(CELL_STARTUP) >=
		   config->max_connections + config->spare_workers;
}

bool
places_are_exceeded(const Config *config)
{
	return count_from(CELL_IDLE) > config->max_connections;
}

void
places_error(ErrInfo *err)
{
	errinfo_set(
		err, SQLSTATE_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
	errinfo_hint(err, "Raise max_connections.");
}
