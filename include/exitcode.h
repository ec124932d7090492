/*
 * exitcode.h
 *		How a process of ours ends, for the one who waits for it: the operator or
 *		the service manager for the supervisor, the supervisor for its children.
 *
 * systemd(1) has names for some, which "systemctl status" shows: 2 is
 * INVALIDARGUMENT, 71 is OSERR.
 */
#ifndef EXITCODE_H
#define EXITCODE_H

/* Done, or told to stop. */
#define EXITCODE_OK 0
/* A session ended with an error that its client was told. */
#define EXITCODE_SESSION 1
/* The command line or the configuration is wrong: so it will be the next time. */
#define EXITCODE_CONFIG 2
/* Could not start or go on, for want of memory, sockets, files. */
#define EXITCODE_STARTUP 71

#endif /* EXITCODE_H */
