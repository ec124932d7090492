/*
 * monitor.c
 *		The monitor process.
 *
 * What for: it tells others how walbouncer is, over HTTP.
 *
 * Started by the supervisor if monitor_port is set, and again whenever it is gone.
 *
 * Ends normally on TERM, in an emergency on QUIT.
 *
 * If it crashes the supervisor starts another, with back-off; nobody else notices.
 *
 * Writes its own cell.
 *
 * Must never: make another process wait.
 */
#include "base.h"

#include <poll.h>
#include <stdlib.h>

#include "exitcode.h"
#include "monitor/monitor.h"
#include "process/signals.h"
#include "shm/board.h"

void
monitor_main(ChildContext *ctx)
{
	Config *previous;

	board_set_state(CELL_RUNNING);
	while (!signals_stop_requested() && !signals_drain_requested())
	{
		struct pollfd fd = {.fd = board_wake_fd(), .events = POLLIN};

		poll(&fd, 1, -1);
		board_sleep_end();
		if (child_refresh_config(ctx, &previous))
			config_free(previous);
	}
	exit(EXITCODE_OK);
}
