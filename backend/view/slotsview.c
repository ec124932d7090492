/*
 * slotsview.c
 *		SHOW SLOTS.
 */
#include "base.h"

#include "view/slotlist.h"
#include "view/viewutil.h"
#include "view/views.h"

/* Names are those of pg_replication_slots where it has the same. */
static const ViewColumn columns[] = {
	{"slot_name", TYPE_TEXT},
	{"rule", TYPE_TEXT},
	{"slot_type", TYPE_TEXT},
	{"temporary", TYPE_BOOL},
	{"active", TYPE_BOOL},
	{"active_pid", TYPE_INT4},
	{"restart_lsn", TYPE_LSN},
	{"timeline", TYPE_INT8},
	{"wal_status", TYPE_TEXT},
	{"safe_wal_size", TYPE_INT8},
	{"retained_bytes", TYPE_INT8},
};

static void
put_slot(ViewRow *row, const SlotRow *slot)
{
	const SlotInfo *info = &slot->info;

	view_put_text(row, info->name);
	view_put_name(row, info->rule);
	view_put_text(row, "physical");
	view_put_bool(row, info->temporary);
	view_put_bool(row, info->active_pid != 0);
	viewutil_put_pid(row, info->active_pid);
	view_put_lsn(row, info->restart_lsn);
	viewutil_put_timeline(row, info->restart_tli);
	view_put_text(row, slotlimit_status_name(slot->wal_status));
	if (slot->limited)
		view_put_int(row, slot->safe_wal_size);
	else
		view_put_null(row);
	if (info->restart_lsn != InvalidLsn)
		view_put_int(row, slot->retained_bytes);
	else
		view_put_null(row);
	view_end_row(row);
}

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err)
{
	SlotList list;

	if (!slotlist_take(&list, ctx, err))
		return false;
	for (size_t i = 0; i < list.count; i++)
		put_slot(row, &list.items[i]);
	slotlist_clear(&list);
	return true;
}

const View view_slots = {
	.name = "slots",
	.help = "The replication slots that standbys have here.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
