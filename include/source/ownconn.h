/*
 * ownconn.h
 *		A replication connection of a process's own to the upstream, for WAL that
 *		is not at hand.  See source.h for what its answers mean.
 */
#ifndef SOURCE_OWNCONN_H
#define SOURCE_OWNCONN_H

#include "base.h"

#include "process/child.h"
#include "source/source.h"
#include "util/errinfo.h"
#include "util/lsn.h"
#include "wal/history.h"

typedef struct OwnConn OwnConn;

/* Not connected yet. */
OwnConn *ownconn_new(ChildContext *ctx);
void ownconn_free(OwnConn *own);

bool ownconn_is_open(const OwnConn *own);
void ownconn_close(OwnConn *own);

/*
 * Connect if need be, and drive the connection until WAL of tli streams from lsn
 * on.  line is the line of timelines that tli is in.  SOURCE_FAILED: the upstream
 * says no, and err has its words.
 */
MUST_CHECK SourceStatus ownconn_prepare(
	OwnConn *own, const History *line, TimeLineId tli, Lsn lsn, ErrInfo *err);

/* The same, and copy WAL: *got is 1..cap on SOURCE_OK. */
MUST_CHECK SourceStatus ownconn_read(OwnConn *own, const History *line,
	TimeLineId tli, Lsn lsn, uint8_t *dst, size_t cap, size_t *got,
	ErrInfo *err);

/* Attempts to connect that have failed since the last one that did not. */
int ownconn_failures(const OwnConn *own);

/* After SOURCE_END_OF_TIMELINE. */
void ownconn_next_timeline(const OwnConn *own, TimeLineId *tli, Lsn *start);

/* What to wait for; -1: nothing, or no limit. */
int ownconn_fd(const OwnConn *own, short *events);
int ownconn_timeout_ms(const OwnConn *own);

#endif /* SOURCE_OWNCONN_H */
