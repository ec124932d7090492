/*
 * show.c
 *		SHOW: a view, a setting of ours, or one that each server has.  SELECT: what
 *		clients ask for to see that somebody is there.
 */
#include "base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "console/admit.h"
#include "console/show.h"

static const View *
find_view(const char *name)
{
	if (strcasecmp(name, verb_help.name) == 0)
		return &verb_help;
	return view_find(strcasecmp(name, "all") == 0 ? "config" : name);
}

/* Names of settings ignore case, as in PostgreSQL. */
static const Option *
find_option(const char *name)
{
	const Option *opt;

	for (size_t i = 0; (opt = option_at(i)) != NULL; i++)
	{
		if (strcasecmp(option_name(opt), name) == 0)
			return opt;
	}
	return NULL;
}

static void
set_single(Shape *shape, const char *name, Oid type)
{
	shape->single = (ViewColumn){name, type};
	shape->columns = &shape->single;
	shape->column_count = 1;
}

bool
show_shape(
	const Console *c, const ConsoleCommand *command, Shape *shape, ErrInfo *err)
{
	const View *view = find_view(command->argument);
	const Option *opt = find_option(command->argument);
	const char *name = command->argument;

	if (view != NULL)
	{
		shape->columns = view->columns;
		shape->column_count = view->column_count;
	}
	else if (opt != NULL)
		set_single(shape, option_name(opt), TYPE_TEXT);
	else if (admit_setting(c->session, &name) != NULL)
		set_single(shape, name, TYPE_TEXT);
	else
	{
		errinfo_set(err, SQLSTATE_UNDEFINED_OBJECT,
			"unrecognized configuration parameter \"%s\"", name);
		return errinfo_hint(err, "SHOW HELP lists what else can be shown.");
	}
	return true;
}

static void
put_option(Answer *a, const Option *opt, const Config *config)
{
	char *text = option_show(opt, config);
	const char *values[1] = {text};

	answer_row(a, values);
	free(text);
}

bool
show_run(Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err)
{
	const ChildContext *ctx = c->session->ctx;
	const View *view = find_view(command->argument);
	const Option *opt = find_option(command->argument);
	const char *name = command->argument;
	const char *values[1];

	if (view != NULL)
		return view_run(view, ctx, answer_view_row, a, err);
	if (opt != NULL)
	{
		put_option(a, opt, ctx->config);
		return true;
	}
	values[0] = admit_setting(c->session, &name);
	answer_row(a, values);
	return true;
}

static const ViewColumn selected[CONSOLE_SELECT_COUNT] = {
	[CONSOLE_SELECT_INT] = {"?column?", TYPE_INT4},
	[CONSOLE_SELECT_TEXT] = {"?column?", TYPE_TEXT},
	[CONSOLE_SELECT_VERSION] = {"version", TYPE_TEXT},
	[CONSOLE_SELECT_USER] = {"current_user", TYPE_TEXT},
	[CONSOLE_SELECT_DATABASE] = {"current_database", TYPE_TEXT},
	[CONSOLE_SELECT_PID] = {"pg_backend_pid", TYPE_INT4},
};

void
select_shape(const ConsoleCommand *command, Shape *shape)
{
	shape->columns = &selected[command->select];
	shape->column_count = 1;
}

bool
select_run(
	Console *c, const ConsoleCommand *command, Answer *a, ErrInfo *err UNUSED)
{
	const char *name = "server_version";
	const char *values[1] = {command->argument};
	char text[128];

	switch (command->select)
	{
		case CONSOLE_SELECT_VERSION:
			/* drivers look for "PostgreSQL" and a number behind it */
			snprintf(text, sizeof(text), "PostgreSQL %s",
				admit_setting(c->session, &name));
			values[0] = text;
			break;
		case CONSOLE_SELECT_USER:
			values[0] = c->session->user;
			break;
		case CONSOLE_SELECT_DATABASE:
			values[0] = CONSOLE_DATABASE;
			break;
		case CONSOLE_SELECT_PID:
			snprintf(text, sizeof(text), "%d", (int) getpid());
			values[0] = text;
			break;
		default:
			break;
	}
	answer_row(a, values);
	return true;
}
