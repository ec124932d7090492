/*
 * notify.h
 *		Telling the service manager how we are: the protocol of sd_notify(3),
 *		datagrams to the socket that NOTIFY_SOCKET names.
 *
 * Nothing here waits.  Without NOTIFY_SOCKET nothing here does anything.  What
 * must arrive and was refused for now is sent again by notify_tick().
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include "base.h"

/* Room for a status, with its terminator. */
#define NOTIFY_STATUS_SIZE 256

/*
 * Once, before the first child: take what is ours out of the environment, so that
 * no child speaks for us.  describe writes the status, one line; it is asked every
 * few seconds.
 */
void notify_open(void (*describe)(char *text, size_t size));

/* A child: close the socket. */
void notify_leave(void);

/* We can be connected to; also the end of what notify_reloading() began. */
void notify_ready(void);
void notify_reloading(void);
/* The end may take so long. */
void notify_stopping(int longest_ms);

/*
 * Send what is due: a sign of life for the watchdog, the status if it has changed,
 * what was refused before.  Returns when there is something to do again; 0: never.
 */
MUST_CHECK int64_t notify_tick(int64_t now_ms);

#endif /* SUPERVISOR_NOTIFY_H */
