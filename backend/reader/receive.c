/*
 * receive.c
 *		The stream from the upstream.  See receive.h.
 *
 * One turn of the loop: take all messages that have come, wake the workers, tell
 * the upstream where we are, wait.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "pq/replication.h"
#include "process/pgconn.h"
#include "process/signals.h"
#include "reader/acknowledge.h"
#include "reader/feedback.h"
#include "reader/receive.h"
#include "shm/board.h"
#include "util/monotime.h"

/* How long the upstream may take to say why it has ended the stream. */
#define END_TIMEOUT_MS 10000

typedef struct Stream
{
	ChildContext *ctx;
	PGconn *conn;
	BoardStatus *status;
	Feedback feedback;
	Acknowledge acknowledge;
	int64_t heard_ms;  /* when something last came from the upstream */
	bool pinged;       /* asked for a sign of life since then */
	bool reply_wanted; /* the upstream has asked for a reply */
	bool received;     /* any WAL at all */
	bool news;         /* for the board */
} Stream;

/* WAL into the ring; what the ring has already is skipped. */
static bool
take_wal(Stream *s, const ReplicationWal *wal, ErrInfo *err)
{
	Ring *ring = s->ctx->ring;
	RingState state = ring_state(ring);
	const uint8_t *data = wal->data;
	size_t len = wal->len;

	if (wal->start > state.head)
		return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"gap in WAL from upstream: expected " LSN_FORMAT
			", got " LSN_FORMAT,
			LSN_ARGS(state.head), LSN_ARGS(wal->start));
	if (wal->start + len <= state.head)
		return true;
	data += state.head - wal->start;
	len -= (size_t) (state.head - wal->start);
	ring_write(ring, data, len);
	ring_set_upstream_end(ring, Max(wal->end, state.head + len));
	board_wake_sleepers();
	acknowledge_on_wal(&s->acknowledge);
	s->received = true;
	s->status->bytes += len;
	return true;
}

static bool
take_message(Stream *s, const char *body, int len, ErrInfo *err)
{
	ReplicationWal wal;

	if (!replication_decode_server(
			(const uint8_t *) body, (size_t) len, &wal, err))
		return false;
	s->heard_ms = monotime_ms();
	s->pinged = false;
	s->news = true;
	if (wal.kind == REPLICATION_DATA)
		return take_wal(s, &wal, err);
	if (wal.reply_requested)
		s->reply_wanted = true;
	acknowledge_on_keepalive(&s->acknowledge, wal.reply_requested,
		wal.end <= ring_state(s->ctx->ring).head);
	ring_set_upstream_end(
		s->ctx->ring, Max(wal.end, ring_state(s->ctx->ring).head));
	return true;
}

/* COPY has ended: why? */
static ReceiveEnd
stream_end(Stream *s, ErrInfo *err)
{
	PGresult *result;
	ReceiveEnd end = RECEIVE_ENDED;

	while ((result = pgconn_next_result(s->conn, END_TIMEOUT_MS, err)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);

		if (status == PGRES_COPY_BOTH || status == PGRES_COPY_IN)
		{
			PQclear(result);
			end = RECEIVE_TIMELINE_END;
			break; /* the rest is in the timeline's history */
		}
		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		{
			pgconn_error(s->conn, result, "stream from upstream failed", err);
			end = strcmp(err->sqlstate, SQLSTATE_UNDEFINED_FILE) == 0
					  ? RECEIVE_WAL_GONE
					  : RECEIVE_FAILED;
			PQclear(result);
			break;
		}
		PQclear(result);
	}
	return end;
}

/* Once for all messages of a turn, if there were any. */
static void
tell_board(Stream *s)
{
	if (!s->news)
		return;
	s->news = false;
	s->status->message_time = monotime_pg_timestamp();
	board_publish(s->status);
}

/* All messages that are here.  False when the stream is over: *end, err. */
static bool
take_messages(Stream *s, ReceiveEnd *end, ErrInfo *err)
{
	char *body;
	int len;

	if (PQconsumeInput(s->conn) == 0)
	{
		pgconn_error(s->conn, NULL, "lost connection to upstream", err);
		*end = RECEIVE_FAILED;
		return false;
	}
	while ((len = PQgetCopyData(s->conn, &body, 1)) > 0)
	{
		bool ok = take_message(s, body, len, err);

		PQfreemem(body);
		if (!ok)
		{
			*end = RECEIVE_FAILED;
			return false;
		}
	}
	if (len == 0)
	{
		tell_board(s);
		return true;
	}
	*end = stream_end(s, err);
	return false;
}

/* When the next status report is due without anybody asking; never if the interval is 0. */
static int64_t
report_due_ms(const Stream *s)
{
	int interval = s->ctx->config->wal_receiver_status_interval_ms;

	return interval > 0 ? s->feedback.status_sent_ms + interval : INT64_MAX;
}

/* Commits of the upstream wait for standbys that are not there: an alarm. */
static void
tell_lack(Stream *s)
{
	const Acknowledge *ack = &s->acknowledge;
	int64_t time = ack->lack_logged ? ack->lacking_time : 0;
	uint32_t standbys = ack->lack_logged ? (uint32_t) ack->standbys : 0;

	if (s->status->lacking_time == time && s->status->standbys == standbys)
		return;
	s->status->lacking_time = time;
	s->status->standbys = standbys;
	board_publish(s->status);
}

/* What the upstream should hear now.  False if it is out of reach. */
static bool
send_replies(Stream *s)
{
	const Config *config = s->ctx->config;
	int64_t now = monotime_ms();
	Acknowledge *ack = &s->acknowledge;
	bool ping = config->wal_receiver_timeout_ms > 0 && !s->pinged &&
				now - s->heard_ms >= config->wal_receiver_timeout_ms / 2;
	bool news = acknowledge_look(ack, config, s->ctx->ring, s->reply_wanted);

	tell_lack(s);
	if (news || ping || now >= report_due_ms(s))
	{
		bool ask =
			ping || (s->reply_wanted && acknowledge_asks(ack, s->ctx->ring));

		if (!feedback_send_status(&s->feedback, s->conn, &ack->now, ask))
			return false;
		acknowledge_on_told(ack, ask);
		s->reply_wanted = false;
		s->pinged |= ping;
	}
	return feedback_send_xmin(
		&s->feedback, s->conn, config->wal_receiver_status_interval_ms);
}

/* Until the upstream or a worker wants us, or a reply is due. */
static bool
wait_for_work(Stream *s, ErrInfo *err)
{
	const Config *config = s->ctx->config;
	struct pollfd fds[2] = {
		{.fd = PQsocket(s->conn), .events = POLLIN},
		{.fd = board_wake_fd(), .events = POLLIN},
	};
	int64_t due = Min(report_due_ms(s), acknowledge_due_ms(&s->acknowledge));
	int64_t wait_ms;

	if (config->wal_receiver_timeout_ms > 0)
	{
		int64_t half = config->wal_receiver_timeout_ms / 2;

		due = Min(due, s->heard_ms + (s->pinged ? 2 * half : half));
	}
	wait_ms = due == INT64_MAX ? -1 : Max(due - monotime_ms(), 1);
	if (PQflush(s->conn) > 0)
		fds[0].events |= POLLOUT;
	if (poll(fds, 2, (int) wait_ms) < 0 && errno != EINTR)
		return errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
			"could not wait for upstream: %m");
	board_sleep_end();
	return true;
}

/* A newer configuration: true if it names another upstream, or slot. */
static bool
upstream_changed(Stream *s)
{
	Config *previous;
	bool changed;

	if (!child_refresh_config(s->ctx, &previous))
		return false;
	changed =
		strcmp(previous->upstream_conninfo,
			s->ctx->config->upstream_conninfo) != 0 ||
		strcmp(previous->upstream_slot, s->ctx->config->upstream_slot) != 0;
	config_free(previous);
	return changed;
}

static ReceiveEnd
stream(Stream *s, ErrInfo *err)
{
	ReceiveEnd end;

	for (;;)
	{
		if (signals_stop_requested())
			return RECEIVE_STOPPED;
		if (upstream_changed(s))
			return RECEIVE_MOVED;
		if (!take_messages(s, &end, err))
			return end;
		if (s->ctx->config->wal_receiver_timeout_ms > 0 &&
			monotime_ms() - s->heard_ms >=
				s->ctx->config->wal_receiver_timeout_ms)
		{
			errinfo_set(err, SQLSTATE_CONNECTION_FAILURE,
				"nothing has come from upstream for %d ms",
				s->ctx->config->wal_receiver_timeout_ms);
			return RECEIVE_FAILED;
		}
		if (!send_replies(s))
		{
			pgconn_error(s->conn, NULL, "lost connection to upstream", err);
			return RECEIVE_FAILED;
		}
		if (!wait_for_work(s, err))
			return RECEIVE_FAILED;
	}
}

ReceiveEnd
receive_stream(ChildContext *ctx, PGconn *conn, BoardStatus *status,
	bool *received, ErrInfo *err)
{
	Stream s = {
		.ctx = ctx,
		.conn = conn,
		.status = status,
		.heard_ms = monotime_ms(),
		.reply_wanted = true, /* the first reply says where we begin */
	};
	ReceiveEnd end = stream(&s, err);

	*received = s.received;
	return end;
}
