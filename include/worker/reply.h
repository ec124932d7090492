/*
 * reply.h
 *		What a standby says while it is being streamed to.
 */
#ifndef WORKER_REPLY_H
#define WORKER_REPLY_H

#include "base.h"

#include "util/errinfo.h"
#include "worker/session.h"

/*
 * Take the body of a CopyData message: positions and xmins go to our cell, the
 * reader is woken if it may have to tell the upstream of it.  *reply_requested is set if the
 * standby wants a keepalive.
 */
MUST_CHECK bool reply_take(Session *s, const uint8_t *body, size_t len,
	bool *reply_requested, ErrInfo *err);

/* A stream begins at start, on which the standby has said nothing yet. */
void reply_begin(Session *s, TimeLineId tli, Lsn start);

/*
 * len bytes more have been queued.  at_hand is how far WAL of the stream's timeline
 * could be had: what a lag is measured from.
 */
void reply_sent(Session *s, size_t len, Lsn at_hand);

/* The stream cannot go on, and err says why: what follows the sent WAL is no good. */
void reply_halted(Session *s, const ErrInfo *err);

/* The stream has caught up, or has fallen behind: that decides whether it counts. */
void reply_state_changed(const Session *s);

/* The stream has ended: this standby holds nothing back any more. */
void reply_forget(Session *s);

#endif /* WORKER_REPLY_H */
