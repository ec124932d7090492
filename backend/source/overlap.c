/*
 * overlap.c
 *		Whether a server has the WAL that is here.  See overlap.h.
 *
 * System identifier and timeline do not tell whether two servers have the same WAL.
 * A standby from which something was withheld has blank records in places, and a
 * server that lost WAL in a crash of its machine writes other records where the lost
 * ones were.
 */
#include "base.h"

#include <string.h>

#include "pq/replication.h"
#include "process/pgconn.h"
#include "process/signals.h"
#include "shm/facts.h"
#include "source/overlap.h"
#include "spool/spooldir.h"
#include "util/monotime.h"

#define ANSWER_MS 30000
/* One that holds WAL back need not send what is here. */
#define PATIENCE_MS 5000

typedef struct Overlap
{
	PGconn *conn;
	const Ring *ring;
	SpoolReader *spool;  /* NULL: there is none */
	const History *line; /* the server's */
	TimeLineId tli;
	Lsn at;  /* what is to be compared next */
	Lsn end; /* up to there */
	int64_t deadline;
	bool ended; /* the stream, by the server */
	ErrInfo *err;
} Overlap;

/* A message is here, or COPY has ended (length -1); false if neither came. */
static bool
next_message(Overlap *o, char **body, int *len)
{
	while ((*len = PQgetCopyData(o->conn, body, 1)) == 0)
	{
		if (!pgconn_wait(o->conn, o->deadline, o->err))
			return false;
	}
	return true;
}

static bool
differs(const Overlap *o, Lsn lsn)
{
	errinfo_set(o->err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"upstream has other WAL than what is here, from " LSN_FORMAT
		" on timeline %u",
		LSN_ARGS(lsn), o->tli);
	errinfo_detail(o->err, "It is of the same cluster, and has been a standby "
						   "from which something "
						   "was withheld, or has lost WAL in a crash.");
	return errinfo_hint(o->err,
		"Choose another server.  If the standbys are to follow this one, stop "
		"walbouncer, empty its state_directory, and build them anew.");
}

/* What is here, from o->at on; 0: nothing. */
static size_t
read_ours(const Overlap *o, uint8_t *ours, size_t cap)
{
	size_t got;

	if (ring_read(o->ring, o->tli, o->at, ours, cap, &got) == RING_OK)
		return got;
	return o->spool != NULL
			   ? spoolreader_read(o->spool, o->line, o->at, ours, cap)
			   : 0;
}

/* How much of what is not here lies before what is. */
static size_t
hole_size(const Overlap *o)
{
	Lsn tail = ring_state(o->ring).tail;

	return (tail > o->at && tail < o->end ? tail : o->end) - o->at;
}

/* WAL from there, with what is here of it. */
static bool
compare(Overlap *o, const uint8_t *data, size_t len)
{
	static uint8_t ours[REPLICATION_WAL_MAX];

	while (len > 0 && o->at < o->end)
	{
		size_t cap = Min(Min(len, sizeof(ours)), (size_t) (o->end - o->at));
		size_t got = read_ours(o, ours, cap);
		size_t done = got > 0 ? got : Min(cap, hole_size(o));

		for (size_t i = 0; i < got; i++)
		{
			if (data[i] != ours[i])
				return differs(o, o->at + i);
		}
		data += done;
		len -= done;
		o->at += done;
	}
	return true;
}

static bool
take_message(Overlap *o, const char *body, int len)
{
	ReplicationWal wal;

	if (!replication_decode_server(
			(const uint8_t *) body, (size_t) len, &wal, o->err))
		return false;
	if (wal.kind != REPLICATION_DATA)
		return true;
	if (wal.start > o->at)
		return errinfo_set(o->err, SQLSTATE_PROTOCOL_VIOLATION,
			"gap in WAL from upstream: expected " LSN_FORMAT
			", got " LSN_FORMAT,
			LSN_ARGS(o->at), LSN_ARGS(wal.start));
	if (wal.start + wal.len <= o->at)
		return true;
	return compare(o, wal.data + (o->at - wal.start),
		wal.len - (size_t) (o->at - wal.start));
}

/* One that holds its WAL back, rather than one that has failed. */
static bool
is_late(const Overlap *o)
{
	return monotime_ms() >= o->deadline && PQstatus(o->conn) == CONNECTION_OK &&
		   !signals_stop_requested();
}

/* All of it; less if the server ends the stream first, or is late. */
static bool
take_messages(Overlap *o)
{
	char *body;
	int len;

	while (o->at < o->end)
	{
		bool ok;

		if (!next_message(o, &body, &len))
			return is_late(o);
		o->ended = len < 0;
		if (o->ended)
			return true;
		ok = take_message(o, body, len);
		PQfreemem(body);
		if (!ok)
			return false;
	}
	return true;
}

/* We end the stream, and let pass what is on its way. */
static bool
stop_stream(Overlap *o)
{
	char *body;
	int len;

	if (PQputCopyEnd(o->conn, NULL) != 1)
	{
		pgconn_error(o->conn, NULL, "could not send to upstream", o->err);
		return false;
	}
	do
	{
		if (!next_message(o, &body, &len))
			return false;
		if (len > 0)
			PQfreemem(body);
	} while (len > 0);
	return true;
}

static bool
is_idle(Overlap *o)
{
	if (PQtransactionStatus(o->conn) == PQTRANS_IDLE)
		return true;
	if (o->err->sqlstate[0] == '\0')
		pgconn_error(o->conn, NULL, "lost connection to upstream", o->err);
	return false;
}

/* Back to where commands are understood.  An error may have ended the stream. */
static bool
end_stream(Overlap *o)
{
	PGresult *result;

	errinfo_clear(o->err);
	o->deadline = monotime_ms() + ANSWER_MS;
	if (!o->ended && !stop_stream(o))
		return false;
	while ((result = pgconn_next_result(o->conn, ANSWER_MS, o->err)) != NULL)
	{
		bool ended_first = PQresultStatus(result) == PGRES_COPY_IN;

		PQclear(result);
		/* it waits for us to say it too */
		if (ended_first && PQputCopyEnd(o->conn, NULL) != 1)
			break;
	}
	return is_idle(o);
}

/* Where there is anything to compare. */
static bool
place(Overlap *o, const Position *position, Lsn end)
{
	Lsn line_end;
	Lsn begin;

	if (position->tli == 0 || !history_end(o->line, position->tli, &line_end))
		return false;
	begin = history_begin(o->line, position->tli);
	if (o->spool == NULL)
		begin = Max(begin, ring_state(o->ring).tail);
	o->tli = position->tli;
	o->end = Min(Min(position->lsn, end), line_end);
	if (o->end <= begin)
		return false;
	o->at = o->end - begin > OVERLAP_MAX ? o->end - OVERLAP_MAX : begin;
	return true;
}

/* NULL: there is none, or nothing is known of it. */
static SpoolReader *
open_spool(const Config *config)
{
	SpoolReader *spool;
	Facts facts;

	if (!config_has_spool(config) || !facts_get(&facts))
		return NULL;
	spool = spoolreader_new(config->state_directory, facts.segment_size);
	position_limit_spool(spool);
	return spool;
}

static bool
compare_stream(Overlap *o)
{
	ExecStatusType status;
	char command[80];
	PGresult *result;

	snprintf(command, sizeof(command),
		"START_REPLICATION PHYSICAL " LSN_FORMAT " TIMELINE %u",
		LSN_ARGS(o->at), o->tli);
	result = pgconn_exec(o->conn, command, ANSWER_MS, o->err);
	if (result == NULL)
		return is_idle(o);
	status = PQresultStatus(result);
	PQclear(result);
	if (status != PGRES_COPY_BOTH)
		return true;
	o->deadline = monotime_ms() + PATIENCE_MS;
	return take_messages(o) && end_stream(o);
}

bool
overlap_check(const Config *config, PGconn *conn, const Ring *ring,
	const Position *position, const History *line, Lsn end, ErrInfo *err)
{
	Overlap o = {
		.conn = conn,
		.ring = ring,
		.spool = open_spool(config),
		.line = line,
		.err = err,
	};
	bool ok = !place(&o, position, end) || compare_stream(&o);

	spoolreader_free(o.spool);
	return ok;
}
