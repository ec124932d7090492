/*
 * feedback.c
 *		What the upstream is told.  See feedback.h.
 */
#include "base.h"

#include "pq/replication.h"
#include "reader/feedback.h"
#include "shm/board.h"
#include "util/buf.h"
#include "util/monotime.h"

/* How long standbys have to come back before their xmin is taken as gone. */
#define RETURN_MS 10000

static bool
send_reply(PGconn *conn, const ReplicationReply *reply)
{
	Buf b;
	bool ok;

	buf_init(&b, 64);
	replication_encode_client(&b, reply);
	ok = PQputCopyData(conn, (const char *) b.data, (int) b.len) == 1 &&
		 PQflush(conn) >= 0;
	buf_clear(&b);
	return ok;
}

bool
feedback_send_status(
	Feedback *fb, PGconn *conn, const AckPositions *at, bool request_reply)
{
	ReplicationReply reply = {
		.kind = REPLICATION_STATUS,
		.time = monotime_pg_timestamp(),
		.write = at->write,
		.flush = at->flush,
		.apply = at->apply,
		.reply_requested = request_reply,
	};

	fb->status_sent_ms = monotime_ms();
	return send_reply(conn, &reply);
}

/* The older of two transaction ids with epoch; 0 is "none". */
static uint64_t
oldest(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return Max(a, b);
	return Min(a, b);
}

static void
oldest_of_all(uint64_t *xmin, uint64_t *catalog_xmin)
{
	*xmin = *catalog_xmin = 0;
	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;

		if (board_state(i) == CELL_FREE || !board_view(i, &view))
			continue;
		*xmin = oldest(*xmin, view.status.xmin);
		*catalog_xmin = oldest(*catalog_xmin, view.status.catalog_xmin);
	}
}

/* Whether what has not changed is to be told again, or for the first time. */
static bool
xmin_is_due(const Feedback *fb, int interval_ms)
{
	int64_t now = monotime_ms();

	if (fb->xmin_sent_ms == 0)
		return now - fb->began_ms >= RETURN_MS;
	if (fb->xmin == 0 && fb->catalog_xmin == 0)
		return false;
	return interval_ms > 0 && now - fb->xmin_sent_ms >= interval_ms;
}

bool
feedback_send_xmin(Feedback *fb, PGconn *conn, int interval_ms)
{
	uint64_t xmin;
	uint64_t catalog_xmin;
	ReplicationReply reply;

	if (fb->began_ms == 0)
		fb->began_ms = monotime_ms();
	oldest_of_all(&xmin, &catalog_xmin);
	if (xmin == fb->xmin && catalog_xmin == fb->catalog_xmin &&
		!xmin_is_due(fb, interval_ms))
		return true;
	reply = (ReplicationReply){
		.kind = REPLICATION_FEEDBACK,
		.time = monotime_pg_timestamp(),
		.xmin = (uint32_t) xmin,
		.xmin_epoch = (uint32_t) (xmin >> 32),
		.catalog_xmin = (uint32_t) catalog_xmin,
		.catalog_xmin_epoch = (uint32_t) (catalog_xmin >> 32),
	};
	fb->xmin = xmin;
	fb->catalog_xmin = catalog_xmin;
	fb->xmin_sent_ms = monotime_ms();
	return send_reply(conn, &reply);
}
