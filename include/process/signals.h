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

/* Replace what the supervisor had set up. */
void signals_setup_child(void);

bool signals_stop_requested(void);
bool signals_drain_requested(void);
/* True once for each request. */
bool signals_take_cancel(void);
bool signals_take_hangup(void);

/*
 * While on, TERM and USR2 end the process at once: for a process that may block
 * in a library and has nothing to tidy up.
 */
void signals_exit_at_once(bool on);

#endif /* PROCESS_SIGNALS_H */
