/*
 * descriptors.c
 *		How many descriptors the monitor may have.  See descriptors.h.
 *
 * evhttp has no limit of its own; who comes when there is no descriptor left waits
 * in the queue.  So the limit that it sees is lower than ours: else a crowd of
 * clients would look like directories that cannot be read.
 */
#include "base.h"

#include <sys/resource.h>

#include "exitcode.h"
#include "monitor/descriptors.h"
#include "shm/board.h"
#include "util/log.h"

/* Beside those of the board, of which each cell has one. */
#define DESCRIPTORS_MORE 320
/* Those for ourselves. */
#define DESCRIPTORS_OWN 32

/* For clients; 0: there is no limit to be set. */
static rlim_t for_clients;

static void
set_limit(rlim_t wanted)
{
	struct rlimit limit;

	if (for_clients == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		limit.rlim_cur = wanted;
		if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
			return;
	}
	log_fatal(EXITCODE_STARTUP, "could not set the limit of open files: %m");
}

void
descriptors_init(void)
{
	rlim_t wanted = (rlim_t) board_cell_count() + DESCRIPTORS_MORE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	for_clients = Min(limit.rlim_cur, wanted) - DESCRIPTORS_OWN;
	set_limit(for_clients);
}

void
descriptors_begin_own(void)
{
	set_limit(for_clients + DESCRIPTORS_OWN);
}

void
descriptors_end_own(void)
{
	set_limit(for_clients);
}
