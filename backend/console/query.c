/*
 * query.c
 *		What a query message asks for, and its answer.  See query.h.
 *
 * The answer is put together first and sent then, so that an error leaves no half of
 * one; only a cancel request while it is being sent does.
 */
#include "base.h"

#include <stdio.h>

#include "console/query.h"
#include "console/verb.h"
#include "pq/message.h"
#include "process/signals.h"

/* For SHOW ACTIVITY; a connection string is not for others to see. */
static void
note_command(Console *c, const ConsoleCommand *command)
{
	BoardStatus *status = &c->session->status;
	bool secret = command->verb == CONSOLE_REPOINT;
	char argument[100];

	if (command->number != 0)
		snprintf(argument, sizeof(argument), "%u", command->number);
	else
		snprintf(argument, sizeof(argument), "%.99s",
			secret ? "" : command->argument);
	snprintf(status->command, sizeof(status->command), "%s%s%s",
		consolecmd_name(command->verb), argument[0] != '\0' ? " " : "",
		argument);
	board_publish(status);
}

/* Run a command into an answer of its shape; false, with err and no answer. */
static bool
run_command(Console *c, const ConsoleCommand *command,
	const ExtendedFormats *formats, Answer *a, ErrInfo *err)
{
	Shape shape;

	(void) signals_take_cancel(); /* meant for an earlier command */
	note_command(c, command);
	if (!verb_check(c, command, err) || !verb_shape(c, command, &shape, err))
		return false;
	answer_init(a, &shape, formats);
	if (verb_run(c, command, a, err))
		return true;
	answer_clear(a);
	return false;
}

/* At most limit rows, or all (0). */
static bool
send_rows(Console *c, Answer *a, uint32_t limit, ErrInfo *err)
{
	Buf *out = client_out(&c->session->client);

	for (uint32_t n = 0; (limit == 0 || n < limit) && answer_next(a, out); n++)
	{
		if (!console_drain(c, err))
			return false;
	}
	return true;
}

/* ---- the simple protocol ---- */

static bool
run_simple(Console *c, const ConsoleCommand *command, ErrInfo *err)
{
	Answer a;
	bool ok;

	if (!run_command(c, command, NULL, &a, err))
		return false;
	if (a.shape.column_count > 0)
		answer_describe(client_out(&c->session->client), &a.shape, NULL);
	ok = send_rows(c, &a, 0, err);
	if (ok)
		verb_complete(c, command, &a);
	answer_clear(&a);
	return ok;
}

/* What is wrong within a command is told with how that is written. */
static bool
next_command(
	const char *text, size_t *pos, ConsoleCommand *command, ErrInfo *err)
{
	if (consolecmd_next(text, pos, command, err))
		return true;
	verb_hint(command->verb, err);
	return false;
}

/* Nothing is done of a text that is not right to its end. */
static bool
check_query(const char *text, ErrInfo *err)
{
	ConsoleCommand command;
	size_t pos = 0;

	do
	{
		if (!next_command(text, &pos, &command, err))
			return false;
	} while (text[pos] != '\0');
	return true;
}

bool
query_simple(Console *c, const char *text, ErrInfo *err)
{
	ConsoleCommand command;
	size_t pos = 0;
	bool any = false;

	if (!check_query(text, err))
		return false;
	do
	{
		if (!next_command(text, &pos, &command, err))
			return false;
		if (command.verb == CONSOLE_EMPTY)
			continue;
		any = true;
		if (!run_simple(c, &command, err) || !console_drain(c, err))
			return false;
	} while (text[pos] != '\0');
	if (!any)
		message_empty_query(client_out(&c->session->client));
	return true;
}

/* ---- the extended protocol ---- */

static bool
take_parse(Console *c, const Frame *frame, ErrInfo *err)
{
	ConsoleCommand command;
	ConsoleCommand behind;
	ExtendedParse parse;
	size_t pos = 0;

	if (!extended_parse(frame, &parse, err) ||
		!next_command(parse.query, &pos, &command, err))
		return false;
	while (parse.query[pos] != '\0')
	{
		if (!next_command(parse.query, &pos, &behind, err))
			return false;
		if (behind.verb != CONSOLE_EMPTY)
			return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
				"cannot insert multiple commands into a prepared statement");
	}
	if (!verb_check(c, &command, err) ||
		!prepared_add_statement(&c->prepared, parse.statement, &command, err))
		return false;
	message_parse_complete(client_out(&c->session->client));
	return true;
}

static bool
take_bind(Console *c, const Frame *frame, ErrInfo *err)
{
	ExtendedBind bind;
	Statement *statement;
	Shape shape;

	if (!extended_bind(frame, &bind, err))
		return false;
	statement = prepared_statement(&c->prepared, bind.statement, err);
	if (statement == NULL || !verb_check(c, &statement->command, err) ||
		!verb_shape(c, &statement->command, &shape, err))
		return false;
	if (bind.formats.count > 1 && bind.formats.count != shape.column_count)
		return errinfo_set(err, SQLSTATE_PROTOCOL_VIOLATION,
			"bind message has %zu result formats but query has %zu columns",
			bind.formats.count, shape.column_count);
	if (!prepared_add_portal(
			&c->prepared, bind.portal, &statement->command, &bind.formats, err))
		return false;
	message_bind_complete(client_out(&c->session->client));
	return true;
}

static bool
take_describe(Console *c, const Frame *frame, ErrInfo *err)
{
	Buf *out = client_out(&c->session->client);
	const ConsoleCommand *command = NULL;
	const ExtendedFormats *formats = NULL;
	ExtendedTarget target;
	Shape shape;

	if (!extended_target(frame, &target, err))
		return false;
	if (target.is_portal)
	{
		const Portal *portal = prepared_portal(&c->prepared, target.name, err);

		command = portal != NULL ? &portal->command : NULL;
		formats = portal != NULL ? &portal->formats : NULL;
	}
	else
	{
		const Statement *statement =
			prepared_statement(&c->prepared, target.name, err);

		command = statement != NULL ? &statement->command : NULL;
	}
	if (command == NULL || !verb_shape(c, command, &shape, err))
		return false;
	if (!target.is_portal)
		message_parameter_description(out);
	answer_describe(out, &shape, formats);
	return true;
}

static bool
take_execute(Console *c, const Frame *frame, ErrInfo *err)
{
	ExtendedExecute execute;
	Portal *portal;

	if (!extended_execute(frame, &execute, err))
		return false;
	portal = prepared_portal(&c->prepared, execute.portal, err);
	if (portal == NULL)
		return false;
	if (portal->run && portal->answer.shape.column_count == 0)
		return errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"portal \"%s\" cannot be run anymore", portal->name);
	if (!portal->run)
	{
		if (!run_command(
				c, &portal->command, &portal->formats, &portal->answer, err))
			return false;
		portal->run = true;
	}
	if (!send_rows(c, &portal->answer, execute.row_limit, err))
		return false;
	if (answer_has_more(&portal->answer))
		message_portal_suspended(client_out(&c->session->client));
	else
		verb_complete(c, &portal->command, &portal->answer);
	return true;
}

static bool
take_close(Console *c, const Frame *frame, ErrInfo *err)
{
	ExtendedTarget target;

	if (!extended_target(frame, &target, err))
		return false;
	if (target.is_portal)
		prepared_drop_portal(&c->prepared, target.name);
	else
		prepared_drop_statement(&c->prepared, target.name);
	message_close_complete(client_out(&c->session->client));
	return true;
}

bool
query_extended(Console *c, const Frame *frame, ErrInfo *err)
{
	static const struct
	{
		uint8_t type;
		bool (*take)(Console *c, const Frame *frame, ErrInfo *err);
	} rows[] = {
		{FRAME_PARSE, take_parse},
		{FRAME_BIND, take_bind},
		{FRAME_DESCRIBE, take_describe},
		{FRAME_EXECUTE, take_execute},
		{FRAME_CLOSE, take_close},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		if (rows[i].type == frame->type)
			return rows[i].take(c, frame, err);
	}
	return true;
}
