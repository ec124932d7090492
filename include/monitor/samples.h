/*
 * samples.h
 *		The last quarter of an hour in samples: rates and lags, in the monitor's
 *		memory alone.
 */
#ifndef MONITOR_SAMPLES_H
#define MONITOR_SAMPLES_H

#include "base.h"

#include <event2/event.h>

#include "process/child.h"
#include "util/json.h"

#define SAMPLES_INTERVAL_S 5
#define SAMPLES_COUNT 180

void samples_init(struct event_base *base, const ChildContext *ctx);

/* As the value of "history" in /status.json. */
void samples_put(Json *j);

#endif /* MONITOR_SAMPLES_H */
