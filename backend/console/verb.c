/*
 * verb.c
 *		The one table of verbs.  See verb.h.
 */
#include "base.h"

#include <stdio.h>
#include <string.h>

#include "console/actions.h"
#include "console/changes.h"
#include "console/driver.h"
#include "console/repointing.h"
#include "console/show.h"
#include "console/verb.h"
#include "pq/message.h"
#include "util/log.h"

typedef struct Verb
{
	const char *syntax;
	const char *help; /* one sentence */
	ConsoleRole role; /* the least that may say it */
	VerbRun run;
	const ViewColumn *columns; /* of the answer; SHOW and SELECT: by command */
	size_t column_count;
	bool counts; /* the tag has the number of rows behind it */
} Verb;

static const Verb verbs[CONSOLE_VERB_COUNT] = {
	[CONSOLE_SHOW] =
		{
			.syntax = "SHOW name",
			.help = "Show a setting.",
			.role = CONSOLE_ROLE_STATS,
			.run = show_run,
		},
	[CONSOLE_RELOAD] =
		{
			.syntax = "RELOAD",
			.help = "Read the configuration again, and say what has changed.",
			.role = CONSOLE_ROLE_ADMIN,
			.run = changes_reload,
			.columns = changes_columns,
			.column_count = CHANGES_COLUMNS,
		},
	[CONSOLE_KILL] =
		{
			.syntax = "KILL {pid | 'application_name'}",
			.help = "End a session, or those of a standby; it may come again.",
			.role = CONSOLE_ROLE_ADMIN,
			.run = actions_kill,
			.columns = actions_session_columns,
			.column_count = ACTIONS_SESSION_COLUMNS,
			.counts = true,
		},
	[CONSOLE_PAUSE] =
		{
			.syntax = "PAUSE ['application_name']",
			.help = "Send a standby, or all of them, no more WAL until RESUME.",
			.role = CONSOLE_ROLE_ADMIN,
			.run = actions_pause,
			.columns = actions_session_columns,
			.column_count = ACTIONS_SESSION_COLUMNS,
			.counts = true,
		},
	[CONSOLE_RESUME] =
		{
			.syntax = "RESUME ['application_name']",
			.help = "Send WAL again to a standby, or all of them.",
			.role = CONSOLE_ROLE_ADMIN,
			.run = actions_resume,
			.columns = actions_session_columns,
			.column_count = ACTIONS_SESSION_COLUMNS,
			.counts = true,
		},
	[CONSOLE_RESCOPE] =
		{
			.syntax = "RESCOPE 'rule'",
			.help = "Forget what a rule's filter has decided, since its "
					"standbys are being rebuilt.",
			.role = CONSOLE_ROLE_ADMIN,
			.run = actions_rescope,
			.columns = actions_rescope_columns,
			.column_count = ACTIONS_RESCOPE_COLUMNS,
			.counts = true,
		},
	[CONSOLE_REPOINT] =
		{
			.syntax = "REPOINT {'conninfo' [TEMPORARY] | DEFAULT}",
			.help =
				"Move to another upstream, or to that of the configuration.",
			.role = CONSOLE_ROLE_ADMIN,
			.run = repointing_run,
			.columns = repointing_columns,
			.column_count = REPOINTING_COLUMNS,
		},
	[CONSOLE_SHUTDOWN] =
		{
			.syntax = "SHUTDOWN [SMART | FAST | IMMEDIATE]",
			.help = "Stop walbouncer; FAST is the default.",
			.role = CONSOLE_ROLE_ADMIN,
			.run = actions_shutdown,
		},
	[CONSOLE_SELECT] =
		{
			.syntax = "SELECT {number | string | version()}",
			.help = "Say that somebody is there, to drivers and pools.",
			.role = CONSOLE_ROLE_STATS,
			.run = select_run,
			.counts = true,
		},
	[CONSOLE_SET] =
		{
			.syntax = "SET name TO value",
			.help = "Accepted from drivers, without effect.",
			.role = CONSOLE_ROLE_STATS,
			.run = driver_set,
		},
	[CONSOLE_RESET] =
		{
			.syntax = "RESET {name | ALL}",
			.help = "Accepted from drivers, without effect.",
			.role = CONSOLE_ROLE_STATS,
			.run = driver_set,
		},
	[CONSOLE_DISCARD] =
		{
			.syntax = "DISCARD ALL",
			.help = "Forget the prepared statements of this session.",
			.role = CONSOLE_ROLE_STATS,
			.run = driver_discard,
		},
	[CONSOLE_DEALLOCATE] =
		{
			.syntax = "DEALLOCATE {name | ALL}",
			.help = "Forget a prepared statement of this session.",
			.role = CONSOLE_ROLE_STATS,
			.run = driver_deallocate,
		},
	[CONSOLE_BEGIN] =
		{
			.syntax = "BEGIN",
			.help = "Accepted from drivers; nothing is ever undone.",
			.role = CONSOLE_ROLE_STATS,
			.run = driver_begin,
		},
	[CONSOLE_COMMIT] =
		{
			.syntax = "COMMIT",
			.help = "Accepted from drivers.",
			.role = CONSOLE_ROLE_STATS,
			.run = driver_end,
		},
	[CONSOLE_ROLLBACK] =
		{
			.syntax = "ROLLBACK",
			.help = "Accepted from drivers; nothing is ever undone.",
			.role = CONSOLE_ROLE_STATS,
			.run = driver_end,
		},
};

/* ---- SHOW HELP ---- */

static const ViewColumn help_columns[] = {
	{"command", TYPE_TEXT},
	{"role", TYPE_TEXT},
	{"description", TYPE_TEXT},
};

static void
put_help(ViewRow *row, const char *command, ConsoleRole role, const char *help)
{
	view_put_text(row, command);
	view_put_text(row, role_name(role));
	view_put_text(row, help);
	view_end_row(row);
}

static void
put_view_help(ViewRow *row, const View *view)
{
	char command[64];

	snprintf(command, sizeof(command), "SHOW %s", view->name);
	for (char *ch = command; *ch != '\0'; ch++)
		*ch = (char) (*ch >= 'a' && *ch <= 'z' ? *ch - 'a' + 'A' : *ch);
	put_help(row, command, verbs[CONSOLE_SHOW].role, view->help);
}

static bool
run_help(const ChildContext *ctx UNUSED, ViewRow *row, ErrInfo *err UNUSED)
{
	const View *view;

	for (size_t i = 0; (view = view_at(i)) != NULL; i++)
		put_view_help(row, view);
	put_view_help(row, &verb_help);
	for (size_t i = 0; i < lengthof(verbs); i++)
	{
		if (verbs[i].run != NULL)
			put_help(row, verbs[i].syntax, verbs[i].role, verbs[i].help);
	}
	return true;
}

const View verb_help = {
	.name = "help",
	.help = "What can be said to the console.",
	.columns = help_columns,
	.column_count = lengthof(help_columns),
	.run = run_help,
};

/* ---- all verbs ---- */

bool
verb_shape(
	const Console *c, const ConsoleCommand *command, Shape *shape, ErrInfo *err)
{
	const Verb *verb = &verbs[command->verb];

	memset(shape, 0, sizeof(*shape));
	if (command->verb == CONSOLE_SHOW)
		return show_shape(c, command, shape, err);
	if (command->verb == CONSOLE_SELECT)
	{
		select_shape(command, shape);
		return true;
	}
	shape->columns = verb->columns;
	shape->column_count = verb->column_count;
	return true;
}

bool
verb_check(const Console *c, const ConsoleCommand *command, ErrInfo *err)
{
	const Verb *verb = &verbs[command->verb];

	if (c->transaction == CONSOLE_FAILED && command->verb != CONSOLE_COMMIT &&
		command->verb != CONSOLE_ROLLBACK && command->verb != CONSOLE_EMPTY)
		return errinfo_set(err, SQLSTATE_FAILED_TRANSACTION,
			"current transaction is aborted, commands ignored until end of "
			"transaction block");
	if (c->session->role >= verb->role)
		return true;
	errinfo_set(err, SQLSTATE_INSUFFICIENT_PRIVILEGE,
		"permission denied for command %s", consolecmd_name(command->verb));
	return errinfo_detail(err, "It takes the role %s, and user \"%s\" has %s.",
		role_name(verb->role), c->session->user, role_name(c->session->role));
}

bool
verb_run(Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err)
{
	const Verb *verb = &verbs[command->verb];
	bool ok;

	a->tag = consolecmd_name(command->verb);
	if (verb->run == NULL)
		return true;
	ok = verb->run(c, command, a, err) && answer_check(a, err);
	if (verb->role == CONSOLE_ROLE_ADMIN)
		log_msg(LOG_LOG, "console command by user \"%s\"%s: %s",
			c->session->user, ok ? "" : ", which fails",
			c->session->status.command);
	return ok;
}

void
verb_hint(ConsoleVerb verb, ErrInfo *err)
{
	if (verb != CONSOLE_EMPTY && err->hint[0] == '\0' &&
		strcmp(err->sqlstate, SQLSTATE_SYNTAX_ERROR) == 0)
		errinfo_hint(err, "The syntax is %s; SHOW HELP lists all commands.",
			verbs[verb].syntax);
}

void
verb_complete(Console *c, const ConsoleCommand *command, const Answer *a)
{
	Buf *out = client_out(&c->session->client);
	char tag[64];

	if (command->verb == CONSOLE_EMPTY)
	{
		message_empty_query(out);
		return;
	}
	if (verbs[command->verb].counts)
		snprintf(tag, sizeof(tag), "%s %" PRIu64, a->tag, a->row_count);
	else
		snprintf(tag, sizeof(tag), "%s", a->tag);
	message_command_complete(out, tag);
}
