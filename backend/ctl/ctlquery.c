/*
 * ctlquery.c
 *		The verbs that the console answers.  See ctlquery.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctlconn.h"
#include "ctl/ctloutput.h"
#include "ctl/ctlquery.h"
#include "ctl/say.h"
#include "util/mem.h"

/* What a setting is set to may be longer than anybody reads. */
#define LINE_MAX_BYTES 65536

/* verb and, if there is an operand, the operand in quotes.  malloc'd. */
static char *
with_operand(const char *verb, const char *operand, char quote)
{
	char *text;
	char *p;

	if (operand == NULL)
		return mem_strdup(verb);
	text = mem_alloc(strlen(verb) + strlen(operand) * 2 + 4);
	p = stpcpy(text, verb);
	*p++ = ' ';
	*p++ = quote;
	for (; *operand != '\0'; operand++)
	{
		if (*operand == quote)
			*p++ = quote;
		*p++ = *operand;
	}
	*p++ = quote;
	*p = '\0';
	return text;
}

static char *
repoint_statement(const CtlArgs *args)
{
	char *text;
	char *longer;

	if (args->to_default)
		return mem_strdup("REPOINT DEFAULT");
	text = with_operand("REPOINT", args->operands[0], '\'');
	if (!args->temporary)
		return text;
	longer = mem_asprintf("%s TEMPORARY", text);
	free(text);
	return longer;
}

char *
ctlquery_statement(const CtlArgs *args)
{
	const char *operand = args->operands[0];

	switch (args->verb)
	{
		case VERB_SHOW:
			return with_operand("SHOW", operand, '"');
		case VERB_DISCONNECT:
			if (ctlargs_pid(operand) != 0)
				return mem_asprintf("KILL %d", (int) ctlargs_pid(operand));
			return with_operand("KILL", operand, '\'');
		case VERB_PAUSE:
			return with_operand("PAUSE", operand, '\'');
		case VERB_RESUME:
			return with_operand("RESUME", operand, '\'');
		case VERB_RESCOPE:
			return with_operand("RESCOPE", operand, '\'');
		case VERB_REPOINT:
			return repoint_statement(args);
		default:
			return mem_strdup(""); /* no verb of the console */
	}
}

static bool
run_statement(const CtlArgs *args, ErrInfo *err)
{
	PGconn *conn = ctlconn_open(args, err);
	PGresult *result;
	char *statement;
	bool ok;

	if (conn == NULL)
		return false;
	statement = ctlquery_statement(args);
	result = ctlconn_run(conn, statement, err);
	ok = result != NULL && ctloutput_print(args, result, err);
	PQclear(result);
	free(statement);
	PQfinish(conn);
	return ok;
}

int
ctlquery_run(const CtlArgs *args)
{
	ErrInfo err;

	if (run_statement(args, &err))
		return EXIT_SUCCESS;
	ctloutput_error(args, &err);
	return EXIT_FAILURE;
}

/* Of one row: 'setting "port": 5433 -> 5434 (after a restart)' */
static void
say_change(const CtlArgs *args, const PGresult *result, int row)
{
	Buf line;
	const struct
	{
		const char *before;
		int column;
		const char *behind;
	} parts[] = {{"", 0, ""}, {" \"", 1, "\""}, {": ", 2, ""}, {" -> ", 3, ""},
		{" (", 4, ")\n"}};

	buf_init(&line, LINE_MAX_BYTES);
	for (size_t i = 0; i < lengthof(parts); i++)
	{
		/* what has come has nothing before it, and what has gone nothing behind */
		const char *value = PQgetisnull(result, row, parts[i].column)
								? "(none)"
								: PQgetvalue(result, row, parts[i].column);

		buf_put_text(&line, parts[i].before);
		ctloutput_put(&line, value[0] != '\0' ? value : "\"\"");
		buf_put_text(&line, parts[i].behind);
	}
	say(args->silent, "%.*s", (int) line.len, (const char *) line.data);
	buf_clear(&line);
}

int
ctlquery_reload(const CtlArgs *args, PGconn *conn)
{
	ErrInfo err;
	PGresult *result = ctlconn_run(conn, "RELOAD", &err);

	if (result == NULL)
	{
		say_errinfo(&err);
		return EXIT_FAILURE;
	}
	say(args->silent, "server reloaded\n");
	for (int row = 0; row < PQntuples(result); row++)
		say_change(args, result, row);
	PQclear(result);
	return EXIT_SUCCESS;
}
