/*
 * slots.c
 *		Replication slots in a session.  See slots.h.
 *
 * A slot is of the rule that it was made under: under another one it can be
 * neither used nor removed, and does not show.  So what one rule may not have is
 * not held back, or let go of, by who comes in by another.
 *
 * Temporary slots are held from their creation to the end of the session, others
 * while they stream.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pq/message.h"
#include "process/signals.h"
#include "shm/ring.h"
#include "state/slot.h"
#include "state/slotscan.h"
#include "state/slotlimit.h"
#include "util/log.h"
#include "util/mem.h"
#include "wal/history.h"
#include "worker/slots.h"

/* Between two looks whether a slot has become free. */
#define WAIT_MS 100

static struct
{
	Slot *used;     /* by the stream; NULL: none */
	TimeLineId tli; /* of the stream */
	/* the standby begins so early that it may confirm less than it had before */
	bool may_go_back;
	Slot **temporary; /* count of them; one may be used as well */
	size_t count;
	bool at_end; /* the session's end has been seen to */
	bool warned;
	LogLimit limit;
} slots;

/* ---- what is ours ---- */

/* Of temporary slots; count if there is none of that name. */
static size_t
find_temporary(const char *name)
{
	size_t i = 0;

	while (i < slots.count &&
		   strcmp(slot_info(slots.temporary[i])->name, name) != 0)
		i++;
	return i;
}

static void
drop_temporary(size_t i, ErrInfo *err, bool *ok)
{
	*ok = slot_drop(slots.temporary[i], err);
	slots.temporary[i] = slots.temporary[--slots.count];
}

static void
on_end(void *arg)
{
	ErrInfo err;
	bool ok;

	slots_release(arg);
	while (slots.count > 0)
	{
		drop_temporary(slots.count - 1, &err, &ok);
		if (!ok)
			log_err(LOG_WARNING, &err);
	}
}

static void
see_to_the_end(Session *s)
{
	if (!slots.at_end)
		session_push_end(s, on_end, s);
	slots.at_end = true;
}

/* ---- what may be had ---- */

static bool
is_of_our_rule(const Session *s, const SlotInfo *info)
{
	return strcmp(info->rule, s->rule->name) == 0;
}

static bool
check_rule(const Session *s, const SlotInfo *info, ErrInfo *err)
{
	if (is_of_our_rule(s, info))
		return true;
	errinfo_set(err, SQLSTATE_INSUFFICIENT_PRIVILEGE,
		"permission denied for replication slot \"%s\"", info->name);
	return errinfo_detail(
		err, "It was made under another rule than \"%s\".", s->rule->name);
}

/*
 * Take a slot into use that is not ours already.  Nobody is disturbed by who may
 * not have it.
 */
static Slot *
open_slot(const Session *s, const char *name, ErrInfo *err)
{
	const char *directory = s->ctx->config->state_directory;
	SlotInfo info;
	Slot *slot;
	ErrInfo ignored;

	if (!slotscan_read(directory, name, &info, err) ||
		!check_rule(s, &info, err))
		return NULL;
	slot = slot_open(directory, name, err);
	/* it may have become another one */
	if (slot != NULL && !check_rule(s, slot_info(slot), err))
	{
		if (!slot_release(slot, &ignored))
			log_err(LOG_WARNING, &ignored);
		slot = NULL;
	}
	return slot;
}

/* ---- CREATE_REPLICATION_SLOT ---- */

/* The segment that comes in now; what is before it may be gone. */
static bool
reserve(const Session *s, SlotInfo *info, ErrInfo *err)
{
	RingState ring = ring_state(s->ctx->ring);
	Lsn lsn = ring.head != InvalidLsn ? ring.head : ring.upstream_end;

	if (lsn == InvalidLsn)
		return errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
			"no WAL has come from the upstream server yet");
	info->restart_lsn = lsn_floor(lsn, s->facts.segment_size);
	info->restart_tli = ring.tli != 0 ? ring.tli : s->facts.tli;
	return true;
}

static void
warn_without_spool(const Session *s)
{
	ErrInfo err;

	if (config_has_spool(s->ctx->config) || slots.warned)
		return;
	errinfo_set(&err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"nothing keeps WAL for replication slots: there is no spool");
	errinfo_hint(&err, "Set spool_size.");
	log_err(LOG_WARNING, &err);
	slots.warned = true;
}

/* Make it; what is temporary stays ours. */
static bool
create(Session *s, const ReplCommand *command, ErrInfo *err)
{
	const Config *config = s->ctx->config;
	SlotInfo info = {
		.system_identifier = s->facts.system_identifier,
		.temporary = command->temporary,
	};
	Slot *slot;

	snprintf(info.name, sizeof(info.name), "%s", command->slot);
	snprintf(info.rule, sizeof(info.rule), "%s", s->rule->name);
	if (command->reserve_wal && !reserve(s, &info, err))
		return false;
	slot = slot_create(
		config->state_directory, &info, config->max_replication_slots, err);
	if (slot == NULL)
		return false;
	log_msg(info.temporary ? LOG_INFO : LOG_LOG,
		"%s replication slot \"%s\" created under rule \"%s\"",
		info.temporary ? "temporary" : "persistent", info.name, info.rule);
	warn_without_spool(s);
	if (!info.temporary)
		return slot_release(slot, err);
	slots.temporary = mem_realloc(
		slots.temporary, (slots.count + 1) * sizeof(*slots.temporary));
	slots.temporary[slots.count++] = slot;
	see_to_the_end(s);
	return true;
}

void
slots_create(Session *s, const ReplCommand *command)
{
	static const MessageColumn columns[] = {
		{"slot_name", TYPE_TEXT, -1},
		{"consistent_point", TYPE_TEXT, -1},
		{"snapshot_name", TYPE_TEXT, -1},
		{"output_plugin", TYPE_TEXT, -1},
	};
	Buf *out = client_out(&s->client);
	MessageValue values[4];
	ErrInfo err;

	if (!create(s, command, &err))
	{
		session_error(s, &err);
		return;
	}
	values[0] = message_value(command->slot);
	values[1] = message_value("0/0"); /* logical slots have one */
	values[2] = message_value(NULL);
	values[3] = message_value(NULL);
	message_row_description(out, columns, lengthof(columns));
	message_data_row(out, values, lengthof(values));
	message_command_complete(out, replcmd_name(command->kind));
}

/* ---- DROP_REPLICATION_SLOT ---- */

/* For WAIT: false if the wait is over, by whatever but the slot. */
static bool
wait_a_little(Session *s, ErrInfo *err)
{
	if (signals_stop_requested() || signals_drain_requested())
		session_shutdown(s);
	if (signals_take_cancel())
		return errinfo_set(err, SQLSTATE_QUERY_CANCELED,
			"canceling statement due to user request");
	/* what it says is for later, but must not keep us awake */
	client_fill(&s->client);
	if (s->client.gone)
		session_end(s);
	client_wait(&s->client, -1, 0, WAIT_MS);
	board_sleep_end();
	return true;
}

static bool
drop(Session *s, const ReplCommand *command, ErrInfo *err)
{
	size_t i = find_temporary(command->slot);
	Slot *slot;
	bool ok;

	if (i < slots.count)
	{
		drop_temporary(i, err, &ok);
		return ok;
	}
	while ((slot = open_slot(s, command->slot, err)) == NULL)
	{
		if (!command->wait ||
			strcmp(err->sqlstate, SQLSTATE_OBJECT_IN_USE) != 0)
			return false;
		if (!wait_a_little(s, err))
			return false;
	}
	if (!slot_drop(slot, err))
		return false;
	log_msg(LOG_LOG, "replication slot \"%s\" dropped under rule \"%s\"",
		command->slot, s->rule->name);
	return true;
}

void
slots_drop(Session *s, const ReplCommand *command)
{
	ErrInfo err;

	if (drop(s, command, &err))
		message_command_complete(
			client_out(&s->client), replcmd_name(command->kind));
	else
		session_error(s, &err);
}

/* ---- READ_REPLICATION_SLOT ---- */

/* False, with err, on failure; *found says whether there is one, for us. */
static bool
look(const Session *s, const char *name, SlotInfo *info, bool *found,
	ErrInfo *err)
{
	size_t i = find_temporary(name);

	*found = true;
	if (i < slots.count)
	{
		*info = *slot_info(slots.temporary[i]);
		return true;
	}
	if (slotscan_read(s->ctx->config->state_directory, name, info, err))
	{
		*found = is_of_our_rule(s, info);
		info->restart_lsn =
			board_slot_lsn(info->name, info->active_pid, info->restart_lsn);
		return true;
	}
	*found = false;
	return strcmp(err->sqlstate, SQLSTATE_UNDEFINED_OBJECT) == 0;
}

/* The timeline that restart_lsn is on in the line of the upstream's. */
static TimeLineId
restart_tli(const Session *s, const SlotInfo *info)
{
	History history;
	ErrInfo ignored;

	if ((s->facts.tli > 1 && s->facts.history_len == 0) ||
		!history_parse(&history, s->facts.tli, s->facts.history,
			s->facts.history_len, &ignored))
		return info->restart_tli;
	return history_at(&history, info->restart_lsn);
}

void
slots_read(Session *s, const ReplCommand *command)
{
	static const MessageColumn columns[] = {
		{"slot_type", TYPE_TEXT, -1},
		{"restart_lsn", TYPE_TEXT, -1},
		{"restart_tli", TYPE_INT8, 8},
	};
	Buf *out = client_out(&s->client);
	MessageValue values[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
	char lsn_text[LSN_TEXT_SIZE];
	char tli_text[16];
	SlotInfo info;
	bool found;
	ErrInfo err;

	if (!look(s, command->slot, &info, &found, &err))
	{
		session_error(s, &err);
		return;
	}
	if (found)
		values[0] = message_value("physical");
	if (found && info.restart_lsn != InvalidLsn)
	{
		snprintf(
			lsn_text, sizeof(lsn_text), LSN_FORMAT, LSN_ARGS(info.restart_lsn));
		snprintf(tli_text, sizeof(tli_text), "%u", restart_tli(s, &info));
		values[1] = message_value(lsn_text);
		values[2] = message_value(tli_text);
	}
	message_row_description(out, columns, lengthof(columns));
	message_data_row(out, values, lengthof(values));
	message_command_complete(out, replcmd_name(command->kind));
}

/* ---- the slot of a stream ---- */

static void
tell_board(Session *s)
{
	const SlotInfo *info = slots.used != NULL ? slot_info(slots.used) : NULL;

	snprintf(s->status.slot, sizeof(s->status.slot), "%s",
		info != NULL ? info->name : "");
	s->status.restart_lsn = info != NULL ? info->restart_lsn : InvalidLsn;
	board_publish(&s->status);
}

/* It keeps LSNs of another upstream, which mean nothing here. */
static bool
check_system(const Session *s, ErrInfo *err)
{
	const SlotInfo *info = slot_info(slots.used);

	if (info->system_identifier == s->facts.system_identifier)
		return true;
	errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"replication slot \"%s\" is of another database system", info->name);
	return errinfo_hint(err, "Drop it and make it again.");
}

/* What it needs may still be at hand, here or elsewhere: that is seen next. */
static void
note_limit(const Session *s)
{
	const SlotInfo *info = slot_info(slots.used);
	Lsn head = ring_state(s->ctx->ring).head;

	if (info->restart_lsn == InvalidLsn ||
		slotlimit_covers(
			info->restart_lsn, head, s->ctx->config->max_slot_wal_keep_size))
		return;
	log_msg(LOG_LOG,
		"replication slot \"%s\" is at " LSN_FORMAT
		" and upstream at " LSN_FORMAT
		", more than max_slot_wal_keep_size apart",
		info->name, LSN_ARGS(info->restart_lsn), LSN_ARGS(head));
}

bool
slots_acquire(Session *s, const ReplCommand *command, ErrInfo *err)
{
	size_t i = find_temporary(command->slot);

	slots.used =
		i < slots.count ? slots.temporary[i] : open_slot(s, command->slot, err);
	if (slots.used == NULL)
		return false;
	see_to_the_end(s);
	slots.tli = command->tli != 0 ? command->tli : s->facts.tli;
	slots.may_go_back =
		command->start <
		lsn_floor(slot_info(slots.used)->restart_lsn, s->facts.segment_size);
	if (!check_system(s, err))
	{
		slots_release(s);
		return false;
	}
	note_limit(s);
	tell_board(s);
	return true;
}

/*
 * A standby that has been replaced by an older copy of itself needs what it had
 * confirmed before; the first that it confirms now says so.
 */
static bool
go_back(Lsn flush, ErrInfo *err)
{
	const SlotInfo *info = slot_info(slots.used);
	Lsn before = info->restart_lsn;

	if (!slot_set_back(slots.used, flush, slots.tli, err))
		return false;
	if (info->restart_lsn < before)
		log_msg(LOG_LOG,
			"replication slot \"%s\" goes back from " LSN_FORMAT
			" to " LSN_FORMAT " with its standby",
			info->name, LSN_ARGS(before), LSN_ARGS(info->restart_lsn));
	slots.may_go_back = false;
	return true;
}

void
slots_confirm(Session *s)
{
	ErrInfo err;

	if (slots.used == NULL || s->status.flush == InvalidLsn)
		return;
	if (slots.may_go_back && !go_back(s->status.flush, &err))
		log_err_limited(&slots.limit, LOG_WARNING, &err);
	/* what is on disk then keeps more than it must */
	if (!slot_advance(slots.used, s->status.flush, slots.tli,
			s->facts.segment_size, &err))
		log_err_limited(&slots.limit, LOG_WARNING, &err);
	if (s->status.restart_lsn == slot_info(slots.used)->restart_lsn)
		return;
	s->status.restart_lsn = slot_info(slots.used)->restart_lsn;
	board_publish(&s->status);
}

void
slots_release(Session *s)
{
	Slot *slot = slots.used;
	bool ok;
	ErrInfo err;

	if (slot == NULL)
		return;
	/* whoever no longer finds it on the board finds it on disk */
	ok = slot_save(slot, &err);
	slots.used = NULL;
	/* before it can be another's */
	tell_board(s);
	if (!slot_info(slot)->temporary)
		ok = slot_release(slot, &err);
	if (!ok)
		log_err(LOG_WARNING, &err);
}
