/*
 * prepared.h
 *		Prepared statements and portals of a console session, by name; the name ""
 *		is that of the unnamed one, which the next one replaces.
 */
#ifndef CONSOLE_PREPARED_H
#define CONSOLE_PREPARED_H

#include "base.h"

#include "console/answer.h"
#include "pq/consolecmd.h"
#include "pq/extended.h"
#include "util/errinfo.h"

#define PREPARED_NAME_SIZE 64
#define PREPARED_STATEMENTS_MAX 64
#define PREPARED_PORTALS_MAX 16

typedef struct Statement
{
	char name[PREPARED_NAME_SIZE];
	ConsoleCommand command;
} Statement;

typedef struct Portal
{
	char name[PREPARED_NAME_SIZE];
	ConsoleCommand command;
	ExtendedFormats formats;
	bool run;      /* it has been, and answer is there */
	Answer answer; /* what the command has said */
} Portal;

typedef struct Prepared
{
	Statement *statements[PREPARED_STATEMENTS_MAX]; /* NULL: free */
	Portal *portals[PREPARED_PORTALS_MAX];
} Prepared;

/*
 * Keep a copy of a command; or a portal for one.  False, with err: the name is taken
 * (42P05, 42P03) or too long, or there are too many.
 */
MUST_CHECK bool prepared_add_statement(
	Prepared *p, const char *name, const ConsoleCommand *command, ErrInfo *err);
MUST_CHECK bool prepared_add_portal(Prepared *p, const char *name,
	const ConsoleCommand *command, const ExtendedFormats *formats,
	ErrInfo *err);

/* NULL, with err, if there is none of that name (26000, 34000). */
Statement *prepared_statement(Prepared *p, const char *name, ErrInfo *err);
Portal *prepared_portal(Prepared *p, const char *name, ErrInfo *err);

/* Forget one, if it is there; true if it was. */
bool prepared_drop_statement(Prepared *p, const char *name);
bool prepared_drop_portal(Prepared *p, const char *name);
void prepared_drop_statements(Prepared *p);
/* At the end of each transaction. */
void prepared_drop_portals(Prepared *p);

#endif /* CONSOLE_PREPARED_H */
