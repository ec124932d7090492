/*
 * pages.h
 *		What the monitor answers: the table of paths.
 */
#ifndef MONITOR_PAGES_H
#define MONITOR_PAGES_H

#include "base.h"

#include "monitor/http.h"
#include "process/child.h"

void pages_init(const ChildContext *ctx);
void pages_request(HttpReq *req);

#endif /* MONITOR_PAGES_H */
