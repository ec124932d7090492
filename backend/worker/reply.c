/*
 * reply.c
 *		What a standby says.  See reply.h.
 */
#include "base.h"

#include "pq/replication.h"
#include "util/monotime.h"
#include "worker/reply.h"
#include "worker/slots.h"

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
	if (board_reached(status) > reached ||
		board_reached(status) >= status->sent)
		status->progress_time = status->reply_time;
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

void
reply_begin(Session *s, TimeLineId tli, Lsn start)
{
	s->status.tli = tli;
	s->status.sent = start;
	s->status.stream_began_ms = monotime_ms();
	s->status.progress_time = monotime_pg_timestamp();
	board_publish(&s->status);
}

void
reply_state_changed(const Session *s)
{
	if (reader_waits(s))
		board_wake(BOARD_READER);
}

void
reply_forget(Session *s)
{
	s->status.tli = 0;
	s->status.sent = InvalidLsn;
	s->status.write = InvalidLsn;
	s->status.flush = InvalidLsn;
	s->status.apply = InvalidLsn;
	s->status.source = BOARD_SOURCE_NONE;
	s->status.filtered = false;
	s->status.scope_kept = false;
	set_xmin(s, 0, 0);
}
