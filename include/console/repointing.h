/*
 * repointing.h
 *		REPOINT: move to another upstream.
 */
#ifndef CONSOLE_REPOINTING_H
#define CONSOLE_REPOINTING_H

#include "base.h"

#include "console/verb.h"

#define REPOINTING_COLUMNS 5
extern const ViewColumn repointing_columns[REPOINTING_COLUMNS];

/* A VerbRun, see verb.h. */
bool repointing_run(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);

#endif /* CONSOLE_REPOINTING_H */
