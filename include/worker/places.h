/*
 * places.h
 *		Who there is room for.
 *
 *	max_connections		clients that have said who they are, as in PostgreSQL
 *	+ spare_workers		all clients: some can be told that there is no room, and some
 *				say nothing
 *	+ BOARD_CONSOLES_MAX	workers: operators get in whatever the others do
 *
 * Who says nothing keeps its place for authentication_timeout, but no longer than
 * PLACES_SILENCE_MS while places are short.
 *
 * A client counts from the moment when its cell says CELL_STARTUP, and as one that has
 * said who it is from CELL_IDLE on; an operator, CELL_CONSOLE, does not.
 */
#ifndef WORKER_PLACES_H
#define WORKER_PLACES_H

#include "base.h"

#include "conf/option.h"
#include "util/errinfo.h"

#define PLACES_SILENCE_MS 1000

/* Whether there are more clients than max_connections, those who say nothing too. */
bool places_are_short(const Config *config);

/* Whether only an operator can still be let in. */
bool places_are_gone(const Config *config);

/*
 * Whether too many clients have said who they are, the caller among them: its cell comes
 * first, so that of two that come at the same time one sees the other.
 */
bool places_are_exceeded(const Config *config);

/* What a client is told whom there is no room for (53300). */
void places_error(ErrInfo *err);

#endif /* WORKER_PLACES_H */
