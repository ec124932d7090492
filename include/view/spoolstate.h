/*
 * spoolstate.h
 *		What the spool holds and how it is, from its directory and the spooler's cell.
 */
#ifndef VIEW_SPOOLSTATE_H
#define VIEW_SPOOLSTATE_H

#include "base.h"

#include "process/child.h"
#include "shm/board.h"

typedef struct SpoolState
{
	bool enabled;
	bool running; /* the spooler knows its position */
	bool refused; /* the disk refuses, or what comes next cannot be had */
	char reason[BOARD_ALARM_SIZE]; /* why it is not writing; "" if it is */

	/* the directory; all 0 if it cannot be read, or how is not known yet */
	int64_t bytes;
	size_t segments;
	Lsn oldest; /* InvalidLsn: there is nothing */
	Lsn newest; /* behind the last segment that has been begun */
	/* from here on there is no gap up to newest */
	Lsn unbroken;
	int64_t free_bytes; /* on its file system; -1: not known */

	/* the spooler's positions */
	Lsn written;
	Lsn flushed;
} SpoolState;

void spoolstate_take(SpoolState *state, const ChildContext *ctx);
/* "writing", "waiting" or "off". */
const char *spoolstate_name(const SpoolState *state);

/*
 * The first LSN from which on the ring, or the spool and the ring together, have all
 * WAL; InvalidLsn if there is none.
 */
Lsn spoolstate_oldest_at_hand(const SpoolState *state, const Ring *ring);

#endif /* VIEW_SPOOLSTATE_H */
