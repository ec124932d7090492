/*
 * spoolstate.c
 *		What the spool holds and how it is.  See spoolstate.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "shm/facts.h"
#include "shm/ring.h"
#include "spool/spooldir.h"
#include "util/mem.h"
#include "view/spoolstate.h"

/* 0: not known yet. */
static uint32_t
segment_size(void)
{
	Facts *facts = mem_alloc(sizeof(*facts));
	uint32_t size = facts_get(facts) ? facts->segment_size : 0;

	free(facts);
	return size;
}

/* In order: where one does not go on from the one before there is a gap. */
static void
look_at_files(SpoolState *state, const SpoolList *list, uint32_t size)
{
	for (size_t i = 0; i < list->count; i++)
	{
		const SpoolFile *file = &list->files[i];

		if (i == 0)
			state->oldest = file->start;
		if (file->start > state->newest || i == 0)
			state->unbroken = file->start;
		state->newest = Max(state->newest, file->start + size);
		state->bytes += file->size;
	}
	state->segments = list->count;
}

static void
look_at_directory(SpoolState *state, const char *state_directory)
{
	uint32_t size = segment_size();
	char path[DURABLE_PATH_SIZE];
	struct statvfs fs;
	SpoolList list;
	ErrInfo ignored;

	spooldir_path(path, state_directory);
	if (statvfs(path, &fs) == 0)
		state->free_bytes = (int64_t) ((uint64_t) fs.f_bavail * fs.f_frsize);
	if (size == 0 || !spooldir_list(&list, state_directory, size, &ignored))
		return;
	look_at_files(state, &list, size);
	spooldir_list_clear(&list);
}

static void
look_at_spooler(SpoolState *state)
{
	BoardView view;
	const char *reason;

	if (!board_view(BOARD_SPOOLER, &view) || view.state != CELL_RUNNING)
	{
		snprintf(state->reason, sizeof(state->reason),
			"the spooler is not running yet");
		return;
	}
	state->running = true;
	state->written = view.status.sent;
	state->flushed = view.status.flush;
	reason =
		view.status.reason[0] != '\0' ? view.status.reason : view.status.alarm;
	state->refused = reason[0] != '\0';
	snprintf(state->reason, sizeof(state->reason), "%s", reason);
}

void
spoolstate_take(SpoolState *state, const ChildContext *ctx)
{
	*state = (SpoolState){
		.enabled = config_has_spool(ctx->config), .free_bytes = -1};
	if (!state->enabled)
		return;
	look_at_spooler(state);
	look_at_directory(state, ctx->config->state_directory);
}

const char *
spoolstate_name(const SpoolState *state)
{
	if (!state->enabled)
		return "off";
	return state->running && !state->refused ? "writing" : "waiting";
}

/* What the spooler has not written yet of its last segment is in the ring. */
Lsn
spoolstate_oldest_at_hand(const SpoolState *state, const Ring *ring)
{
	RingState r = ring_state(ring);
	Lsn end = state->running ? state->written : state->newest;

	if (r.tli == 0)
		return state->unbroken;
	return state->segments > 0 && end >= r.tail ? Min(state->unbroken, r.tail)
												: r.tail;
}
