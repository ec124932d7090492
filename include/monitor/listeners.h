/*
 * listeners.h
 *		The sockets that the monitor listens on.
 */
#ifndef MONITOR_LISTENERS_H
#define MONITOR_LISTENERS_H

#include "base.h"

#include <event2/event.h>
#include <event2/http.h>

#include "util/errinfo.h"

void listeners_init(struct event_base *base, struct evhttp *server);

/*
 * Listen on these addresses (names, separated by commas; "*" is all) and this
 * port, and on no others.  If that cannot be had it stays as it is, and err says
 * why.  Looks up names, which may take a while.
 */
MUST_CHECK bool listeners_set(const char *addresses, int port, ErrInfo *err);

/*
 * Whether a client that says so in its Host header (NULL: it has none) can have meant
 * us.  Where others than local clients may come, by whatever name, all are meant.
 */
bool listeners_are_meant(const char *host);

#endif /* MONITOR_LISTENERS_H */
