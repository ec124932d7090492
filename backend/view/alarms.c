/*
 * alarms.c
 *		SHOW ALARMS: what somebody should look at, as it is now.
 *
 * Critical is what makes a standby fall behind for good, or will do so; a warning is
 * what can wait until tomorrow.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>

#include "shm/control.h"
#include "util/monotime.h"
#include "view/slotlist.h"
#include "view/spoolstate.h"
#include "view/standbylist.h"
#include "view/views.h"

/* An upstream may be away for so long: it is restarted, or another takes over. */
#define UPSTREAM_AWAY_US (INT64_C(30) * 1000 * 1000)

#define CRITICAL "critical"
#define WARNING "warning"

static const ViewColumn columns[] = {
	{"severity", TYPE_TEXT},
	{"source", TYPE_TEXT},
	{"name", TYPE_TEXT},
	{"message", TYPE_TEXT},
	{"since", TYPE_TIMESTAMPTZ},
};

typedef struct Alarm
{
	const char *severity;
	const char *source;
	const char *name; /* "": NULL */
	int64_t since;    /* a pg_timestamp; 0: not known */
} Alarm;

static void PRINTF_LIKE(3, 4)
	put_alarm(ViewRow *row, const Alarm *alarm, const char *fmt, ...)
{
	char message[sizeof(ErrInfo)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	view_put_text(row, alarm->severity);
	view_put_text(row, alarm->source);
	view_put_name(row, alarm->name);
	view_put_text(row, message);
	view_put_time(row, alarm->since);
	view_end_row(row);
}

/* Its commits wait, if it has us in synchronous_standby_names. */
static void
look_at_acknowledge(ViewRow *row, const BoardStatus *status, int wanted)
{
	Alarm alarm = {CRITICAL, "upstream", "", status->lacking_time};

	if (status->lacking_time != 0)
		put_alarm(row, &alarm,
			"nothing is acknowledged to the upstream: %u of the %d standbys "
			"that \"upstream.acknowledge\" asks for are streaming",
			status->standbys, wanted);
}

/* A reader that cannot stay alive does not reach the upstream either. */
static void
look_at_upstream(ViewRow *row, const ChildContext *ctx)
{
	int64_t now = monotime_pg_timestamp();
	BoardView reader = {0};
	Alarm alarm = {CRITICAL, "upstream", "", 0};

	if (!board_view(BOARD_READER, &reader))
		reader = (BoardView){0};
	if (reader.status.connected != 0)
	{
		look_at_acknowledge(
			row, &reader.status, ctx->config->acknowledge.count);
		return;
	}
	alarm.since = Max(reader.status.message_time, control_upstream_heard());
	alarm.since = Max(alarm.since, control_start_time());
	if (now - alarm.since <= UPSTREAM_AWAY_US)
		return;
	put_alarm(row, &alarm, "not connected to the upstream%s%s",
		reader.status.reason[0] != '\0' ? ": " : "", reader.status.reason);
}

/* ---- standbys ---- */

static void
look_at_verdict(ViewRow *row, const Standby *standby)
{
	const BoardStatus *status = &standby->view.status;
	const StandbyVerdict *verdict = &standby->verdict;
	Alarm alarm = {
		CRITICAL, "standby", status->application_name, verdict->since};

	if (verdict->state == STANDBY_HALTED)
		put_alarm(row, &alarm, "standby of rule \"%s\" cannot go on: %s",
			status->rule, verdict->reason);
	if (verdict->state != STANDBY_STALLED)
		return;
	alarm.severity = WARNING;
	put_alarm(row, &alarm, "standby of rule \"%s\" is stalled: %s",
		status->rule, verdict->reason);
}

static void
look_at_standby(ViewRow *row, const Standby *standby)
{
	const BoardStatus *status = &standby->view.status;
	Alarm alarm = {WARNING, "standby", status->application_name, 0};

	look_at_verdict(row, standby);
	if (status->scope_kept)
		put_alarm(row, &alarm,
			"standby keeps a scope that is older, and narrower, than rule "
			"\"%s\"",
			status->rule);
	if (status->alarms > 0 && status->alarm[0] != '\0')
		put_alarm(row, &alarm, "%s", status->alarm);
}

static void
look_at_standbys(ViewRow *row, const ChildContext *ctx)
{
	StandbyList list;

	standbylist_take(&list, ctx);
	for (size_t i = 0; i < list.count; i++)
		look_at_standby(row, &list.items[i]);
	standbylist_clear(&list);
}

/* ---- files ---- */

/* Without a spool it is not for us to keep what a slot needs. */
static void
look_at_slot(ViewRow *row, const SlotRow *slot, bool has_spool)
{
	Alarm alarm = {has_spool ? CRITICAL : WARNING, "slot", slot->info.name, 0};

	if (slot->damaged)
	{
		alarm.severity = CRITICAL;
		put_alarm(row, &alarm, "%s", slot->damage.message);
		return;
	}
	switch (slot->wal_status)
	{
		case SLOT_WAL_LOST:
			put_alarm(row, &alarm,
				"neither ring nor spool has the WAL that replication slot "
				"\"%s\" needs, from " LSN_FORMAT " on",
				slot->info.name, LSN_ARGS(slot->info.restart_lsn));
			break;
		case SLOT_WAL_UNRESERVED:
			alarm.severity = WARNING;
			if (has_spool)
				put_alarm(row, &alarm,
					"replication slot \"%s\" is behind by %" PRId64
					" bytes, more than max_slot_wal_keep_size",
					slot->info.name, slot->retained_bytes);
			break;
		case SLOT_WAL_EXTENDED:
			alarm.severity = WARNING;
			put_alarm(row, &alarm,
				"replication slot \"%s\" is behind by %" PRId64
				" bytes, more than spool_size",
				slot->info.name, slot->retained_bytes);
			break;
		default:
			break;
	}
}

static void
look_at_slots(ViewRow *row, const ChildContext *ctx)
{
	Alarm alarm = {CRITICAL, "slot", "", 0};
	SlotList list;
	ErrInfo err;

	if (!slotlist_take(&list, ctx, &err))
	{
		put_alarm(row, &alarm, "%s", err.message);
		return;
	}
	for (size_t i = 0; i < list.count; i++)
		look_at_slot(row, &list.items[i], config_has_spool(ctx->config));
	slotlist_clear(&list);
}

static void
look_at_spool(ViewRow *row, const ChildContext *ctx)
{
	Alarm alarm = {CRITICAL, "spool", "", 0};
	SpoolState spool;

	spoolstate_take(&spool, ctx);
	if (!spool.refused)
		return;
	put_alarm(row, &alarm, "the spool is not written: %s", spool.reason);
}

static void
look_at_monitor(ViewRow *row, const ChildContext *ctx)
{
	Alarm alarm = {WARNING, "monitor", "", 0};
	BoardView monitor;

	if (ctx->config->monitor_port != 0 && board_view(BOARD_MONITOR, &monitor) &&
		monitor.status.reason[0] != '\0')
		put_alarm(row, &alarm, "%s", monitor.status.reason);
}

static void
look_at_config(ViewRow *row, const ChildContext *ctx)
{
	ReloadOutcome outcome = control_reload_outcome();
	Alarm alarm = {WARNING, "configuration",
		ctx->config_file != NULL ? ctx->config_file : "", outcome.time};

	if (!outcome.good)
		put_alarm(row, &alarm, "the last reload has changed nothing: %s",
			outcome.err.message);
}

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err UNUSED)
{
	look_at_upstream(row, ctx);
	look_at_standbys(row, ctx);
	look_at_slots(row, ctx);
	look_at_spool(row, ctx);
	look_at_monitor(row, ctx);
	look_at_config(row, ctx);
	return true;
}

const View view_alarms = {
	.name = "alarms",
	.help = "What somebody should look at.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
