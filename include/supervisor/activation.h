/*
 * activation.h
 *		Listening sockets that the service manager has opened for us, as
 *		sd_listen_fds(3) describes: LISTEN_FDS of them from descriptor 3 on, if
 *		LISTEN_PID is us.
 */
#ifndef SUPERVISOR_ACTIVATION_H
#define SUPERVISOR_ACTIVATION_H

#include "base.h"

#include "util/errinfo.h"

/* The first of them, by the protocol. */
#define ACTIVATION_FIRST_FD 3

/*
 * Once, before anything else is opened: how many there are, 0 if none.  Takes the
 * variables out of the environment.
 */
int activation_take(void);

/*
 * The i-th, if it is a stream socket that listens, of IPv4, IPv6 or Unix; else -1
 * with err.  It is made as one of ours: not blocking, and closed by exec.
 */
MUST_CHECK int activation_socket(int i, ErrInfo *err);

#endif /* SUPERVISOR_ACTIVATION_H */
