/*
 * source.c
 *		Where a worker reads WAL from.  See source.h.
 *
 * The connection of our own is opened when the ring says LOST, and closed when
 * the position is well inside of the ring again.  Its life:
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
#include "shm/ring.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"
#include "worker/source.h"

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

struct Source
{
	ChildContext *ctx;
	TimeLineId tli;
	bool on_ring;

	/* the connection of our own */
	OwnState state;
	PGconn *conn;
	PostgresPollingStatusType polling; /* OWN_CONNECTING */
	int64_t deadline_ms;               /* OWN_CONNECTING */
	int64_t retry_ms;                  /* OWN_CLOSED: not before */
	int pause_ms;
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

Source *
source_new(ChildContext *ctx, TimeLineId tli)
{
	Source *src = mem_alloc0(sizeof(Source));

	src->ctx = ctx;
	src->tli = tli;
	src->pause_ms = FIRST_PAUSE_MS;
	return src;
}

static void
own_close(Source *src)
{
	PQfreemem(src->message);
	PQfinish(src->conn);
	src->message = NULL;
	src->data = NULL;
	src->data_len = 0;
	src->conn = NULL;
	src->state = OWN_CLOSED;
}

void
source_free(Source *src)
{
	if (src == NULL)
		return;
	own_close(src);
	free(src);
}

/* The connection is of no use; the next one is not opened at once. */
static SourceStatus
own_retry_later(Source *src, const ErrInfo *err)
{
	int longest =
		Max(src->ctx->config->wal_retrieve_retry_interval_ms, FIRST_PAUSE_MS);

	if (err != NULL)
		log_err(LOG_WARNING, err);
	own_close(src);
	src->retry_ms =
		monotime_ms() + src->pause_ms / 2 + random() % (src->pause_ms / 2 + 1);
	src->pause_ms = Min(src->pause_ms * 2, longest);
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
has_upstream_moved(Source *src)
{
	Facts facts;
	UpstreamPlace now;
	uint64_t generation = facts_generation();

	if (generation == src->facts_generation || !facts_get(&facts))
		return false;
	src->facts_generation = generation;
	now = place_of(&facts);
	return now.tli != src->place.tli ||
		   strcmp(now.host, src->place.host) != 0 ||
		   strcmp(now.hostaddr, src->place.hostaddr) != 0 ||
		   strcmp(now.port, src->place.port) != 0;
}

static void
own_connect(Source *src)
{
	Facts facts;
	ErrInfo err;
	bool known;

	src->facts_generation = facts_generation();
	known = facts_get(&facts);
	if (known)
		src->place = place_of(&facts);
	src->conn = pgconn_start(src->ctx->config, PGCONN_REPLICATION,
		APPLICATION_NAME, true, known ? &facts : NULL, &err);
	if (src->conn == NULL)
	{
		own_retry_later(src, &err);
		return;
	}
	src->state = OWN_CONNECTING;
	src->polling = PGRES_POLLING_WRITING;
	src->deadline_ms = monotime_ms() + CONNECT_TIMEOUT_MS;
}

/* Our connection must lead to the system that the standbys are copies of. */
static bool
check_system(Source *src, ErrInfo *err)
{
	PGresult *result =
		pgconn_exec(src->conn, "IDENTIFY_SYSTEM", COMMAND_TIMEOUT_MS, err);
	Facts facts;
	uint64_t sysid = 0;

	if (result == NULL)
		return false;
	if (PQntuples(result) == 1)
		sysid = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	if (facts_get(&facts) && facts.system_identifier == sysid)
		return true;
	return errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
		"upstream is another database system: %" PRIu64, sysid);
}

/* next_tli and next_tli_startpos (protocol docs, START_REPLICATION). */
static bool
take_next_timeline(Source *src, const PGresult *result)
{
	if (PQntuples(result) != 1 || PQnfields(result) < 2)
		return false;
	src->next_tli = (TimeLineId) strtoul(PQgetvalue(result, 0, 0), NULL, 10);
	return lsn_parse(PQgetvalue(result, 0, 1), &src->next_start);
}

/*
 * Which timeline to ask for WAL at lsn on the way to src->tli.  A server has the
 * segment in which a timeline begins under the name of the new one, and what lies
 * before only under that of its parent: so the parent is asked, up to the start of
 * that segment (*leave).  Only who looks back for a record comes there.
 */
static TimeLineId
timeline_at(const Source *src, Lsn lsn, Lsn *leave)
{
	Facts facts;
	char text[FACTS_HISTORY_MAX + 1];
	char *rest = text;
	char *line;

	*leave = UINT64_MAX;
	if (!facts_get(&facts))
		return src->tli;
	memcpy(text, facts.history, facts.history_len);
	text[facts.history_len] = '\0';
	/* parents, the oldest first: "TLI X/X REASON" (timeline.c) */
	while ((line = strsep(&rest, "\n")) != NULL)
	{
		char end_text[LSN_TEXT_SIZE];
		TimeLineId tli;
		Lsn end;

		if (sscanf(line, "%u %17s", &tli, end_text) != 2 ||
			!lsn_parse(end_text, &end))
			continue;
		if (tli >= src->tli)
			break;
		*leave = lsn_floor(end, facts.segment_size);
		if (lsn < *leave)
			return tli;
	}
	*leave = UINT64_MAX;
	return src->tli;
}

/* The upstream has said no: the standby gets its words. */
static SourceStatus
refused(Source *src, ErrInfo *err)
{
	RingState state = ring_state(src->ctx->ring);

	own_close(src);
	if (strcmp(err->sqlstate, SQLSTATE_UNDEFINED_FILE) == 0 &&
		err->hint[0] == '\0' && state.tli == src->tli)
		errinfo_hint(err, "The oldest WAL at hand is at " LSN_FORMAT ".",
			LSN_ARGS(state.tail));
	return SOURCE_FAILED;
}

static SourceStatus
own_start(Source *src, Lsn lsn, ErrInfo *err)
{
	char command[80];
	PGresult *result;
	TimeLineId tli;

	if (!check_system(src, err))
		return own_retry_later(src, err);
	tli = timeline_at(src, lsn, &src->leave_lsn);
	snprintf(command, sizeof(command),
		"START_REPLICATION PHYSICAL " LSN_FORMAT " TIMELINE %u", LSN_ARGS(lsn),
		tli);
	result = pgconn_exec(src->conn, command, COMMAND_TIMEOUT_MS, err);
	if (result == NULL)
		return strcmp(err->sqlstate, SQLSTATE_CONNECTION_FAILURE) == 0
				   ? own_retry_later(src, err)
				   : refused(src, err);
	if (PQresultStatus(result) != PGRES_COPY_BOTH)
	{
		/* The timeline ends right here. */
		bool known = take_next_timeline(src, result);

		PQclear(result);
		if (known)
		{
			own_close(src);
			return SOURCE_END_OF_TIMELINE;
		}
		errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"invalid answer to START_REPLICATION from upstream");
		return own_retry_later(src, err);
	}
	PQclear(result);
	log_msg(LOG_INFO,
		"reading WAL from " LSN_FORMAT
		" on timeline %u over a connection of its own",
		LSN_ARGS(lsn), tli);
	src->state = OWN_STREAMING;
	src->lsn = lsn;
	src->status_sent_ms = 0;
	src->heard_ms = monotime_ms();
	src->pinged_ms = 0;
	return SOURCE_OK;
}

static SourceStatus
own_poll_connect(Source *src, Lsn lsn, ErrInfo *err)
{
	struct pollfd fd = {
		.fd = PQsocket(src->conn),
		.events = src->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT,
	};

	while (poll(&fd, 1, 0) > 0)
	{
		src->polling = PQconnectPoll(src->conn);
		if (src->polling == PGRES_POLLING_OK)
			return own_start(src, lsn, err);
		if (src->polling == PGRES_POLLING_FAILED)
		{
			pgconn_error(src->conn, NULL, "could not connect to upstream", err);
			return own_retry_later(src, err);
		}
		fd.fd = PQsocket(src->conn);
		fd.events = src->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	}
	if (monotime_ms() >= src->deadline_ms)
	{
		errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
			"could not connect to upstream: timeout");
		return own_retry_later(src, err);
	}
	return SOURCE_WAIT;
}

/* A sign of life, so that the upstream does not drop us. */
static void
own_send_status(Source *src, bool request_reply)
{
	ReplicationReply reply = {
		.kind = REPLICATION_STATUS,
		.time = monotime_pg_timestamp(),
		.write = src->lsn,
		.reply_requested = request_reply,
	};
	Buf b;

	buf_init(&b, 64);
	replication_encode_client(&b, &reply);
	if (PQputCopyData(src->conn, (const char *) b.data, (int) b.len) == 1)
		PQflush(src->conn);
	buf_clear(&b);
	src->status_sent_ms = monotime_ms();
}

/* As the reader does: never without being asked if the interval is 0. */
static int64_t
own_report_due_ms(const Source *src)
{
	int interval = src->ctx->config->wal_receiver_status_interval_ms;

	return interval > 0 ? src->status_sent_ms + interval : INT64_MAX;
}

/*
 * wal_receiver_timeout: ask when half of it has passed in silence, give up when
 * nothing has come for as long again.  Counted from the question, since we may
 * have been busy with a slow standby before.
 */
static int64_t
own_silence_due_ms(const Source *src)
{
	int half = src->ctx->config->wal_receiver_timeout_ms / 2;

	if (half == 0)
		return INT64_MAX;
	return (src->pinged_ms != 0 ? src->pinged_ms : src->heard_ms) + half;
}

/* Nothing has come. */
static SourceStatus
own_idle(Source *src, ErrInfo *err)
{
	int64_t now = monotime_ms();

	if (now >= own_silence_due_ms(src))
	{
		if (src->pinged_ms != 0)
		{
			errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
				"nothing has come from upstream for %" PRId64 " ms",
				now - src->heard_ms);
			return own_retry_later(src, err);
		}
		src->pinged_ms = now;
		own_send_status(src, true);
	}
	else if (now >= own_report_due_ms(src))
		own_send_status(src, false);
	return SOURCE_WAIT;
}

/* COPY has ended: another timeline, an error, or the end of the upstream. */
static SourceStatus
own_end(Source *src, ErrInfo *err)
{
	PGresult *result;
	SourceStatus status = SOURCE_WAIT;
	bool failed = false;

	while ((result = pgconn_next_result(src->conn, COMMAND_TIMEOUT_MS, err)) !=
		   NULL)
	{
		switch (PQresultStatus(result))
		{
			case PGRES_COPY_BOTH:
			case PGRES_COPY_IN:
				if (PQputCopyEnd(src->conn, NULL) != 1)
					failed = true;
				break;
			case PGRES_TUPLES_OK:
				if (take_next_timeline(src, result))
					status = SOURCE_END_OF_TIMELINE;
				break;
			case PGRES_COMMAND_OK:
				break;
			default:
				pgconn_error(src->conn, result, "upstream", err);
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
		return refused(src, err);
	if (status == SOURCE_END_OF_TIMELINE)
	{
		own_close(src);
		return status;
	}
	return own_retry_later(src, err->sqlstate[0] != '\0' ? err : NULL);
}

/* The next message with WAL in it, into src->data. */
static SourceStatus
own_next_message(Source *src, ErrInfo *err)
{
	errinfo_clear(err);
	if (PQconsumeInput(src->conn) == 0)
	{
		pgconn_error(src->conn, NULL, "lost connection to upstream", err);
		return own_retry_later(src, err);
	}
	for (;;)
	{
		ReplicationWal wal;
		int len;

		PQfreemem(src->message);
		src->message = NULL;
		len = PQgetCopyData(src->conn, &src->message, 1);
		if (len == 0)
			return own_idle(src, err);
		if (len < 0)
			return own_end(src, err);
		src->heard_ms = monotime_ms();
		src->pinged_ms = 0;
		if (!replication_decode_server(
				(const uint8_t *) src->message, (size_t) len, &wal, err))
			return own_retry_later(src, err);
		if (wal.kind == REPLICATION_KEEPALIVE)
		{
			if (wal.reply_requested)
				own_send_status(src, false);
			continue;
		}
		if (wal.start != src->lsn)
		{
			errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
				"gap in WAL from upstream: expected " LSN_FORMAT
				", got " LSN_FORMAT,
				LSN_ARGS(src->lsn), LSN_ARGS(wal.start));
			return own_retry_later(src, err);
		}
		src->data = wal.data;
		src->data_len = wal.len;
		if (wal.len > 0)
		{
			src->pause_ms = FIRST_PAUSE_MS;
			return SOURCE_OK;
		}
	}
}

/* Drive the connection until it streams from lsn on. */
static SourceStatus
own_prepare(Source *src, Lsn lsn, ErrInfo *err)
{
	if (src->state == OWN_STREAMING && src->lsn != lsn)
		own_close(src); /* wanted elsewhere: streams do not seek */
	if (src->state != OWN_CLOSED && has_upstream_moved(src))
	{
		log_msg(LOG_INFO,
			"upstream has moved, leaving the former one at " LSN_FORMAT,
			LSN_ARGS(lsn));
		own_close(src);
	}
	if (src->state == OWN_CLOSED)
	{
		if (monotime_ms() < src->retry_ms)
			return SOURCE_WAIT;
		own_connect(src);
	}
	if (src->state == OWN_CONNECTING)
		return own_poll_connect(src, lsn, err);
	return src->state == OWN_STREAMING ? SOURCE_OK : SOURCE_WAIT;
}

static SourceStatus
own_read(
	Source *src, Lsn lsn, uint8_t *dst, size_t cap, size_t *got, ErrInfo *err)
{
	SourceStatus status = own_prepare(src, lsn, err);
	size_t n;

	if (status == SOURCE_OK && src->data_len == 0)
		status = own_next_message(src, err);
	if (status != SOURCE_OK)
		return status;
	n = Min(cap, Min(src->data_len, src->leave_lsn - src->lsn));
	memcpy(dst, src->data, n);
	src->data += n;
	src->data_len -= n;
	src->lsn += n;
	*got = n;
	return SOURCE_OK;
}

/*
 * Whether to leave our own connection for the ring: not as soon as the ring has
 * the position, when its tail would soon be upon us again, but once we are a
 * quarter of its length ahead of that, or at its end.
 */
static bool
safe_on_ring(const Source *src, Lsn lsn)
{
	const Ring *ring = src->ctx->ring;
	RingState state = ring_state(ring);

	return state.tli == src->tli && lsn >= state.tail &&
		   (lsn >= state.head || lsn - state.tail >= ring_size(ring) / 4);
}

SourceStatus
source_read(
	Source *src, Lsn lsn, uint8_t *dst, size_t cap, size_t *got, ErrInfo *err)
{
	if (src->state == OWN_STREAMING && lsn >= src->leave_lsn)
		own_close(src);
	if (src->state == OWN_CLOSED || safe_on_ring(src, lsn))
	{
		RingStatus status =
			ring_read(src->ctx->ring, src->tli, lsn, dst, cap, got);

		src->on_ring = status != RING_LOST;
		if (src->on_ring)
		{
			if (src->state != OWN_CLOSED)
			{
				log_msg(LOG_INFO, "reached the WAL ring at " LSN_FORMAT,
					LSN_ARGS(lsn));
				own_close(src);
			}
			return status == RING_OK ? SOURCE_OK : SOURCE_WAIT;
		}
	}
	src->on_ring = false;
	return own_read(src, lsn, dst, cap, got, err);
}

SourceStatus
source_probe(Source *src, Lsn lsn, ErrInfo *err)
{
	if (ring_state(src->ctx->ring).tli == src->tli)
		return SOURCE_OK;
	return own_prepare(src, lsn, err);
}

void
source_next_timeline(const Source *src, TimeLineId *tli, Lsn *start)
{
	*tli = src->next_tli;
	*start = src->next_start;
}

bool
source_on_ring(const Source *src)
{
	return src->on_ring;
}

int
source_fd(const Source *src, short *events)
{
	*events = POLLIN;
	switch (src->state)
	{
		case OWN_CLOSED:
			return -1;
		case OWN_CONNECTING:
			if (src->polling != PGRES_POLLING_READING)
				*events = POLLOUT;
			break;
		case OWN_STREAMING:
			break;
	}
	return PQsocket(src->conn);
}

int
source_timeout_ms(const Source *src)
{
	int64_t until;

	if (src->on_ring)
		return -1;
	switch (src->state)
	{
		case OWN_CLOSED:
			until = src->retry_ms;
			break;
		case OWN_CONNECTING:
			until = src->deadline_ms;
			break;
		default:
			until = Min(own_report_due_ms(src), own_silence_due_ms(src));
			break;
	}
	return until == INT64_MAX ? -1 : (int) Max(until - monotime_ms(), 1);
}
