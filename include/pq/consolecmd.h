/*
 * consolecmd.h
 *		The grammar of the console: what an operator says, and what drivers say
 *		by themselves.
 *
 *		SHOW name					RELOAD
 *		KILL {pid | name}			PAUSE [name]		RESUME [name]
 *		RESCOPE rule				REPOINT {conninfo [TEMPORARY] | DEFAULT}
 *		SHUTDOWN [SMART | FAST | IMMEDIATE]
 *
 *		SET ...		RESET ...		DISCARD ...		DEALLOCATE [PREPARE] {name | ALL}
 *		BEGIN		COMMIT			ROLLBACK		SELECT value
 *
 * Words are in any case.  A name is a string ('x', or E'x' with backslashes), an
 * identifier in quotes ("x"), or a bare word of letters, digits and "_.-", which
 * keeps its case.  Statements are separated by semicolons; comments are SQL's.
 */
#ifndef PQ_CONSOLECMD_H
#define PQ_CONSOLECMD_H

#include "base.h"

#include "util/errinfo.h"

/* A connection string is the longest argument. */
#define CONSOLECMD_ARGUMENT_SIZE 4096

typedef enum ConsoleVerb
{
	CONSOLE_EMPTY, /* nothing, or a comment */
	CONSOLE_SHOW,  /* argument: of what */
	CONSOLE_RELOAD,
	CONSOLE_KILL,    /* number: a process id; else argument: a name */
	CONSOLE_PAUSE,   /* argument: a name, or "": everybody */
	CONSOLE_RESUME,  /* the same */
	CONSOLE_RESCOPE, /* argument: a rule */
	CONSOLE_REPOINT, /* argument: a conninfo, or "": the configured one */
	CONSOLE_SHUTDOWN,
	CONSOLE_SET, /* argument: of what, "" in its special forms; value */
	CONSOLE_RESET,
	CONSOLE_DISCARD,    /* all */
	CONSOLE_DEALLOCATE, /* all, or argument: a prepared statement */
	CONSOLE_BEGIN,
	CONSOLE_COMMIT,
	CONSOLE_ROLLBACK,
	CONSOLE_SELECT, /* select; argument: a constant */
	CONSOLE_VERB_COUNT
} ConsoleVerb;

typedef enum ConsoleStop
{
	CONSOLE_STOP_FAST,
	CONSOLE_STOP_SMART,
	CONSOLE_STOP_IMMEDIATE
} ConsoleStop;

/* What can be selected: what drivers and pools ask for to see that we live. */
typedef enum ConsoleSelect
{
	CONSOLE_SELECT_INT,
	CONSOLE_SELECT_TEXT,
	CONSOLE_SELECT_VERSION,
	CONSOLE_SELECT_USER,
	CONSOLE_SELECT_DATABASE,
	CONSOLE_SELECT_PID,
	CONSOLE_SELECT_COUNT
} ConsoleSelect;

typedef struct ConsoleCommand
{
	ConsoleVerb verb;
	bool temporary;
	bool all;
	ConsoleStop stop;
	ConsoleSelect select;
	uint32_t number;
	char value[64]; /* the first word of what SET sets; cut off */
	char argument[CONSOLECMD_ARGUMENT_SIZE];
} ConsoleCommand;

/*
 * Take the statement at *pos of a query's text; *pos moves behind it and its
 * semicolon, and the text is used up when it has reached the zero byte.
 *
 * False, with err and the place in it: 42601 for what is not in the grammar, 0A000
 * for SQL, 42602 for a name of nothing, 54000 for an argument that is too long.
 */
MUST_CHECK bool consolecmd_next(
	const char *query, size_t *pos, ConsoleCommand *out, ErrInfo *err);

/* The verb's first word: "SHOW". */
const char *consolecmd_name(ConsoleVerb verb);

#endif /* PQ_CONSOLECMD_H */
