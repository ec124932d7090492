/*
 * upstream.c
 *		Have the upstream stream, and keep its histories.  See upstream.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/pgconn.h"
#include "reader/upstream.h"
#include "spool/spooldir.h"
#include "util/log.h"

#define COMMAND_TIMEOUT_MS 30000

/* Where to begin with an empty ring: standbys begin at the start of a segment. */
static Lsn
first_position(const Ring *ring, const Facts *facts, Lsn end)
{
	Lsn start = lsn_floor(end, facts->segment_size);

	if (end - start > ring_size(ring) / 2)
		start = lsn_floor(end - ring_size(ring) / 2, facts->block_size);
	return start;
}

/*
 * Where the ring is to go on: on the timeline that it is on or, if that has ended
 * there, on the one that followed.
 */
static void
place_ring(Ring *ring, const Upstream *up, Position *position, bool anew)
{
	RingState state = ring_state(ring);
	bool switched = false;
	Lsn end;

	if (anew || position->tli == 0)
	{
		position->tli = up->facts.tli;
		position->lsn = first_position(ring, &up->facts, up->end);
		if (state.tli != 0)
			log_msg(LOG_LOG,
				"WAL ring begins anew at " LSN_FORMAT
				" on timeline %u, it ended at " LSN_FORMAT " on timeline %u",
				LSN_ARGS(position->lsn), position->tli, LSN_ARGS(state.head),
				state.tli);
		ring_reset(ring, position->tli, position->lsn);
		return;
	}
	while (history_end(&up->line, position->tli, &end) && position->lsn >= end)
	{
		TimeLineId next = history_next(&up->line, position->tli);

		log_msg(LOG_LOG,
			"timeline %u ended at " LSN_FORMAT
			", going on with timeline %u; what is here goes up to " LSN_FORMAT,
			position->tli, LSN_ARGS(end), next, LSN_ARGS(position->lsn));
		position->tli = next;
		position->lsn = end;
		switched = true;
	}
	if (state.tli == 0)
		ring_reset(ring, position->tli, position->lsn);
	else if (switched)
		ring_switch(ring, position->tli, position->lsn);
}

static PGresult *
start_replication(
	PGconn *conn, const char *slot, const Position *position, ErrInfo *err)
{
	char command[160];

	if (slot[0] != '\0')
		snprintf(command, sizeof(command),
			"START_REPLICATION SLOT \"%s\" PHYSICAL " LSN_FORMAT " TIMELINE %u",
			slot, LSN_ARGS(position->lsn), position->tli);
	else
		snprintf(command, sizeof(command),
			"START_REPLICATION PHYSICAL " LSN_FORMAT " TIMELINE %u",
			LSN_ARGS(position->lsn), position->tli);
	return pgconn_exec(conn, command, COMMAND_TIMEOUT_MS, err);
}

/* In the grammar of 13 and 14, which later majors know too. */
static bool
create_slot(PGconn *conn, const char *slot, ErrInfo *err)
{
	char command[160];
	PGresult *result;

	snprintf(command, sizeof(command),
		"CREATE_REPLICATION_SLOT \"%s\" PHYSICAL RESERVE_WAL", slot);
	result = pgconn_exec(conn, command, COMMAND_TIMEOUT_MS, err);
	if (result == NULL)
		return false;
	PQclear(result);
	log_msg(LOG_LOG, "created replication slot \"%s\" on the upstream", slot);
	return true;
}

bool
upstream_start_streaming(Upstream *up, const Config *config, Ring *ring,
	Position *position, bool anew, ErrInfo *err)
{
	const char *slot = config->upstream_slot;
	PGresult *result;
	bool ok;

	place_ring(ring, up, position, anew);
	ring_set_upstream_end(ring, Max(up->end, position->lsn));
	result = start_replication(up->conn, slot, position, err);
	if (result == NULL && slot[0] != '\0' &&
		strcmp(err->sqlstate, SQLSTATE_UNDEFINED_OBJECT) == 0)
	{
		if (!create_slot(up->conn, slot, err))
			return false;
		result = start_replication(up->conn, slot, position, err);
	}
	if (result == NULL)
		return false;
	ok = PQresultStatus(result) == PGRES_COPY_BOTH;
	PQclear(result);
	if (!ok)
		return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"timeline %u of upstream ends before " LSN_FORMAT, position->tli,
			LSN_ARGS(position->lsn));
	if (PQsetnonblocking(up->conn, 1) != 0)
	{
		pgconn_error(
			up->conn, NULL, "could not set up upstream connection", err);
		return false;
	}
	log_msg(LOG_LOG,
		"streaming from upstream %s port %s at " LSN_FORMAT " on timeline %u",
		up->facts.host, up->facts.port, LSN_ARGS(position->lsn), position->tli);
	return true;
}

/* One timeline's, if it is not there yet. */
static bool
keep_history(const Config *config, PGconn *conn, TimeLineId tli, ErrInfo *err)
{
	char command[40];
	PGresult *result;
	size_t len;
	char *text = spooldir_get_history(config->state_directory, tli, &len);
	bool ok = true;

	if (text != NULL)
	{
		free(text);
		return true;
	}
	snprintf(command, sizeof(command), "TIMELINE_HISTORY %u", tli);
	result = pgconn_exec(conn, command, COMMAND_TIMEOUT_MS, err);
	if (result == NULL)
		return strcmp(err->sqlstate, SQLSTATE_UNDEFINED_FILE) == 0;
	if (PQntuples(result) == 1 && PQnfields(result) == 2)
		ok = spooldir_put_history(config->state_directory, tli,
			PQgetvalue(result, 0, 1), (size_t) PQgetlength(result, 0, 1), err);
	PQclear(result);
	return ok;
}

bool
upstream_keep_histories(const Config *config, const Upstream *up, ErrInfo *err)
{
	const Facts *facts = &up->facts;

	for (size_t i = 0; i < up->line.count; i++)
	{
		TimeLineId tli = up->line.ancestors[i].tli;

		if (tli > 1 && !keep_history(config, up->conn, tli, err))
			return false;
	}
	return facts->tli == 1 ||
		   spooldir_put_history(config->state_directory, facts->tli,
			   facts->history, facts->history_len, err);
}
