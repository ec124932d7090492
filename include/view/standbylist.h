/*
 * standbylist.h
 *		All standbys there are at one moment: the connected ones, and those that have
 *		been halted and are still expected.  For the views and the monitor.
 */
#ifndef VIEW_STANDBYLIST_H
#define VIEW_STANDBYLIST_H

#include "base.h"

#include "process/child.h"
#include "view/standbystate.h"

typedef struct Standby
{
	bool connected;
	/* If it is not connected: what the halt says of it, and pid 0. */
	BoardView view;
	StandbyVerdict verdict;
	int priority; /* of its name in upstream.acknowledge; 0: it is not there */
	/* As in pg_stat_replication, by upstream.acknowledge; NULL: not connected. */
	const char *sync_state;
} Standby;

typedef struct StandbyList
{
	int64_t now;    /* of the judgement, a pg_timestamp */
	Lsn end_of_wal; /* as far as it is known */
	Standby *items; /* owned */
	size_t count;
} StandbyList;

/* By application_name, rule, user and process id. */
void standbylist_take(StandbyList *list, const ChildContext *ctx);
void standbylist_clear(StandbyList *list);

/* The end of WAL as far as it is known here: received, or announced. */
Lsn standbylist_end_of_wal(const Ring *ring);

#endif /* VIEW_STANDBYLIST_H */
