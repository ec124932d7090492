/*
 * viewutil.h
 *		Values that more than one view shows.
 */
#ifndef VIEW_VIEWUTIL_H
#define VIEW_VIEWUTIL_H

#include "base.h"

#include "view/view.h"

void viewutil_put_pid(ViewRow *row, pid_t pid);           /* 0: NULL */
void viewutil_put_timeline(ViewRow *row, TimeLineId tli); /* 0: NULL */
/*
 * Of a peer as net_format() writes it: its address, NULL for a Unix socket; its
 * port, -1 for a Unix socket, as in pg_stat_replication.  "" : NULL.
 */
void viewutil_put_peer(ViewRow *row, const char *peer);
void viewutil_put_peer_port(ViewRow *row, const char *peer);
/* Bytes from one LSN to another, at least 0; NULL if either is InvalidLsn. */
void viewutil_put_distance(ViewRow *row, Lsn from, Lsn to);
/* Seconds since a pg_timestamp, at least 0; NULL if it is 0. */
void viewutil_put_age(ViewRow *row, int64_t time, int64_t now);

#endif /* VIEW_VIEWUTIL_H */
