/*
 * standbypage.h
 *		/standbys: the standbys as JSON, at once or as soon as some of them have
 *		replayed an LSN.
 */
#ifndef MONITOR_STANDBYPAGE_H
#define MONITOR_STANDBYPAGE_H

#include "base.h"

#include <event2/event.h>

#include "monitor/http.h"
#include "process/child.h"

void standbypage_init(struct event_base *base, const ChildContext *ctx);

/*
 * Parameters: application_name, rule: only these standbys; wait_lsn: only those
 * that have replayed it, as soon as there are count of them, or timeout
 * milliseconds have passed.
 */
void standbypage_request(HttpReq *req);

#endif /* MONITOR_STANDBYPAGE_H */
