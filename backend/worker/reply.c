/*
 * reply.c
 *		What a standby says.  See reply.h.
 */
#include "base.h"

#include <stdio.h>

#include "pq/replication.h"
#include "util/monotime.h"
#include "view/standbystate.h"
#include "worker/lag.h"
#include "worker/reply.h"
#include "worker/slots.h"

/* Of the stream that there is. */
static Lag reply_lag;

static void
set_xmin(Session *s, uint64_t xmin, uint64_t catalog_xmin)
{
	BoardStatus *status = &s->status;
	bool changed = status->xmin != xmin || status->catalog_xmin != catalog_xmin;

	status->xmin = xmin;
	status->catalog_xmin = catalog_xmin;
	board_publish(status);
	if (changed)
		board_wake(BOARD_READER);
}

/* 0 in the lower half is InvalidTransactionId, whatever the epoch. */
static uint64_t
full_xid(uint32_t epoch, uint32_t xid)
{
	return xid == 0 ? 0 : (uint64_t) epoch << 32 | xid;
}

/* Whether the reader waits for what standbys confirm. */
static bool
reader_waits(const Session *s)
{
	return s->ctx->config->acknowledge.kind != ACK_RECEIVED;
}

/* By what the standby has confirmed just now. */
static void
update_lags(BoardStatus *status)
{
	int64_t lags[LAG_KIND_COUNT] = {
		[LAG_WRITE] = status->write_lag,
		[LAG_FLUSH] = status->flush_lag,
		[LAG_REPLAY] = status->replay_lag,
	};
	const Lsn confirmed[LAG_KIND_COUNT] = {
		[LAG_WRITE] = status->write,
		[LAG_FLUSH] = status->flush,
		[LAG_REPLAY] = board_reached(status),
	};

	lag_look_up(&reply_lag, confirmed, status->sent, status->reply_time, lags);
	status->write_lag = lags[LAG_WRITE];
	status->flush_lag = lags[LAG_FLUSH];
	/* there is none where nothing is replayed */
	status->replay_lag =
		status->apply != InvalidLsn ? lags[LAG_REPLAY] : LAG_UNKNOWN;
}

static void
set_positions(Session *s, const ReplicationReply *reply)
{
	BoardStatus *status = &s->status;
	Lsn reached = board_reached(status);
	bool advanced = reply->write > status->write ||
					reply->flush > status->flush ||
					reply->apply > status->apply;

	status->write = reply->write;
	status->flush = reply->flush;
	status->apply = reply->apply;
	if (board_reached(status) > reached || !standbystate_is_behind(status))
		status->progress_time = status->reply_time;
	update_lags(status);
	board_publish(status);
	if (advanced && reader_waits(s))
		board_wake(BOARD_READER);
	/* which may have to wait for the disk: commits do not */
	slots_confirm(s);
}

bool
reply_take(Session *s, const uint8_t *body, size_t len, bool *reply_requested,
	ErrInfo *err)
{
	ReplicationReply reply;

	if (!replication_decode_client(body, len, &reply, err))
		return false;
	s->status.reply_time = monotime_pg_timestamp();
	if (reply.kind == REPLICATION_FEEDBACK)
	{
		set_xmin(s, full_xid(reply.xmin_epoch, reply.xmin),
			full_xid(reply.catalog_xmin_epoch, reply.catalog_xmin));
		return true;
	}
	set_positions(s, &reply);
	if (reply.reply_requested)
		*reply_requested = true;
	return true;
}

/* What is known only while there is a stream. */
static void
forget_progress(BoardStatus *status)
{
	status->write = InvalidLsn;
	status->flush = InvalidLsn;
	status->apply = InvalidLsn;
	status->write_lag = LAG_UNKNOWN;
	status->flush_lag = LAG_UNKNOWN;
	status->replay_lag = LAG_UNKNOWN;
	lag_reset(&reply_lag);
}

void
reply_begin(Session *s, TimeLineId tli, Lsn start)
{
	BoardStatus *status = &s->status;

	forget_progress(status);
	status->tli = tli;
	status->sent = start;
	status->stream_began_ms = monotime_ms();
	status->progress_time = monotime_pg_timestamp();
	status->halted = false;
	status->reason[0] = '\0';
	board_publish(status);
}

void
reply_sent(Session *s, size_t len, Lsn at_hand)
{
	BoardStatus *status = &s->status;
	int64_t now = monotime_pg_timestamp();

	/* one that had all there was begins to be behind only now */
	if (!standbystate_is_behind(status))
		status->progress_time = now;
	lag_take_sample(&reply_lag, at_hand, now);
	status->sent += len;
	status->bytes += len;
	board_publish(status);
}

void
reply_state_changed(const Session *s)
{
	if (reader_waits(s))
		board_wake(BOARD_READER);
}

void
reply_halted(Session *s, const ErrInfo *err)
{
	BoardStatus *status = &s->status;

	status->halted = true;
	snprintf(status->reason, sizeof(status->reason), "%.*s",
		BOARD_ALARM_SIZE - 1, err->message);
	board_publish(status);
}

void
reply_forget(Session *s)
{
	BoardStatus *status = &s->status;

	forget_progress(status);
	/* where a stream was halted is still to be seen */
	if (!status->halted)
	{
		status->tli = 0;
		status->sent = InvalidLsn;
		status->reason[0] = '\0';
	}
	status->source = BOARD_SOURCE_NONE;
	status->filtered = false;
	status->scope_kept = false;
	set_xmin(s, 0, 0);
}
