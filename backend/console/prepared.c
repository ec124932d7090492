/*
 * prepared.c
 *		Prepared statements and portals.  See prepared.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/prepared.h"
#include "util/mem.h"

static size_t
find_statement(const Prepared *p, const char *name)
{
	size_t i = 0;

	while (
		i < PREPARED_STATEMENTS_MAX &&
		(p->statements[i] == NULL || strcmp(p->statements[i]->name, name) != 0))
		i++;
	return i;
}

static size_t
find_portal(const Prepared *p, const char *name)
{
	size_t i = 0;

	while (i < PREPARED_PORTALS_MAX &&
		   (p->portals[i] == NULL || strcmp(p->portals[i]->name, name) != 0))
		i++;
	return i;
}

static bool
check_name(const char *name, ErrInfo *err)
{
	return strlen(name) < PREPARED_NAME_SIZE ||
		   errinfo_set(err, SQLSTATE_NAME_TOO_LONG,
			   "the name of a prepared statement or portal has at most %d "
			   "bytes",
			   PREPARED_NAME_SIZE - 1);
}

bool
prepared_add_statement(
	Prepared *p, const char *name, const ConsoleCommand *command, ErrInfo *err)
{
	Statement *statement;
	size_t i = 0;

	if (!check_name(name, err))
		return false;
	if (name[0] == '\0')
		prepared_drop_statement(p, name);
	else if (find_statement(p, name) < PREPARED_STATEMENTS_MAX)
		return errinfo_set(err, SQLSTATE_DUPLICATE_PSTATEMENT,
			"prepared statement \"%s\" already exists", name);
	while (i < PREPARED_STATEMENTS_MAX && p->statements[i] != NULL)
		i++;
	if (i == PREPARED_STATEMENTS_MAX)
		return errinfo_set(err, SQLSTATE_PROGRAM_LIMIT_EXCEEDED,
			"there are too many prepared statements: %d",
			PREPARED_STATEMENTS_MAX);
	statement = mem_alloc(sizeof(*statement));
	strcpy(statement->name, name);
	statement->command = *command;
	p->statements[i] = statement;
	return true;
}

bool
prepared_add_portal(Prepared *p, const char *name,
	const ConsoleCommand *command, const ExtendedFormats *formats, ErrInfo *err)
{
	Portal *portal;
	size_t i = 0;

	if (!check_name(name, err))
		return false;
	if (name[0] == '\0')
		prepared_drop_portal(p, name);
	else if (find_portal(p, name) < PREPARED_PORTALS_MAX)
		return errinfo_set(err, SQLSTATE_DUPLICATE_CURSOR,
			"portal \"%s\" already exists", name);
	while (i < PREPARED_PORTALS_MAX && p->portals[i] != NULL)
		i++;
	if (i == PREPARED_PORTALS_MAX)
		return errinfo_set(err, SQLSTATE_PROGRAM_LIMIT_EXCEEDED,
			"there are too many portals: %d", PREPARED_PORTALS_MAX);
	portal = mem_alloc0(sizeof(*portal));
	strcpy(portal->name, name);
	portal->command = *command;
	portal->formats = *formats;
	p->portals[i] = portal;
	return true;
}

Statement *
prepared_statement(Prepared *p, const char *name, ErrInfo *err)
{
	size_t i = find_statement(p, name);

	if (i < PREPARED_STATEMENTS_MAX)
		return p->statements[i];
	if (name[0] == '\0')
		errinfo_set(err, SQLSTATE_UNDEFINED_PSTATEMENT,
			"unnamed prepared statement does not exist");
	else
		errinfo_set(err, SQLSTATE_UNDEFINED_PSTATEMENT,
			"prepared statement \"%s\" does not exist", name);
	return NULL;
}

Portal *
prepared_portal(Prepared *p, const char *name, ErrInfo *err)
{
	size_t i = find_portal(p, name);

	if (i < PREPARED_PORTALS_MAX)
		return p->portals[i];
	errinfo_set(
		err, SQLSTATE_UNDEFINED_CURSOR, "portal \"%s\" does not exist", name);
	return NULL;
}

static void
free_portal(Prepared *p, size_t i)
{
	if (p->portals[i]->run)
		answer_clear(&p->portals[i]->answer);
	free(p->portals[i]);
	p->portals[i] = NULL;
}

bool
prepared_drop_statement(Prepared *p, const char *name)
{
	size_t i = find_statement(p, name);

	if (i == PREPARED_STATEMENTS_MAX)
		return false;
	free(p->statements[i]);
	p->statements[i] = NULL;
	return true;
}

bool
prepared_drop_portal(Prepared *p, const char *name)
{
	size_t i = find_portal(p, name);

	if (i == PREPARED_PORTALS_MAX)
		return false;
	free_portal(p, i);
	return true;
}

void
prepared_drop_statements(Prepared *p)
{
	for (size_t i = 0; i < PREPARED_STATEMENTS_MAX; i++)
	{
		free(p->statements[i]);
		p->statements[i] = NULL;
	}
}

void
prepared_drop_portals(Prepared *p)
{
	for (size_t i = 0; i < PREPARED_PORTALS_MAX; i++)
	{
		if (p->portals[i] != NULL)
			free_portal(p, i);
	}
}
