/*
 * listen.h
 *		The listening sockets.  The supervisor makes them and accepts nothing:
 *		workers do.
 */
#ifndef SUPERVISOR_LISTEN_H
#define SUPERVISOR_LISTEN_H

#include "base.h"

#include "conf/option.h"

/*
 * Open what the configuration names or, if there are any, take the passed sockets
 * of activation.h in its place.  lock_text goes into the lock files of Unix
 * sockets, behind our process id.  False, with err, if a name has not given one
 * socket at least; what has been opened by then is listen_close's.
 */
MUST_CHECK bool listen_open(
	const Config *config, int passed, const char *lock_text, ErrInfo *err);

/* For accept(); borrowed. */
const int *listen_sockets(size_t *count);

/*
 * The directory of a Unix socket that libpq finds there with that port, the
 * control socket if there is one; absolute, or "" for none.  malloc'd.
 */
char *listen_console_directory(int port);

/* Take no more clients: the sockets close, Unix sockets and their locks go. */
void listen_close(void);

/* A child: close what it does not need, and leave the files alone. */
void listen_leave(bool keep_sockets);

#endif /* SUPERVISOR_LISTEN_H */
