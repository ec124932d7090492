/*
 * signals.h
 *		Signals in the children: a handler sets a flag and wakes its process,
 *		nothing else; the process looks at the flags where it is good to.
 *
 *		TERM	stop now, in an orderly way
 *		USR2	stop when the standby has what there is (smart shutdown)
 *		INT		cancel the current command (a cancel request)
 *		QUIT	exit at once
 *		USR1	open the log file again, before the next line
 *		HUP		look again who is paused (a reload comes through shared memory)
 *		PIPE	ignored
 */
#ifndef PROCESS_SIGNALS_H
#define PROCESS_SIGNALS_H

#include "base.h"

#include <poll.h>

/* Replace what the supervisor had set up. */
void signals_setup_child(void);

bool signals_stop_requested(void);
bool signals_drain_requested(void);
/* Whether it was not the supervisor that said TERM: an operator means this one. */
bool signals_killed(void);
/* True once for each request. */
bool signals_take_cancel(void);
bool signals_take_hangup(void);

/*
 * While on, TERM ends the process at once: for what may block in a library, which
 * nothing else gets out of.
 */
void signals_exit_at_once(bool on);

/*
 * As poll(), which a signal to stop cuts short at any time: also one that has come
 * before, after the caller has looked.  -1 and EINTR then.
 */
int signals_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

#endif /* PROCESS_SIGNALS_H */
