/*
 * accounting.h
 *		The monitor counts what the WAL in the ring is made of, see shm/walstat.h.
 */
#ifndef MONITOR_ACCOUNTING_H
#define MONITOR_ACCOUNTING_H

#include "base.h"

#include <event2/event.h>

#include "process/child.h"

/*
 * Count from now on, a slice at a time, by timers of base.  ctx outlives base.
 */
void accounting_start(struct event_base *base, const ChildContext *ctx);

#endif /* MONITOR_ACCOUNTING_H */
