/*
 * stream.h
 *		START_REPLICATION: WAL from the source, through the filter, to the standby.
 */
#ifndef WORKER_STREAM_H
#define WORKER_STREAM_H

#include "base.h"

#include "pq/replcmd.h"
#include "worker/session.h"

/*
 * Run START_REPLICATION PHYSICAL until either side ends it.  The answer has been
 * queued when it returns, and the next command may come.  Does not return if the
 * client has gone or we have been told to stop.
 */
void stream_run(Session *s, const ReplCommand *command);

#endif /* WORKER_STREAM_H */
