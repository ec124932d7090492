/*
 * supervisor.h
 *		The supervisor: the process that was started.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "base.h"

#include "supervisor/reload.h"

/*
 * Serve until told to stop; returns the exit code then.  A start that fails is
 * logged and ends the process.  settings are loaded and belong to the supervisor
 * from here on.
 */
int supervisor_run(const Settings *settings);

#endif /* SUPERVISOR_SUPERVISOR_H */
