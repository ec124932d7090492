/*
 * verb.h
 *		The one table of what can be said to the console: what it looks like, who
 *		may say it, what it does and what it answers with.
 */
#ifndef CONSOLE_VERB_H
#define CONSOLE_VERB_H

#include "base.h"

#include "console/answer.h"
#include "console/console.h"
#include "pq/consolecmd.h"
#include "view/view.h"

/*
 * Do what a command says; rows go into the answer, which is of the command's shape.
 * False, with err, if it could not be done.
 */
typedef bool (*VerbRun)(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);

/* SHOW HELP */
extern const View verb_help;

/* The columns of a command's answer; false, with err, if it asks for what is not. */
MUST_CHECK bool verb_shape(const Console *c, const ConsoleCommand *command,
	Shape *shape, ErrInfo *err);

/* Whether the session may say it now: its role, and a transaction that has failed. */
MUST_CHECK bool verb_check(
	const Console *c, const ConsoleCommand *command, ErrInfo *err);

/* Do it; the answer has been initialised with the shape. */
MUST_CHECK bool verb_run(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err);

/* What a syntax error within a command has for a hint, if it has none. */
void verb_hint(ConsoleVerb verb, ErrInfo *err);

/* CommandComplete, or EmptyQueryResponse. */
void verb_complete(Console *c, const ConsoleCommand *command, const Answer *a);

#endif /* CONSOLE_VERB_H */
