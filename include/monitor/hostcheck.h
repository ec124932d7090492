/*
 * hostcheck.h
 *		Whether a Host header can mean a server that listens on loopback only.
 *
 * A web page of elsewhere whose name an attacker has resolve to 127.0.0.1 meanwhile
 * (DNS rebinding) may read what is there: for the browser it is the page's own server.
 * Its requests come with that name and our port.
 */
#ifndef MONITOR_HOSTCHECK_H
#define MONITOR_HOSTCHECK_H

#include "base.h"

/*
 * host is the header's value, NULL: there is none; port is the one that is listened on,
 * and names are what is listened on, separated by commas.
 *
 * False for a name with our port that is not among names, nor localhost.  With another
 * port it is a proxy on this machine, or a tunnel to it, that was meant, and no address
 * can be anything but what it is.
 */
bool hostcheck_may_be_us(const char *host, int port, const char *names);

#endif /* MONITOR_HOSTCHECK_H */
