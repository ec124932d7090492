/*
 * slots.h
 *		Replication slots in a session: the commands, and the slot of its stream.
 */
#ifndef WORKER_SLOTS_H
#define WORKER_SLOTS_H

#include "base.h"

#include "pq/replcmd.h"
#include "util/errinfo.h"
#include "worker/session.h"

/* The commands, with their answers. */
void slots_create(Session *s, const ReplCommand *command);
void slots_drop(Session *s, const ReplCommand *command);
void slots_read(Session *s, const ReplCommand *command);

/*
 * START_REPLICATION names a slot: from here to slots_release it is the stream's,
 * and follows what the standby confirms.  False, with err, if it may not be had.
 */
MUST_CHECK bool slots_acquire(
	Session *s, const ReplCommand *command, ErrInfo *err);
void slots_release(Session *s);

/*
 * The standby has said what it has flushed: so much for the slot of the stream, if
 * it has one.  Waits for the disk once a segment.
 */
void slots_confirm(Session *s);

#endif /* WORKER_SLOTS_H */
