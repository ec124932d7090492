/*
 * feedback.h
 *		What the upstream is told: one position and one xmin for all standbys.
 */
#ifndef READER_FEEDBACK_H
#define READER_FEEDBACK_H

#include "base.h"

#include <libpq-fe.h>

#include "util/lsn.h"

/* What has been told already, over one connection. */
typedef struct Feedback
{
	int64_t status_sent_ms;
	int64_t feedback_sent_ms;
	uint64_t xmin;
	uint64_t catalog_xmin;
	bool standing; /* the upstream holds back something for us */
} Feedback;

/*
 * A status reply.  Policy "received": written is what the ring has; flush and
 * apply stay unknown (0), so that the upstream never takes walbouncer for a
 * synchronous standby that has made something durable, and at its shutdown waits
 * for the written position (walsender.c, WalSndDone).
 *
 * False if the connection is gone.
 */
MUST_CHECK bool feedback_send_status(
	Feedback *fb, PGconn *conn, Lsn received, bool request_reply);

/*
 * Hot standby feedback, the oldest of all standbys' for each kind of xmin, if it
 * has changed since it was told, or was told interval_ms ago (0: never again).  Nothing
 * at all is sent as long as no standby sends any.
 */
MUST_CHECK bool feedback_send_xmin(Feedback *fb, PGconn *conn, int interval_ms);

#endif /* READER_FEEDBACK_H */
