/*
 * statedirectory.h
 *		The state directory at a start of the daemon; without one there is nothing to
 *		do.
 */
#ifndef SUPERVISOR_STATEDIRECTORY_H
#define SUPERVISOR_STATEDIRECTORY_H

#include "base.h"

#include "conf/option.h"

/*
 * Make what is not there yet, and look at the slots: damaged ones are logged.  What
 * cannot be made ends the process (log_fatal).
 */
void statedirectory_prepare(const Config *config);

/*
 * Remove what killed processes have left of replaced files.  Only when the pid file
 * is ours, so that nobody else writes there yet.
 */
void statedirectory_sweep(const Config *config);

#endif /* SUPERVISOR_STATEDIRECTORY_H */
