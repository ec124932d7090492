/*
 * monitor.h
 *		The monitor process: metrics, health and the status page over HTTP.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "base.h"

#include "process/child.h"

/* Never returns. */
void monitor_main(ChildContext *ctx) NORETURN;

#endif /* MONITOR_MONITOR_H */
