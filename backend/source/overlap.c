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
#include "source/overlap.h"
#include "util/monotime.h"

#define ANSWER_MS 30000
/* One that holds WAL back need not send what is here. */
#define PATIENCE_MS 5000

typedef struct Overlap
{
	PGconn *conn;
	const Ring *ring;
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

/* WAL from there, as far as the ring still has its own. */
static bool
compare(Overlap *o, const uint8_t *data, size_t len)
{
	static uint8_t ours[REPLICATION_WAL_MAX];

	while (len > 0 && o->at < o->end)
	{
		size_t got;

		if (ring_read(o->ring, o->tli, o->at, ours,
				Min(Min(len, sizeof(ours)), (size_t) (o->end - o->at)),
				&got) != RING_OK)
		{
			o->end = o->at;
			return true;
		}
		for (size_t i = 0; i < got; i++)
		{
			if (data[i] != ours[i])
				return differs(o, o->at + i);
		}
		data += got;
		len -= got;
		o->at += got;
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
place(Overlap *o, const History *line, Lsn end)
{
	RingState ring = ring_state(o->ring);
	Lsn line_end;
	Lsn begin;

	if (ring.tli == 0 || !history_end(line, ring.tli, &line_end))
		return false;
	begin = Max(ring.tail, history_begin(line, ring.tli));
	o->tli = ring.tli;
	o->end = Min(Min(ring.head, end), line_end);
	if (o->end <= begin)
		return false;
	o->at = o->end - begin > OVERLAP_MAX ? o->end - OVERLAP_MAX : begin;
	return true;
}

bool
overlap_check(
	PGconn *conn, const Ring *ring, const History *line, Lsn end, ErrInfo *err)
{
	Overlap o = {.conn = conn, .ring = ring, .err = err};
	ExecStatusType status;
	char command[80];
	PGresult *result;

	if (!place(&o, line, end))
		return true;
	snprintf(command, sizeof(command),
		"START_REPLICATION PHYSICAL " LSN_FORMAT " TIMELINE %u", LSN_ARGS(o.at),
		o.tli);
	result = pgconn_exec(conn, command, ANSWER_MS, err);
	if (result == NULL)
		return is_idle(&o);
	status = PQresultStatus(result);
	PQclear(result);
	if (status != PGRES_COPY_BOTH)
		return true;
	o.deadline = monotime_ms() + PATIENCE_MS;
	return take_messages(&o) && end_stream(&o);
}
