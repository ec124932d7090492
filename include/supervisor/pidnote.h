/*
 * pidnote.h
 *		What the pid file says behind the process id, a line each:
 *
 *		configuration file ("" none)
 *		time of the start, in seconds since 1970
 *		port
 *		unix_socket_directories
 *		listen_addresses
 *		directory of the Unix-domain socket for the console ("" none)
 *		status: "starting", "ready" or "stopping"
 *		what the command line sets, as words for a shell
 *
 * walbouncerctl reads it (backend/ctl/instance.c).  The lines are those of
 * postmaster.pid as far as we have them.
 */
#ifndef SUPERVISOR_PIDNOTE_H
#define SUPERVISOR_PIDNOTE_H

#include "base.h"

#include <time.h>

#include "supervisor/reload.h"

#define PIDNOTE_STARTING "starting"
#define PIDNOTE_READY "ready"
#define PIDNOTE_STOPPING "stopping"

/*
 * The lines before that of the console, as the lock files beside Unix-domain
 * sockets have them.  started: time of the start.  malloc'd.
 */
char *pidnote_format(const Settings *settings, time_t started);

/* All of them.  malloc'd. */
char *pidnote_format_all(const Settings *settings, time_t started,
	const char *console_directory, const char *status);

#endif /* SUPERVISOR_PIDNOTE_H */
