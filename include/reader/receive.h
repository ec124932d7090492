/*
 * receive.h
 *		The stream from the upstream: WAL into the ring, replies back.
 */
#ifndef READER_RECEIVE_H
#define READER_RECEIVE_H

#include "base.h"

#include <libpq-fe.h>

#include "process/child.h"
#include "shm/board.h"
#include "util/errinfo.h"

typedef enum ReceiveEnd
{
	RECEIVE_STOPPED,      /* we have been told to stop */
	RECEIVE_MOVED,        /* the configuration names another upstream */
	RECEIVE_TIMELINE_END, /* the timeline that was asked for goes no further */
	RECEIVE_ENDED,        /* the upstream has ended the stream in good order */
	RECEIVE_WAL_GONE, /* it no longer has the WAL where the ring ends; err */
	RECEIVE_FAILED    /* err */
} ReceiveEnd;

/*
 * Stream until it ends.  conn is in COPY mode; the position is the ring's head.
 * status, our own on the board, is kept up to date.  *received is set if any WAL came.  After RECEIVE_MOVED the stream can be gone on
 * with by another call.
 */
ReceiveEnd receive_stream(ChildContext *ctx, PGconn *conn, BoardStatus *status,
	bool *received, ErrInfo *err);

#endif /* READER_RECEIVE_H */
