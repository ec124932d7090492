/*
 * slotlist.c
 *		The replication slots.  See slotlist.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "shm/board.h"
#include "state/slotscan.h"
#include "util/mem.h"
#include "view/slotlist.h"
#include "view/spoolstate.h"
#include "view/standbylist.h"

static void
add_slot(void *arg, const SlotInfo *info, const ErrInfo *damage)
{
	SlotList *list = arg;
	SlotRow *slot;

	list->items =
		mem_realloc(list->items, (list->count + 1) * sizeof(*list->items));
	slot = &list->items[list->count++];
	*slot = (SlotRow){.info = *info, .damaged = damage != NULL};
	if (damage != NULL)
		slot->damage = *damage;
}

static int
compare_slots(const void *a, const void *b)
{
	return strcmp(
		((const SlotRow *) a)->info.name, ((const SlotRow *) b)->info.name);
}

static void
judge(SlotRow *slot, const Config *config, Lsn oldest, Lsn end)
{
	Lsn restart = slot->info.restart_lsn;

	slot->wal_status = slotlimit_status(restart, oldest, end,
		config->max_slot_wal_keep_size, config->spool_size);
	slot->retained_bytes = end > restart ? (int64_t) (end - restart) : 0;
	slot->limited = config->max_slot_wal_keep_size >= 0 &&
					slot->wal_status != SLOT_WAL_NONE &&
					slot->wal_status != SLOT_WAL_LOST;
	slot->safe_wal_size =
		slot->limited ? config->max_slot_wal_keep_size - slot->retained_bytes
					  : 0;
}

bool
slotlist_take(SlotList *list, const ChildContext *ctx, ErrInfo *err)
{
	const Config *config = ctx->config;
	Lsn end = standbylist_end_of_wal(ctx->ring);
	SpoolState spool;
	Lsn oldest;

	*list = (SlotList){0};
	if (config->state_directory[0] == '\0')
		return true;
	if (!slotscan_each(config->state_directory, add_slot, list, err))
	{
		slotlist_clear(list);
		return false;
	}
	if (list->count == 0)
		return true;
	qsort(list->items, list->count, sizeof(*list->items), compare_slots);
	spoolstate_take(&spool, ctx);
	oldest = spoolstate_oldest_at_hand(&spool, ctx->ring);
	for (size_t i = 0; i < list->count; i++)
	{
		SlotRow *slot = &list->items[i];

		if (slot->damaged)
			continue;
		slot->info.restart_lsn = board_slot_lsn(
			slot->info.name, slot->info.active_pid, slot->info.restart_lsn);
		judge(slot, config, oldest, end);
	}
	return true;
}

void
slotlist_clear(SlotList *list)
{
	free(list->items);
	*list = (SlotList){0};
}
