/*
 * actions.c
 *		What an operator does to standbys and to the daemon.  See actions.h.
 *
 * Nothing is done here that a signal or a file could not do: whom it concerns does
 * the work, and is not waited for.
 */
#include "base.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "console/actions.h"
#include "shm/board.h"
#include "state/pauselist.h"
#include "state/rulescope.h"

const ViewColumn actions_session_columns[ACTIONS_SESSION_COLUMNS] = {
	{"pid", TYPE_INT4},
	{"application_name", TYPE_TEXT},
};

const ViewColumn actions_rescope_columns[ACTIONS_RESCOPE_COLUMNS] = {
	{"rule", TYPE_TEXT},
	{"decisions", TYPE_INT8},
};

/* Whom a signal is for. */
typedef struct Target
{
	uint32_t pid;     /* 0: any */
	const char *name; /* an application_name; NULL: any */
} Target;

/* Operators are meant by their process id only. */
static bool
is_meant(const Target *target, const BoardView *view)
{
	if (view->state < CELL_STARTUP || view->state == CELL_RUNNING)
		return false;
	if (target->pid != 0)
		return (uint32_t) view->pid == target->pid;
	/* nor is who has not said a name yet, or has gone, meant by one */
	return view->state != CELL_STARTUP && view->state != CELL_CONSOLE &&
		   (target->name == NULL ||
			   strcmp(view->status.application_name, target->name) == 0);
}

/* A row for each that the signal has reached. */
static void
signal_sessions(const Target *target, int signo, Answer *a)
{
	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;
		char pid[16];
		const char *values[ACTIONS_SESSION_COLUMNS] = {
			pid, view.status.application_name};

		if (!board_view(i, &view) || !is_meant(target, &view) ||
			view.pid == 0 || kill(view.pid, signo) != 0)
			continue;
		snprintf(pid, sizeof(pid), "%d", (int) view.pid);
		answer_row(a, values);
	}
}

static void
set_nobody(ErrInfo *err, const char *sqlstate, const char *name)
{
	errinfo_set(err, sqlstate,
		"no standby with application_name \"%s\" is connected", name);
}

bool
actions_kill(
	Console *c UNUSED, const ConsoleCommand *command, Answer *a, ErrInfo *err)
{
	Target target = {.pid = command->number, .name = command->argument};

	signal_sessions(&target, SIGTERM, a);
	if (a->row_count > 0)
		return true;
	if (command->number != 0)
		errinfo_set(err, SQLSTATE_UNDEFINED_OBJECT,
			"there is no session with process ID %u", command->number);
	else
		set_nobody(err, SQLSTATE_UNDEFINED_OBJECT, command->argument);
	return errinfo_hint(
		err, "SHOW ACTIVITY lists the sessions that there are.");
}

/* The list is durable; a worker reads it when it is signalled, or begins. */
static bool
change_pauses(Console *c, const ConsoleCommand *command, Answer *a,
	ErrInfo *err,
	bool (*change)(const char *state_directory, const char *application_name,
		bool *changed, ErrInfo *err))
{
	bool all = command->argument[0] == '\0' ||
			   strcmp(command->argument, PAUSELIST_ALL) == 0;
	bool pauses = command->verb == CONSOLE_PAUSE;
	const char *name = all ? PAUSELIST_ALL : command->argument;
	Target target = {.name = all ? NULL : name};
	bool changed;
	ErrInfo what;

	if (!change(c->session->ctx->config->state_directory, name, &changed, err))
		return false;
	if (!changed)
	{
		if (all)
			errinfo_set(&what, "00000", "%s",
				pauses ? "everybody is paused already" : "nobody is paused");
		else
			errinfo_set(&what, "00000", "\"%s\" is %s", name,
				pauses ? "paused already" : "not paused");
		console_notice(c, "NOTICE", &what);
	}
	signal_sessions(&target, SIGHUP, a);
	if (pauses && changed && !all && a->row_count == 0)
	{
		set_nobody(&what, "00000", name);
		errinfo_detail(&what, "It will be paused when it connects.");
		console_notice(c, "NOTICE", &what);
	}
	return true;
}

bool
actions_pause(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err)
{
	return change_pauses(c, command, a, err, pauselist_add);
}

bool
actions_resume(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err)
{
	return change_pauses(c, command, a, err, pauselist_remove);
}

/* Streams that run keep what they have; it is their next one that is in danger. */
static void
warn_of_connected(Console *c, const char *rule)
{
	ErrInfo what;
	int count = 0;

	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;

		if (board_view(i, &view) && board_is_stream(view.state) &&
			strcmp(view.status.rule, rule) == 0)
			count++;
	}
	if (count == 0)
		return;
	errinfo_set(&what, SQLSTATE_WARNING,
		"standbys of rule \"%s\" that are connected: %d", rule, count);
	errinfo_detail(&what,
		"They lack what was withheld, and will be taken for new ones when they "
		"connect again.");
	errinfo_hint(
		&what, "Stop them, and build them anew before they connect again.");
	console_notice(c, "WARNING", &what);
}

bool
actions_rescope(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err)
{
	const Config *config = c->session->ctx->config;
	const char *values[ACTIONS_RESCOPE_COLUMNS];
	char text[24];
	size_t decisions;

	if (!rulescope_is_known(config, command->argument))
	{
		errinfo_set(err, SQLSTATE_UNDEFINED_OBJECT, "there is no rule \"%s\"",
			command->argument);
		return errinfo_hint(err, "SHOW RULES lists the rules that there are.");
	}
	if (config->state_directory[0] == '\0')
		return errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"no filter has decided anything: \"state_directory\" is not set");
	if (!rulescope_forget(
			config->state_directory, command->argument, &decisions, err))
		return false;
	if (decisions > 0)
		warn_of_connected(c, command->argument);
	snprintf(text, sizeof(text), "%zu", decisions);
	values[0] = command->argument;
	values[1] = text;
	answer_row(a, values);
	return true;
}

bool
actions_shutdown(Console *c, const ConsoleCommand *command, Answer *a UNUSED,
	ErrInfo *err UNUSED)
{
	static const int signals[] = {
		[CONSOLE_STOP_SMART] = SIGTERM,
		[CONSOLE_STOP_FAST] = SIGINT,
		[CONSOLE_STOP_IMMEDIATE] = SIGQUIT,
	};

	c->shutdown_signal = signals[command->stop];
	return true;
}
