/*
 * driver.c
 *		What drivers and pools say by themselves.  See driver.h.
 *
 * Settings are accepted and have no effect, but for the one that would make us lie:
 * our texts are UTF-8.  A transaction is a letter in ReadyForQuery.
 */
#include "base.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "console/driver.h"

/* With these a client takes UTF-8 as it comes (pg_enc2name). */
static const char *const encodings[] = {
	"UTF8", "UTF-8", "UNICODE", "SQL_ASCII", "DEFAULT"};

bool
driver_set(Console *c UNUSED, const ConsoleCommand *command, Answer *a UNUSED,
	ErrInfo *err)
{
	if (command->verb == CONSOLE_RESET ||
		strcasecmp(command->argument, "client_encoding") != 0)
		return true;
	for (size_t i = 0; i < lengthof(encodings); i++)
	{
		if (strcasecmp(command->value, encodings[i]) == 0)
			return true;
	}
	return errinfo_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
		"the console speaks UTF8 only, not \"%s\"", command->value);
}

bool
driver_discard(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err UNUSED)
{
	if (command->all)
	{
		prepared_drop_statements(&c->prepared);
		a->tag = "DISCARD ALL";
	}
	return true;
}

bool
driver_deallocate(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err)
{
	if (command->all)
	{
		prepared_drop_statements(&c->prepared);
		a->tag = "DEALLOCATE ALL";
		return true;
	}
	return prepared_drop_statement(&c->prepared, command->argument) ||
		   prepared_statement(&c->prepared, command->argument, err) != NULL;
}

bool
driver_begin(Console *c, const ConsoleCommand *command UNUSED, Answer *a UNUSED,
	ErrInfo *err UNUSED)
{
	ErrInfo what;

	if (c->transaction == CONSOLE_IN_TRANSACTION)
	{
		errinfo_set(&what, SQLSTATE_ACTIVE_TRANSACTION,
			"there is already a transaction in progress");
		console_notice(c, "WARNING", &what);
	}
	c->transaction = CONSOLE_IN_TRANSACTION;
	return true;
}

bool
driver_end(Console *c, const ConsoleCommand *command UNUSED, Answer *a,
	ErrInfo *err UNUSED)
{
	ErrInfo what;

	if (c->transaction == CONSOLE_IDLE)
	{
		errinfo_set(&what, SQLSTATE_NO_ACTIVE_TRANSACTION,
			"there is no transaction in progress");
		console_notice(c, "WARNING", &what);
	}
	if (c->transaction == CONSOLE_FAILED)
		a->tag = "ROLLBACK";
	c->transaction = CONSOLE_IDLE;
	return true;
}
