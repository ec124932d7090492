/*
 * servercontrol.c
 *		The verbs that act on the process.  See servercontrol.h.
 */
#include "base.h"

#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ctlconn.h"
#include "ctl/ctlquery.h"
#include "ctl/instance.h"
#include "ctl/launch.h"
#include "ctl/patience.h"
#include "ctl/say.h"
#include "ctl/servercontrol.h"
#include "util/mem.h"

/* ---- finding it ---- */

/* The directory of the pid file is there and lets us in. */
static bool
check_directory(const char *pid_file, ErrInfo *err)
{
	char *copy = mem_strdup(pid_file);
	const char *dir = dirname(copy);
	struct stat st;
	bool ok = true;

	if (stat(dir, &st) != 0)
		ok = errno == ENOENT
				 ? errinfo_set(err, SQLSTATE_UNDEFINED_FILE,
					   "directory \"%s\" does not exist", dir)
				 : errinfo_set(err, SQLSTATE_IO_ERROR,
					   "could not access directory \"%s\": %m", dir);
	else if (access(dir, X_OK) != 0)
		ok = errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not access directory \"%s\": %m", dir);
	free(copy);
	return ok || errinfo_hint(err, "If \"state_directory\" or \"pid_file\" was "
								   "changed since the server was started, say "
								   "--pid-file=FILE.");
}

/* What runs is asked for its state; says why not. */
static bool
look(const char *pid_file, InstanceState *state, PidNote *note)
{
	ErrInfo err;

	if (instance_look(pid_file, state, note, &err))
		return true;
	say_errinfo(&err);
	pidnote_clear(note);
	return false;
}

/* For those that need it to run: says that it does not. */
static bool
look_for_running(const char *pid_file, PidNote *note)
{
	InstanceState state;

	if (!look(pid_file, &state, note))
		return false;
	if (state == INSTANCE_RUNNING)
		return true;
	if (state == INSTANCE_STOPPED)
		say_error("PID file \"%s\" does not exist", pid_file);
	else
		say_error("PID file \"%s\" is stale: the server that wrote it (PID: "
				  "%d) is gone",
			pid_file, (int) note->pid);
	fputs("Is server running?\n", stderr);
	pidnote_clear(note);
	return false;
}

/* Says why not. */
static bool
open_instance(const CtlArgs *args, Instance *instance)
{
	ErrInfo err;

	if (instance_open(args, instance, &err) &&
		check_directory(instance->pid_file, &err))
		return true;
	say_errinfo(&err);
	instance_close(instance);
	return false;
}

/* For a start: the configuration has to be good, its directories may be to come. */
static bool
open_startable(const CtlArgs *args, Instance *instance)
{
	ErrInfo err;

	if (instance_open(args, instance, &err))
	{
		if (instance->config != NULL)
			return true;
		err = instance->config_error;
	}
	say_errinfo(&err);
	instance_close(instance);
	return false;
}

/* ---- stop ---- */

/* The server of that process id holds the pid file. */
static bool
is_there(const char *pid_file, pid_t pid)
{
	InstanceState state;
	PidNote note;
	ErrInfo err;
	bool there = !instance_look(pid_file, &state, &note, &err) ||
				 (state == INSTANCE_RUNNING && note.pid == pid);

	pidnote_clear(&note);
	return there;
}

static bool
wait_for_end(const CtlArgs *args, const char *pid_file, pid_t pid)
{
	Patience patience = patience_new(args);

	while (is_there(pid_file, pid))
	{
		if (!patience_wait(&patience))
			return false;
	}
	return true;
}

static bool
send_stop(const CtlArgs *args, pid_t pid)
{
	if (kill(pid, args->stop_signal) == 0)
		return true;
	say_error("could not send stop signal (PID: %d): %m", (int) pid);
	return false;
}

static bool
stop_and_wait(const CtlArgs *args, const char *pid_file, pid_t pid)
{
	if (!send_stop(args, pid))
		return false;
	say(args->silent, "waiting for server to shut down...");
	if (wait_for_end(args, pid_file, pid))
	{
		say(args->silent, " done\nserver stopped\n");
		return true;
	}
	say(args->silent, " failed\n");
	say_error("server does not shut down");
	if (args->stop_signal == SIGTERM)
		fputs("HINT:  The \"-m fast\" option disconnects standbys at once, "
			  "without sending them what there is.\n",
			stderr);
	return false;
}

static bool
stop_instance(const CtlArgs *args, const Instance *instance)
{
	PidNote note;
	bool ok;

	if (!look_for_running(instance->pid_file, &note))
		return false;
	if (args->no_wait)
	{
		ok = send_stop(args, note.pid);
		if (ok)
			say(args->silent, "server shutting down\n");
	}
	else
		ok = stop_and_wait(args, instance->pid_file, note.pid);
	pidnote_clear(&note);
	return ok;
}

int
servercontrol_stop(const CtlArgs *args)
{
	Instance instance;
	bool ok;

	if (!open_instance(args, &instance))
		return EXIT_FAILURE;
	ok = stop_instance(args, &instance);
	instance_close(&instance);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- start and restart ---- */

int
servercontrol_start(const CtlArgs *args)
{
	Instance instance;
	InstanceState state;
	PidNote note;
	int status = EXIT_FAILURE;

	if (!open_startable(args, &instance))
		return EXIT_FAILURE;
	if (look(instance.pid_file, &state, &note))
	{
		if (state == INSTANCE_RUNNING)
			say_error("another server might be running; trying to start server "
					  "anyway");
		pidnote_clear(&note);
		status = launch_run(args, &instance, args->options);
	}
	instance_close(&instance);
	return status;
}

/* What runs has ended; or nothing did. */
static bool
stop_for_restart(const CtlArgs *args, const char *pid_file, InstanceState state,
	const PidNote *note)
{
	switch (state)
	{
		case INSTANCE_RUNNING:
			return stop_and_wait(args, pid_file, note->pid);
		case INSTANCE_STALE:
			say_error("old server process (PID: %d) seems to be gone",
				(int) note->pid);
			fputs("starting server anyway\n", stderr);
			return true;
		case INSTANCE_STOPPED:
			say_error("PID file \"%s\" does not exist", pid_file);
			fputs(
				"Is server running?\ntrying to start server anyway\n", stderr);
			return true;
	}
	return false;
}

/*
 * Without new ones it gets the options that it had.  They are for a shell of ours,
 * and the file is another user's if we are root.  False if they cannot be had.
 */
static bool
choose_options(const CtlArgs *args, const char *pid_file, const PidNote *note,
	const char **options)
{
	*options = args->options != NULL ? args->options : note->options;
	if (*options == NULL || *options == args->options ||
		pidnote_options_good(*options))
		return true;
	say_error("invalid data in PID file \"%s\"", pid_file);
	fputs("HINT:  Say with \"-o\" which options the server is to have.\n",
		stderr);
	return false;
}

int
servercontrol_restart(const CtlArgs *args)
{
	Instance instance;
	InstanceState state;
	PidNote note;
	const char *options;
	int status = EXIT_FAILURE;

	if (!open_startable(args, &instance))
		return EXIT_FAILURE;
	if (look(instance.pid_file, &state, &note))
	{
		if (choose_options(args, instance.pid_file, &note, &options) &&
			stop_for_restart(args, instance.pid_file, state, &note))
			status = launch_run(args, &instance, options);
		pidnote_clear(&note);
	}
	instance_close(&instance);
	return status;
}

/* ---- the others ---- */

int
servercontrol_status(const CtlArgs *args)
{
	Instance instance;
	InstanceState state;
	PidNote note;
	int status = EXIT_SUCCESS;

	if (!open_instance(args, &instance))
		return STATUS_NOT_ACCESSIBLE;
	if (!look(instance.pid_file, &state, &note))
		status = EXIT_FAILURE;
	else if (state == INSTANCE_RUNNING)
	{
		say(false, "walbouncerctl: server is running (PID: %d)\n",
			(int) note.pid);
		if (note.status != NULL)
			say(false, "%s, configuration file \"%s\", port %s\n", note.status,
				note.config_file, note.port);
	}
	else
	{
		say(false, "walbouncerctl: no server running\n");
		status = STATUS_NOT_RUNNING;
	}
	pidnote_clear(&note);
	instance_close(&instance);
	return status;
}

/* what: "reload", for messages */
static int
send_signal(const CtlArgs *args, const Instance *instance, int signal_number,
	const char *what, const char *done)
{
	PidNote note;
	int status = EXIT_FAILURE;

	if (!look_for_running(instance->pid_file, &note))
		return EXIT_FAILURE;
	if (kill(note.pid, signal_number) == 0)
	{
		say(args->silent, "%s\n", done);
		status = EXIT_SUCCESS;
	}
	else
		say_error(
			"could not send %s signal (PID: %d): %m", what, (int) note.pid);
	pidnote_clear(&note);
	return status;
}

int
servercontrol_logrotate(const CtlArgs *args)
{
	Instance instance;
	int status;

	if (!open_instance(args, &instance))
		return EXIT_FAILURE;
	status = send_signal(args, &instance, SIGUSR1, "log rotation",
		"server signaled to rotate log file");
	instance_close(&instance);
	return status;
}

/*
 * A bad file is refused here already.  The console tells what became of a good
 * one; a server without one gets the signal, and its log tells.
 */
static int
reload_instance(const CtlArgs *args, const Instance *instance)
{
	PGconn *conn;
	ErrInfo err;
	int status;

	if (instance->config_file != NULL && instance->config == NULL)
	{
		say_errinfo(&instance->config_error);
		return EXIT_FAILURE;
	}
	conn = ctlconn_open(args, &err);
	if (conn == NULL)
		return send_signal(args, instance, SIGHUP, "reload", "server signaled");
	status = ctlquery_reload(args, conn);
	PQfinish(conn);
	return status;
}

int
servercontrol_reload(const CtlArgs *args)
{
	Instance instance;
	int status;

	if (!open_instance(args, &instance))
		return EXIT_FAILURE;
	status = reload_instance(args, &instance);
	instance_close(&instance);
	return status;
}

int
servercontrol_kill(const CtlArgs *args)
{
	int number = ctlargs_signal(args->operands[0]);
	pid_t pid = ctlargs_pid(args->operands[1]);

	if (number == 0 || pid == 0)
	{
		if (number == 0)
			say_error("unrecognized signal name \"%s\"", args->operands[0]);
		else
			say_error("invalid process id \"%s\"", args->operands[1]);
		fputs("Try \"walbouncerctl --help\" for more information.\n", stderr);
		return EXIT_FAILURE;
	}
	if (kill(pid, number) == 0)
		return EXIT_SUCCESS;
	say_error("could not send signal %d (PID: %d): %m", number, (int) pid);
	return EXIT_FAILURE;
}
