/*
 * command.c
 *		The replication commands: one row a command.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pq/message.h"
#include "pq/replcmd.h"
#include "process/pgconn.h"
#include "process/signals.h"
#include "shm/ring.h"
#include "source/position.h"
#include "spool/spooldir.h"
#include "util/log.h"
#include "worker/command.h"
#include "worker/enquiry.h"
#include "worker/slots.h"
#include "worker/stream.h"

#define UPSTREAM_TIMEOUT_MS 30000

typedef void (*CommandHandler)(Session *s, const ReplCommand *command);

/* A row has a handler, or says why there is none. */
typedef struct CommandRow
{
	CommandHandler handler;
	const char *message;
	const char *hint;
} CommandRow;

static void do_empty(Session *s, const ReplCommand *command);
static void do_identify_system(Session *s, const ReplCommand *command);
static void do_show(Session *s, const ReplCommand *command);
static void do_timeline_history(Session *s, const ReplCommand *command);
static void do_start_physical(Session *s, const ReplCommand *command);

static const CommandRow commands[REPLCMD_KIND_COUNT] = {
	[REPLCMD_EMPTY] = {.handler = do_empty},
	[REPLCMD_IDENTIFY_SYSTEM] = {.handler = do_identify_system},
	[REPLCMD_SHOW] = {.handler = do_show},
	[REPLCMD_TIMELINE_HISTORY] = {.handler = do_timeline_history},
	[REPLCMD_START_PHYSICAL] = {.handler = do_start_physical},
	[REPLCMD_SQL] =
		{
			.message = "cannot execute SQL through walbouncer",
			.hint = "Connect to the upstream server itself for SQL.",
		},
	[REPLCMD_START_LOGICAL] =
		{
			.message = "logical replication is not supported",
			.hint = "Connect to the upstream server itself for logical "
					"replication.",
		},
	[REPLCMD_CREATE_SLOT] = {.handler = slots_create},
	[REPLCMD_CREATE_LOGICAL] =
		{
			.message = "logical replication is not supported",
			.hint = "Connect to the upstream server itself for logical "
					"replication.",
		},
	[REPLCMD_DROP_SLOT] = {.handler = slots_drop},
	[REPLCMD_READ_SLOT] = {.handler = slots_read},
	[REPLCMD_ALTER_SLOT] =
		{
			/* what it can alter only logical slots have (slot.c, 17 and 18) */
			.message = "cannot use ALTER_REPLICATION_SLOT with a physical "
					   "replication slot",
			.hint = "All slots of walbouncer are physical.",
		},
	[REPLCMD_BASE_BACKUP] =
		{
			.message = "base backups are not supported",
			.hint = "Take the base backup from the upstream server itself.",
		},
	[REPLCMD_UPLOAD_MANIFEST] =
		{
			.message = "base backups are not supported",
			.hint = "Take the base backup from the upstream server itself.",
		},
};

static void
do_empty(Session *s, const ReplCommand *command)
{
	(void) command;
	message_empty_query(client_out(&s->client));
}

/* How far WAL can be had; while there is no upstream, from the spool. */
static Lsn
wal_end(const Session *s)
{
	return Max(
		position_here(s->ctx->ring).lsn, ring_state(s->ctx->ring).upstream_end);
}

static void
do_identify_system(Session *s, const ReplCommand *command)
{
	/* the timeline has been an int8 since 16 (walsender.c, IdentifySystem) */
	bool wide = s->facts.server_version >= 160000;
	const MessageColumn columns[] = {
		{"systemid", TYPE_TEXT, -1},
		{"timeline", wide ? TYPE_INT8 : TYPE_INT4, wide ? 8 : 4},
		{"xlogpos", TYPE_TEXT, -1},
		{"dbname", TYPE_TEXT, -1},
	};
	Lsn end = wal_end(s);
	Buf *out = client_out(&s->client);
	char sysid[24];
	char tli[16];
	char xlogpos[LSN_TEXT_SIZE];
	MessageValue values[4];

	snprintf(sysid, sizeof(sysid), "%" PRIu64, s->facts.system_identifier);
	snprintf(tli, sizeof(tli), "%u", s->facts.tli);
	snprintf(xlogpos, sizeof(xlogpos), LSN_FORMAT, LSN_ARGS(end));
	values[0] = message_value(sysid);
	values[1] = message_value(tli);
	values[2] = message_value(xlogpos);
	values[3] = message_value(NULL);
	message_row_description(out, columns, lengthof(columns));
	message_data_row(out, values, lengthof(values));
	message_command_complete(out, replcmd_name(command->kind));
}

static void
do_show(Session *s, const ReplCommand *command)
{
	const char *value = facts_setting(&s->facts, command->setting);
	const MessageColumn column = {command->setting, TYPE_TEXT, -1};
	Buf *out = client_out(&s->client);
	MessageValue values[1];
	ErrInfo err;

	if (value == NULL)
	{
		errinfo_set(&err, SQLSTATE_UNDEFINED_OBJECT,
			"unrecognized configuration parameter \"%s\"", command->setting);
		errinfo_hint(&err,
			"walbouncer knows the settings that clients of physical "
			"replication ask for.");
		session_error(s, &err);
		return;
	}
	values[0] = message_value(value);
	message_row_description(out, &column, 1);
	message_data_row(out, values, 1);
	message_command_complete(out, replcmd_name(command->kind));
}

static void
put_history(Session *s, TimeLineId tli, const char *content, size_t len)
{
	/* the content has been text since 14, bytea before (walsender.c) */
	bool text = s->facts.server_version >= 140000;
	const MessageColumn columns[] = {
		{"filename", TYPE_TEXT, -1},
		{"content", text ? TYPE_TEXT : TYPE_BYTEA, -1},
	};
	Buf *out = client_out(&s->client);
	char filename[32];
	MessageValue values[2];

	snprintf(filename, sizeof(filename), "%08X.history", tli);
	values[0] = message_value(filename);
	values[1] = (MessageValue){content, len};
	message_row_description(out, columns, lengthof(columns));
	message_data_row(out, values, lengthof(values));
	message_command_complete(out, replcmd_name(REPLCMD_TIMELINE_HISTORY));
}

/* From the spool; false if it is not there. */
static bool
put_spooled_history(Session *s, TimeLineId tli)
{
	size_t len;
	char *text;

	if (!config_has_spool(s->ctx->config))
		return false;
	text = spooldir_get_history(s->ctx->config->state_directory, tli, &len);
	if (text == NULL)
		return false;
	put_history(s, tli, text, len);
	free(text);
	return true;
}

/*
 * The current timeline's history is at hand, and those before it may be in the spool;
 * otherwise the upstream is asked.
 */
static void
do_timeline_history(Session *s, const ReplCommand *command)
{
	char text[48];
	PGconn *conn;
	PGresult *result = NULL;
	ErrInfo err;

	if (command->tli == s->facts.tli && s->facts.history_len > 0)
	{
		put_history(s, command->tli, s->facts.history, s->facts.history_len);
		return;
	}
	if (put_spooled_history(s, command->tli))
		return;
	snprintf(text, sizeof(text), "TIMELINE_HISTORY %u", command->tli);
	conn =
		enquiry_connect(s->ctx, PGCONN_REPLICATION, "walbouncer_history", &err);
	if (conn != NULL)
		result = pgconn_exec(conn, text, UPSTREAM_TIMEOUT_MS, &err);
	if (result == NULL)
		session_error(s, &err);
	else if (PQntuples(result) == 1 && PQnfields(result) == 2)
		put_history(s, command->tli, PQgetvalue(result, 0, 1),
			(size_t) PQgetlength(result, 0, 1));
	else
	{
		errinfo_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
			"invalid answer to TIMELINE_HISTORY from upstream");
		session_error(s, &err);
	}
	PQclear(result);
	PQfinish(conn);
}

static void
do_start_physical(Session *s, const ReplCommand *command)
{
	bool with_slot = command->slot[0] != '\0';
	ErrInfo err;

	if (with_slot && !slots_acquire(s, command, &err))
	{
		session_error(s, &err);
		return;
	}
	stream_run(s, command);
	if (with_slot)
		slots_release(s);
}

static void
run_command(Session *s, const char *text)
{
	ReplCommand command;
	const CommandRow *row;
	ErrInfo err;

	log_msg(LOG_DEBUG1, "received command: %s", text);
	if (!replcmd_parse(text, &command, &err))
	{
		session_error(s, &err);
		return;
	}
	/* what is known of the upstream may be newer than our last command */
	if (!facts_get(&s->facts))
		return;
	row = &commands[command.kind];
	if (row->handler != NULL)
	{
		snprintf(s->status.command, sizeof(s->status.command), "%s", text);
		board_publish(&s->status);
		row->handler(s, &command);
		return;
	}
	errinfo_set(&err, SQLSTATE_FEATURE_NOT_SUPPORTED, "%s", row->message);
	errinfo_hint(&err, "%s", row->hint);
	session_error(s, &err);
}

/*
 * The extended protocol has no place here (postgres.c, forbidden_in_wal_sender):
 * one error, then silence until Sync.
 */
static void
refuse_extended(Session *s, bool *until_sync)
{
	ErrInfo err;

	if (*until_sync)
		return;
	errinfo_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
		"the extended query protocol is not supported in a replication "
		"connection");
	session_error(s, &err);
	*until_sync = true;
}

static void
take_frame(Session *s, const Frame *frame, bool *until_sync)
{
	Buf *out = client_out(&s->client);
	const char *text;
	ErrInfo err;

	switch (frame->type)
	{
		case FRAME_QUERY:
			if (*until_sync)
				return;
			if (!frame_query_text(frame, &text, &err))
				session_fatal(s, &err);
			run_command(s, text);
			message_ready(out, 'I');
			return;
		case FRAME_SYNC:
			*until_sync = false;
			message_ready(out, 'I');
			return;
		case FRAME_FUNCTION_CALL:
			if (*until_sync)
				return;
			errinfo_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
				"fastpath function calls are not supported in a replication "
				"connection");
			session_error(s, &err);
			message_ready(out, 'I');
			return;
		case FRAME_PARSE:
		case FRAME_BIND:
		case FRAME_DESCRIBE:
		case FRAME_EXECUTE:
		case FRAME_CLOSE:
			refuse_extended(s, until_sync);
			return;
		case FRAME_FLUSH:
		case FRAME_COPY_DATA: /* on its way when COPY mode ended */
		case FRAME_COPY_DONE:
		case FRAME_COPY_FAIL:
			return;
		case FRAME_TERMINATE:
			session_end(s);
		default:
			errinfo_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
				"invalid frontend message type %u", frame->type);
			session_fatal(s, &err);
	}
}

static void
refresh_config(Session *s)
{
	Config *previous;

	if (child_refresh_config(s->ctx, &previous))
		session_rematch(s, previous);
}

void
command_loop(Session *s)
{
	bool until_sync = false;

	message_ready(client_out(&s->client), 'I');
	session_set_state(s, CELL_IDLE);
	for (;;)
	{
		Frame frame;

		client_flush(&s->client);
		client_fill(&s->client);
		if (signals_stop_requested() || signals_drain_requested())
			session_shutdown(s);
		refresh_config(s);
		if (!session_next_frame(s, &frame))
			continue;
		(void) signals_take_cancel(); /* meant for an earlier command */
		take_frame(s, &frame, &until_sync);
		session_set_state(s, CELL_IDLE);
	}
}
