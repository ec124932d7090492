/*
 * dbnames.h
 *		The names of the upstream's databases, by SQL, without waiting for it.
 *
 * They are those of the server that the reader is connected to, and only if it is
 * of the same system.  A failure is logged; the last names stay.
 */
#ifndef MONITOR_DBNAMES_H
#define MONITOR_DBNAMES_H

#include "base.h"

#include <event2/event.h>

#include "process/child.h"

void dbnames_init(struct event_base *base, const ChildContext *ctx);

/*
 * Ask for them, unless that is under way, was tried less than a minute ago, or
 * no upstream is known.  True if a new question is on its way.
 */
bool dbnames_ask(void);

/* Of the last answer; NULL: not known. */
const char *dbnames_find(Oid oid);

#endif /* MONITOR_DBNAMES_H */
