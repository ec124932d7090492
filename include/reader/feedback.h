/*
 * feedback.h
 *		What the upstream is told: one position and one xmin for all standbys.
 */
#ifndef READER_FEEDBACK_H
#define READER_FEEDBACK_H

#include "base.h"

#include <libpq-fe.h>

#include "reader/quorum.h"

/* What has been told already, over one connection; begins as all zero. */
typedef struct Feedback
{
	int64_t status_sent_ms;
	int64_t began_ms; /* when standbys were first asked about */
	int64_t xmin_sent_ms;
	uint64_t xmin;
	uint64_t catalog_xmin;
} Feedback;

/* A status reply.  False if the connection is gone. */
MUST_CHECK bool feedback_send_status(
	Feedback *fb, PGconn *conn, const AckPositions *at, bool request_reply);

/*
 * Hot standby feedback, the oldest of all standbys' for each kind of xmin, if it
 * has changed since it was told, or was told interval_ms ago (0: never again).
 *
 * That there is none is told once, as a slot may hold what was told over an
 * earlier connection; but only when standbys have had some time to come back.
 */
MUST_CHECK bool feedback_send_xmin(Feedback *fb, PGconn *conn, int interval_ms);

#endif /* READER_FEEDBACK_H */
