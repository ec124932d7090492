/*
 * show.h
 *		SHOW and SELECT.
 */
#ifndef CONSOLE_SHOW_H
#define CONSOLE_SHOW_H

#include "base.h"

#include "console/verb.h"

/* The columns of the answer, see verb_shape(). */
MUST_CHECK bool show_shape(const Console *c, const ConsoleCommand *command,
	Shape *shape, ErrInfo *err);
void select_shape(const ConsoleCommand *command, Shape *shape);

/* VerbRuns, see verb.h. */
bool show_run(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);
bool select_run(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);

#endif /* CONSOLE_SHOW_H */
