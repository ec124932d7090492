/*
 * changes.h
 *		RELOAD, and what it has changed.
 */
#ifndef CONSOLE_CHANGES_H
#define CONSOLE_CHANGES_H

#include "base.h"

#include "console/verb.h"

#define CHANGES_COLUMNS 5
extern const ViewColumn changes_columns[CHANGES_COLUMNS];

/* A VerbRun, see verb.h. */
bool changes_reload(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);

#endif /* CONSOLE_CHANGES_H */
