/*
 * netlisten.h
 *		Sockets that listen on TCP.
 */
#ifndef UTIL_NETLISTEN_H
#define UTIL_NETLISTEN_H

#include "base.h"

#include <netdb.h>

#include "util/errinfo.h"

/*
 * The addresses that a host name or an address stands for, to listen on; "*" is all
 * of this machine.  False, with err, which names the setting, if there are none;
 * else *found is for freeaddrinfo().
 */
MUST_CHECK bool netlisten_find(const char *name, int port, const char *setting,
	struct addrinfo **found, ErrInfo *err);

/* A listening socket at one address, or -1 with errno.  It does not block. */
int netlisten_open(const struct sockaddr *addr, socklen_t len, int backlog);

#endif /* UTIL_NETLISTEN_H */
