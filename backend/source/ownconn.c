/*
 * ownconn.c
 *		A replication connection of our own.  See ownconn.h.
 *
 * Its life:
 *
 *		CLOSED -> CONNECTING -> STREAMING -> CLOSED
 *
 * A connection that cannot be made, or breaks, is tried again with back-off: the
 * standby just waits.  An answer of the upstream that says no is passed on.
 */
#include "base.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pq/replication.h"
#include "process/pgconn.h"
#include "process/signals.h"
#include "source/meet.h"
#include "source/ownconn.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

#define APPLICATION_NAME "walbouncer_catchup"
#define CONNECT_TIMEOUT_MS 10000
#define COMMAND_TIMEOUT_MS 10000
#define FIRST_PAUSE_MS 200

typedef enum OwnState
{
	OWN_CLOSED,
	OWN_CONNECTING,
	OWN_STREAMING
} OwnState;

/* A server, and the timeline that it was on. */
typedef struct UpstreamPlace
{
	TimeLineId tli;
	char host[FACTS_HOST_SIZE];
	char hostaddr[FACTS_HOST_SIZE];
	char port[FACTS_NAME_SIZE];
} UpstreamPlace;

struct OwnConn
{
	ChildContext *ctx;
	OwnState state;
	PGconn *conn;
	PostgresPollingStatusType polling; /* OWN_CONNECTING */
	int64_t deadline_ms;               /* OWN_CONNECTING */
	int64_t retry_ms;                  /* OWN_CLOSED: not before */
	int pause_ms;
	int failures;
	LogLimit limit;
	TimeLineId tli;         /* OWN_STREAMING: what is wanted */
	Lsn lsn;                /* OWN_STREAMING: of the next byte */
	Lsn leave_lsn;          /* OWN_STREAMING: from here on, another timeline */
	int64_t status_sent_ms; /* OWN_STREAMING */
	UpstreamPlace place;    /* not OWN_CLOSED: where it leads to */
	uint64_t facts_generation; /* that this was last held to */
	int64_t heard_ms;          /* OWN_STREAMING: when something last came */
	int64_t pinged_ms; /* when we asked for a sign of life; 0: not since */
	char *message;     /* owned by libpq; data is in it */
	const uint8_t *data;
	size_t data_len;

	/* SOURCE_END_OF_TIMELINE */
	TimeLineId next_tli;
	Lsn next_start;
};

OwnConn *
ownconn_new(ChildContext *ctx)
{
	OwnConn *own = mem_alloc0(sizeof(OwnConn));

	own->ctx = ctx;
	own->pause_ms = FIRST_PAUSE_MS;
	return own;
}

void
ownconn_close(OwnConn *own)
{
	PQfreemem(own->message);
	PQfinish(own->conn);
	own->message = NULL;
	own->data = NULL;
	own->data_len = 0;
	own->conn = NULL;
	own->state = OWN_CLOSED;
}

void
ownconn_free(OwnConn *own)
{
	if (own == NULL)
		return;
	ownconn_close(own);
	free(own);
}

/* The connection is of no use; the next one is not opened at once. */
static SourceStatus
own_retry_later(OwnConn *own, const ErrInfo *err)
{
	int longest =
		Max(own->ctx->config->wal_retrieve_retry_interval_ms, FIRST_PAUSE_MS);

	if (err != NULL && !signals_stop_requested())
		log_err_limited(&own->limit, LOG_WARNING, err);
	ownconn_close(own);
	own->failures++;
	own->retry_ms =
		monotime_ms() + own->pause_ms / 2 + random() % (own->pause_ms / 2 + 1);
	own->pause_ms = Min(own->pause_ms * 2, longest);
	return SOURCE_WAIT;
}

static UpstreamPlace
place_of(const Facts *facts)
{
	UpstreamPlace place = {.tli = facts->tli};

	memcpy(place.host, facts->host, sizeof(place.host));
	memcpy(place.hostaddr, facts->hostaddr, sizeof(place.hostaddr));
	memcpy(place.port, facts->port, sizeof(place.port));
	return place;
}

/*
 * Whether the reader has gone elsewhere since we connected.  Who stays behind
 * might follow a former primary past the end of the timeline.
 */
static bool
has_upstream_moved(OwnConn *own)
{
	Facts facts;
	UpstreamPlace now;
	uint64_t generation = facts_generation();

	if (generation == own->facts_generation || !facts_get(&facts))
		return false;
	own->facts_generation = generation;
	now = place_of(&facts);
	return now.tli != own->place.tli ||
		   strcmp(now.host, own->place.host) != 0 ||
		   strcmp(now.hostaddr, own->place.hostaddr) != 0 ||
		   strcmp(now.port, own->place.port) != 0;
}

/* To where the reader has found the upstream, and nowhere before it has. */
static void
own_connect(OwnConn *own)
{
	Facts facts;
	ErrInfo err;

	own->facts_generation = facts_generation();
	if (!facts_get(&facts) || !facts_has_place(&facts))
	{
		own_retry_later(own, NULL);
		return;
	}
	own->place = place_of(&facts);
	own->conn = pgconn_start(own->ctx->config, PGCONN_REPLICATION,
		APPLICATION_NAME, true, &facts, &err);
	if (own->conn == NULL)
	{
		own_retry_later(own, &err);
		return;
	}
	own->state = OWN_CONNECTING;
	own->polling = PGRES_POLLING_WRITING;
	own->deadline_ms = monotime_ms() + CONNECT_TIMEOUT_MS;
}

/* next_tli and next_tli_startpos (protocol docs, START_REPLICATION). */
static bool
take_next_timeline(OwnConn *own, const PGresult *result)
{
	if (PQntuples(result) != 1 || PQnfields(result) < 2)
		return false;
	own->next_tli = (TimeLineId) strtoul(PQgetvalue(result, 0, 0), NULL, 10);
	return lsn_parse(PQgetvalue(result, 0, 1), &own->next_start);
}

/*
 * Which timeline to ask for WAL at lsn on the way to tli.  A server has the segment
 * in which a timeline begins under the name of the new one, and what lies before
 * only under that of its parent: so the parent is asked, up to the start of that
 * segment (*leave).
 */
static TimeLineId
timeline_at(const History *line, TimeLineId tli, Lsn lsn, Lsn *leave)
{
	Facts facts;

	*leave = UINT64_MAX;
	if (!facts_get(&facts))
		return tli;
	for (size_t i = 0; i < line->count && line->ancestors[i].tli != tli; i++)
	{
		Lsn last = lsn_floor(line->ancestors[i].end, facts.segment_size);

		if (lsn < last)
		{
			*leave = last;
			return line->ancestors[i].tli;
		}
	}
	return tli;
}

/* The upstream has said no. */
static SourceStatus
refused(OwnConn *own)
{
	ownconn_close(own);
	own->failures = 0;
	return SOURCE_FAILED;
}

static SourceStatus
own_start(
	OwnConn *own, const History *line, TimeLineId tli, Lsn lsn, ErrInfo *err)
{
	char command[80];
	PGresult *result;
	TimeLineId asked;

	if (!meet_check(own->ctx->config, own->conn, own->ctx->ring, err))
		return own_retry_later(own, err);
	asked = timeline_at(line, tli, lsn, &own->leave_lsn);
	snprintf(command, sizeof(command),
		"START_REPLICATION PHYSICAL " LSN_FORMAT " TIMELINE %u", LSN_ARGS(lsn),
		asked);
	result = pgconn_exec(own->conn, command, COMMAND_TIMEOUT_MS, err);
	if (result == NULL)
		return strcmp(err->sqlstate, SQLSTATE_CONNECTION_FAILURE) == 0
				   ? own_retry_later(own, err)
				   : refused(own);
	if (PQresultStatus(result) != PGRES_COPY_BOTH)
	{
		/* The timeline ends right here. */
		bool known = take_next_timeline(own, result);

		PQclear(result);
		if (known)
		{
			ownconn_close(own);
			return SOURCE_END_OF_TIMELINE;
		}
		errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"invalid answer to START_REPLICATION from upstream");
		return own_retry_later(own, err);
	}
	PQclear(result);
	log_msg(LOG_INFO,
		"reading WAL from " LSN_FORMAT
		" on timeline %u over a connection of its own",
		LSN_ARGS(lsn), asked);
	own->state = OWN_STREAMING;
	own->failures = 0;
	own->tli = tli;
	own->lsn = lsn;
	own->status_sent_ms = 0;
	own->heard_ms = monotime_ms();
	own->pinged_ms = 0;
	return SOURCE_OK;
}

static SourceStatus
own_poll_connect(
	OwnConn *own, const History *line, TimeLineId tli, Lsn lsn, ErrInfo *err)
{
	struct pollfd fd = {
		.fd = PQsocket(own->conn),
		.events = own->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT,
	};

	while (poll(&fd, 1, 0) > 0)
	{
		own->polling = pgconn_poll(own->conn);
		if (own->polling == PGRES_POLLING_OK)
			return own_start(own, line, tli, lsn, err);
		if (own->polling == PGRES_POLLING_FAILED)
		{
			pgconn_error(own->conn, NULL, "could not connect to upstream", err);
			return own_retry_later(own, err);
		}
		fd.fd = PQsocket(own->conn);
		fd.events = own->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	}
	if (monotime_ms() >= own->deadline_ms)
	{
		errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
			"could not connect to upstream: timeout");
		return own_retry_later(own, err);
	}
	return SOURCE_WAIT;
}

/* A sign of life, so that the upstream does not drop us. */
static void
own_send_status(OwnConn *own, bool request_reply)
{
	ReplicationReply reply = {
		.kind = REPLICATION_STATUS,
		.time = monotime_pg_timestamp(),
		.write = own->lsn,
		.reply_requested = request_reply,
	};
	Buf b;

	buf_init(&b, 64);
	replication_encode_client(&b, &reply);
	if (PQputCopyData(own->conn, (const char *) b.data, (int) b.len) == 1)
		PQflush(own->conn);
	buf_clear(&b);
	own->status_sent_ms = monotime_ms();
}

/* As the reader does: never without being asked if the interval is 0. */
static int64_t
own_report_due_ms(const OwnConn *own)
{
	int interval = own->ctx->config->wal_receiver_status_interval_ms;

	return interval > 0 ? own->status_sent_ms + interval : INT64_MAX;
}

/*
 * wal_receiver_timeout: ask when half of it has passed in silence, give up when
 * nothing has come for as long again.  Counted from the question, since we may
 * have been busy with a slow standby before.
 */
static int64_t
own_silence_due_ms(const OwnConn *own)
{
	int half = own->ctx->config->wal_receiver_timeout_ms / 2;

	if (half == 0)
		return INT64_MAX;
	return (own->pinged_ms != 0 ? own->pinged_ms : own->heard_ms) + half;
}

/* Nothing has come. */
static SourceStatus
own_idle(OwnConn *own, ErrInfo *err)
{
	int64_t now = monotime_ms();

	if (now >= own_silence_due_ms(own))
	{
		if (own->pinged_ms != 0)
		{
			errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
				"nothing has come from upstream for %" PRId64 " ms",
				now - own->heard_ms);
			return own_retry_later(own, err);
		}
		own->pinged_ms = now;
		own_send_status(own, true);
	}
	else if (now >= own_report_due_ms(own))
		own_send_status(own, false);
	return SOURCE_WAIT;
}

/* COPY has ended: another timeline, an error, or the end of the upstream. */
static SourceStatus
own_end(OwnConn *own, ErrInfo *err)
{
	PGresult *result;
	SourceStatus status = SOURCE_WAIT;
	bool failed = false;

	while ((result = pgconn_next_result(own->conn, COMMAND_TIMEOUT_MS, err)) !=
		   NULL)
	{
		switch (PQresultStatus(result))
		{
			case PGRES_COPY_BOTH:
			case PGRES_COPY_IN:
				if (PQputCopyEnd(own->conn, NULL) != 1)
					failed = true;
				break;
			case PGRES_TUPLES_OK:
				if (take_next_timeline(own, result))
					status = SOURCE_END_OF_TIMELINE;
				break;
			case PGRES_COMMAND_OK:
				break;
			default:
				pgconn_error(own->conn, result, "upstream", err);
				failed = true;
				break;
		}
		PQclear(result);
		if (failed)
			break;
	}
	if (failed && err->sqlstate[0] != '\0' &&
		strcmp(err->sqlstate, SQLSTATE_CONNECTION_FAILURE) != 0 &&
		strncmp(err->sqlstate, "57P", 3) != 0)
		return refused(own);
	if (status == SOURCE_END_OF_TIMELINE)
	{
		ownconn_close(own);
		return status;
	}
	return own_retry_later(own, err->sqlstate[0] != '\0' ? err : NULL);
}

/* The next message with WAL in it, into own->data. */
static SourceStatus
own_next_message(OwnConn *own, ErrInfo *err)
{
	errinfo_clear(err);
	if (PQconsumeInput(own->conn) == 0)
	{
		pgconn_error(own->conn, NULL, "lost connection to upstream", err);
		return own_retry_later(own, err);
	}
	for (;;)
	{
		ReplicationWal wal;
		int len;

		PQfreemem(own->message);
		own->message = NULL;
		len = PQgetCopyData(own->conn, &own->message, 1);
		if (len == 0)
			return own_idle(own, err);
		if (len < 0)
			return own_end(own, err);
		own->heard_ms = monotime_ms();
		own->pinged_ms = 0;
		if (!replication_decode_server(
				(const uint8_t *) own->message, (size_t) len, &wal, err))
			return own_retry_later(own, err);
		if (wal.kind == REPLICATION_KEEPALIVE)
		{
			if (wal.reply_requested)
				own_send_status(own, false);
			continue;
		}
		if (wal.start != own->lsn)
		{
			errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
				"gap in WAL from upstream: expected " LSN_FORMAT
				", got " LSN_FORMAT,
				LSN_ARGS(own->lsn), LSN_ARGS(wal.start));
			return own_retry_later(own, err);
		}
		own->data = wal.data;
		own->data_len = wal.len;
		if (wal.len > 0)
		{
			own->pause_ms = FIRST_PAUSE_MS;
			return SOURCE_OK;
		}
	}
}

SourceStatus
ownconn_prepare(
	OwnConn *own, const History *line, TimeLineId tli, Lsn lsn, ErrInfo *err)
{
	/* wanted elsewhere: streams do not seek */
	if (own->state == OWN_STREAMING &&
		(own->lsn != lsn || own->tli != tli || lsn >= own->leave_lsn))
		ownconn_close(own);
	if (own->state != OWN_CLOSED && has_upstream_moved(own))
	{
		log_msg(LOG_INFO,
			"upstream has moved, leaving the former one at " LSN_FORMAT,
			LSN_ARGS(lsn));
		ownconn_close(own);
	}
	if (own->state == OWN_CLOSED)
	{
		if (monotime_ms() < own->retry_ms)
			return SOURCE_WAIT;
		own_connect(own);
	}
	if (own->state == OWN_CONNECTING)
		return own_poll_connect(own, line, tli, lsn, err);
	return own->state == OWN_STREAMING ? SOURCE_OK : SOURCE_WAIT;
}

SourceStatus
ownconn_read(OwnConn *own, const History *line, TimeLineId tli, Lsn lsn,
	uint8_t *dst, size_t cap, size_t *got, ErrInfo *err)
{
	SourceStatus status = ownconn_prepare(own, line, tli, lsn, err);
	size_t n;

	if (status == SOURCE_OK && own->data_len == 0)
		status = own_next_message(own, err);
	if (status != SOURCE_OK)
		return status;
	n = Min(cap, Min(own->data_len, own->leave_lsn - own->lsn));
	memcpy(dst, own->data, n);
	own->data += n;
	own->data_len -= n;
	own->lsn += n;
	*got = n;
	return SOURCE_OK;
}

bool
ownconn_is_open(const OwnConn *own)
{
	return own->state != OWN_CLOSED;
}

int
ownconn_failures(const OwnConn *own)
{
	return own->failures;
}

void
ownconn_next_timeline(const OwnConn *own, TimeLineId *tli, Lsn *start)
{
	*tli = own->next_tli;
	*start = own->next_start;
}

int
ownconn_fd(const OwnConn *own, short *events)
{
	*events = POLLIN;
	if (own->state == OWN_CLOSED)
		return -1;
	if (own->state == OWN_CONNECTING && own->polling != PGRES_POLLING_READING)
		*events = POLLOUT;
	return PQsocket(own->conn);
}

int
ownconn_timeout_ms(const OwnConn *own)
{
	int64_t until;

	switch (own->state)
	{
		case OWN_CLOSED:
			until = own->retry_ms;
			break;
		case OWN_CONNECTING:
			until = own->deadline_ms;
			break;
		default:
			until = Min(own_report_due_ms(own), own_silence_due_ms(own));
			break;
	}
	return until == INT64_MAX ? -1 : (int) Max(until - monotime_ms(), 1);
}
