/*
 * metrics.h
 *		/metrics: the Prometheus text format, version 0.0.4.
 */
#ifndef MONITOR_METRICS_H
#define MONITOR_METRICS_H

#include "base.h"

#include "process/child.h"
#include "util/buf.h"

void metrics_put(const ChildContext *ctx, Buf *out);

#endif /* MONITOR_METRICS_H */
