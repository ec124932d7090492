/*
 * healthpage.h
 *		/healthz: for load balancers and whoever else asks for yes or no.
 */
#ifndef MONITOR_HEALTHPAGE_H
#define MONITOR_HEALTHPAGE_H

#include "base.h"

#include "monitor/http.h"
#include "process/child.h"

void healthpage_init(const ChildContext *ctx);

/*
 * 200 "ok" as long as walbouncer serves.  Parameters: strict: 503 with the messages
 * if there are critical alarms; application_name: 503 with the reason if no standby
 * of that name streams, or with max_lag_bytes, none is that near the end of WAL.
 */
void healthpage_request(HttpReq *req);

#endif /* MONITOR_HEALTHPAGE_H */
