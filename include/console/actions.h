/*
 * actions.h
 *		What an operator does to standbys and to the daemon: KILL, PAUSE, RESUME,
 *		RESCOPE, SHUTDOWN.
 *
 * All are run by verb.c, see VerbRun in verb.h.
 */
#ifndef CONSOLE_ACTIONS_H
#define CONSOLE_ACTIONS_H

#include "base.h"

#include "console/verb.h"

/* Of KILL, PAUSE and RESUME: whom it has reached. */
#define ACTIONS_SESSION_COLUMNS 2
extern const ViewColumn actions_session_columns[ACTIONS_SESSION_COLUMNS];
#define ACTIONS_RESCOPE_COLUMNS 2
extern const ViewColumn actions_rescope_columns[ACTIONS_RESCOPE_COLUMNS];

bool actions_kill(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool actions_pause(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool actions_resume(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool actions_rescope(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool actions_shutdown(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);

#endif /* CONSOLE_ACTIONS_H */
