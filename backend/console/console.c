/*
 * console.c
 *		An operator's session.  See console.h.
 *
 * What a message asks for is done before the next one is looked at.  The answer is
 * put together first and sent then, so that an error leaves no half of one; only a
 * cancel request while it is being sent does.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "console/console.h"
#include "console/verb.h"
#include "pq/message.h"
#include "process/signals.h"
#include "shm/control.h"
#include "util/log.h"
#include "util/monotime.h"

/* What may wait to be sent before we wait for the client to take it. */
#define OUT_HIGH (256 * 1024)
/* A client that takes nothing for so long is given up. */
#define SEND_TIMEOUT_MS 60000
/* How often what is waited for is looked at. */
#define WAIT_STEP_MS 50
/* The answer to SHUTDOWN goes out before that begins. */
#define LAST_ANSWER_MS 2000

static Console console;

void
console_notice(Console *c, const char *severity, const ErrInfo *what)
{
	message_notice(client_out(&c->session->client), severity, what);
}

/* An operator has been told; the log is to know of what was tried, not of typing. */
static void
put_error(Console *c, const ErrInfo *err)
{
	if (strncmp(err->sqlstate, "42", 2) != 0 ||
		strcmp(err->sqlstate, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0)
		log_err(LOG_ERROR, err);
	message_error(client_out(&c->session->client), "ERROR", err);
	if (c->transaction == CONSOLE_IN_TRANSACTION)
		c->transaction = CONSOLE_FAILED;
}

/* ---- waiting ---- */

/* Told to stop: end.  False, with err, if told to cancel. */
static bool
look_at_signals(Console *c, ErrInfo *err)
{
	if (signals_stop_requested() || signals_drain_requested())
	{
		if (c->has_stopped)
			session_end(c->session); /* it knows why */
		session_shutdown(c->session);
	}
	return !signals_take_cancel() ||
		   errinfo_set(err, SQLSTATE_QUERY_CANCELED,
			   "canceling statement due to user request");
}

/* Until the client's socket is ready for events, or somebody wakes us. */
static void
wait_once(Console *c, short events, int timeout_ms)
{
	struct pollfd fds[2] = {
		{.fd = board_wake_fd(), .events = POLLIN},
		{.fd = c->session->client.fd, .events = events},
	};

	if (poll(fds, lengthof(fds), timeout_ms) < 0 && errno != EINTR)
		c->session->client.gone = true;
	/* what it has said waits in the socket; that it has left is not to wait */
	if (fds[1].revents & (POLLRDHUP | POLLHUP | POLLERR))
		c->session->client.gone = true;
	board_sleep_end();
}

bool
console_wait(Console *c, bool (*done)(void *arg), void *arg, int timeout_ms,
	bool *in_time, ErrInfo *err)
{
	int64_t deadline = monotime_ms() + timeout_ms;

	for (;;)
	{
		int64_t left = deadline - monotime_ms();

		*in_time = done(arg);
		if (*in_time || left <= 0)
			return true;
		if (!look_at_signals(c, err))
			return false;
		if (c->session->client.gone)
			session_end(c->session);
		wait_once(c, POLLRDHUP, (int) Min(left, WAIT_STEP_MS));
	}
}

/* Make room for more to be sent. */
static bool
drain(Console *c, ErrInfo *err)
{
	Client *client = &c->session->client;
	int64_t deadline = monotime_ms() + SEND_TIMEOUT_MS;
	size_t before = client->out_pos;

	if (client->out.len - client->out_pos < OUT_HIGH)
		return true;
	for (;;)
	{
		client_flush(client);
		if (client->gone || monotime_ms() >= deadline)
			session_end(c->session);
		if (!client_pending(client))
			return true;
		if (client->out_pos != before)
			deadline = monotime_ms() + SEND_TIMEOUT_MS;
		before = client->out_pos;
		if (!look_at_signals(c, err))
			return false;
		wait_once(c, POLLOUT, WAIT_STEP_MS);
	}
}

/* ---- answering ---- */

static void
put_ready(Console *c)
{
	Client *client = &c->session->client;

	if (c->transaction == CONSOLE_IDLE)
		prepared_drop_portals(&c->prepared);
	message_ready(client_out(client), (char) c->transaction);
	if (c->shutdown_signal == 0)
		return;
	client_flush_wait(client, LAST_ANSWER_MS);
	c->has_stopped = kill(control_supervisor_pid(), c->shutdown_signal) == 0;
	c->shutdown_signal = 0;
}

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
		if (!drain(c, err))
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

/* Nothing is done of a text that is not right to its end. */
static bool
check_query(const char *text, ErrInfo *err)
{
	ConsoleCommand command;
	size_t pos = 0;

	do
	{
		if (!consolecmd_next(text, &pos, &command, err))
			return false;
	} while (text[pos] != '\0');
	return true;
}

static bool
run_query(Console *c, const char *text, ErrInfo *err)
{
	ConsoleCommand command;
	size_t pos = 0;
	bool any = false;

	if (!check_query(text, err))
		return false;
	do
	{
		if (!consolecmd_next(text, &pos, &command, err))
			return false;
		if (command.verb == CONSOLE_EMPTY)
			continue;
		any = true;
		if (!run_simple(c, &command, err) || !drain(c, err))
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
		!consolecmd_next(parse.query, &pos, &command, err))
		return false;
	while (parse.query[pos] != '\0')
	{
		if (!consolecmd_next(parse.query, &pos, &behind, err))
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

/* ---- messages ---- */

static void
take_query(Console *c, const Frame *frame)
{
	const char *text;
	ErrInfo err;

	if (!frame_query_text(frame, &text, &err))
		session_fatal(c->session, &err);
	if (!run_query(c, text, &err))
		put_error(c, &err);
	put_ready(c);
}

static void
take_extended(Console *c, const Frame *frame)
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
	ErrInfo err;

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		if (rows[i].type == frame->type && !rows[i].take(c, frame, &err))
		{
			put_error(c, &err);
			c->until_sync = true;
		}
	}
}

static void
take_frame(Console *c, const Frame *frame)
{
	ErrInfo err;

	switch (frame->type)
	{
		case FRAME_TERMINATE:
			session_end(c->session);
		case FRAME_SYNC:
			c->until_sync = false;
			put_ready(c);
			return;
		case FRAME_QUERY:
			if (!c->until_sync)
				take_query(c, frame);
			return;
		case FRAME_PARSE:
		case FRAME_BIND:
		case FRAME_DESCRIBE:
		case FRAME_EXECUTE:
		case FRAME_CLOSE:
			if (!c->until_sync)
				take_extended(c, frame);
			return;
		case FRAME_FUNCTION_CALL:
			if (c->until_sync)
				return;
			errinfo_set(&err, SQLSTATE_FEATURE_NOT_SUPPORTED,
				"fastpath function calls are not supported in the console");
			put_error(c, &err);
			put_ready(c);
			return;
		case FRAME_FLUSH:
		case FRAME_COPY_DATA: /* as from a client that thinks it copies */
		case FRAME_COPY_DONE:
		case FRAME_COPY_FAIL:
			return;
		default:
			errinfo_set(&err, SQLSTATE_PROTOCOL_VIOLATION,
				"invalid frontend message type %u", frame->type);
			session_fatal(c->session, &err);
	}
}

static void
refresh_config(Console *c)
{
	Config *previous;

	if (child_refresh_config(c->session->ctx, &previous))
		config_free(previous);
}

void
console_run(Session *s)
{
	Console *c = &console;
	ErrInfo err;

	*c = (Console){.session = s, .transaction = CONSOLE_IDLE};
	put_ready(c);
	for (;;)
	{
		Frame frame;

		while (!drain(c, &err))
			; /* there is nothing left to be cancelled */
		client_flush(&s->client);
		client_fill(&s->client);
		if (!look_at_signals(c, &err))
			continue;
		refresh_config(c);
		switch (client_next_frame(&s->client, &frame, &err))
		{
			case FRAME_OK:
				take_frame(c, &frame);
				continue;
			case FRAME_BAD:
				session_fatal(s, &err);
			case FRAME_MORE:
				break;
		}
		if (s->client.gone)
			session_end(s);
		client_wait(&s->client, -1, 0, -1);
		board_sleep_end();
	}
}
