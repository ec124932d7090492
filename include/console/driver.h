/*
 * driver.h
 *		What drivers and pools say by themselves, and expect to work: settings,
 *		transactions, prepared statements.
 *
 * All are run by verb.c, see VerbRun in verb.h.
 */
#ifndef CONSOLE_DRIVER_H
#define CONSOLE_DRIVER_H

#include "base.h"

#include "console/verb.h"

bool driver_set(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool driver_discard(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool driver_deallocate(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool driver_begin(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool driver_end(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);

#endif /* CONSOLE_DRIVER_H */
