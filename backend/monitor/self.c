/*
 * self.c
 *		The monitor's cell of the board.  See self.h.
 */
#include "base.h"

#include <stdio.h>

#include "monitor/self.h"
#include "shm/board.h"

static BoardStatus status;

void
self_set_reason(const char *reason)
{
	snprintf(status.reason, sizeof(status.reason), "%s", reason);
	board_publish(&status);
}
