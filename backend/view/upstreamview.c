/*
 * upstreamview.c
 *		SHOW UPSTREAM.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conninfo.h"
#include "shm/board.h"
#include "shm/facts.h"
#include "shm/ring.h"
#include "util/mem.h"
#include "util/monotime.h"
#include "view/viewutil.h"
#include "view/views.h"

static const ViewColumn columns[] = {
	{"state", TYPE_TEXT},
	{"host", TYPE_TEXT},
	{"port", TYPE_TEXT},
	{"conninfo", TYPE_TEXT},
	{"system_identifier", TYPE_TEXT},
	{"timeline", TYPE_INT8},
	{"server_version_num", TYPE_INT4},
	{"received_lsn", TYPE_LSN},
	{"upstream_lsn", TYPE_LSN},
	{"received_bytes", TYPE_INT8},
	{"connected_since", TYPE_TIMESTAMPTZ},
	{"last_message_age", TYPE_FLOAT8},
	{"connects", TYPE_INT8},
	{"slot_name", TYPE_TEXT},
	{"acknowledge", TYPE_TEXT},
	{"last_error", TYPE_TEXT},
};

/*
 * While there is no reader the next one is about to be started.  There is a
 * connection before there is a stream.
 */
static const char *
state_of(const BoardView *reader)
{
	if (reader->status.connected != 0 && reader->state == CELL_STREAMING)
		return "streaming";
	return reader->state == CELL_IDLE ? "waiting" : "connecting";
}

static void
put_facts(ViewRow *row, const Facts *facts, const char *conninfo)
{
	char *masked = conninfo_mask(conninfo);
	char identifier[24];

	snprintf(
		identifier, sizeof(identifier), "%" PRIu64, facts->system_identifier);
	view_put_name(row, facts->host);
	view_put_name(row, facts->port);
	view_put_text(row, masked);
	view_put_text(row, facts->system_identifier != 0 ? identifier : NULL);
	viewutil_put_timeline(row, facts->tli);
	if (facts->server_version != 0)
		view_put_int(row, facts->server_version);
	else
		view_put_null(row);
	free(masked);
}

static bool
run(const ChildContext *ctx, ViewRow *row, ErrInfo *err UNUSED)
{
	RingState ring = ring_state(ctx->ring);
	/* too large for the stack of a process that does much else */
	Facts *facts = mem_alloc0(sizeof(*facts));
	BoardView reader = {0};

	if (!board_view(BOARD_READER, &reader))
		reader = (BoardView){0};
	if (!facts_get(facts))
		memset(facts, 0, sizeof(*facts));
	view_put_text(row, state_of(&reader));
	put_facts(row, facts, ctx->config->upstream_conninfo);
	view_put_lsn(row, ring.head);
	view_put_lsn(row, ring.upstream_end);
	view_put_uint(row, reader.status.bytes);
	view_put_time(row, reader.status.connected);
	viewutil_put_age(row, reader.status.message_time, monotime_pg_timestamp());
	view_put_uint(row, reader.status.connects);
	view_put_name(row, ctx->config->upstream_slot);
	view_put_text(row, ctx->config->upstream_acknowledge);
	view_put_name(row, reader.status.reason);
	view_end_row(row);
	free(facts);
	return true;
}

const View view_upstream = {
	.name = "upstream",
	.help = "The server that the WAL comes from, and the connection to it.",
	.columns = columns,
	.column_count = lengthof(columns),
	.run = run,
};
