/*
 * launch.c
 *		Starting a walbouncer in the background.  See launch.h.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/launch.h"
#include "ctl/patience.h"
#include "ctl/say.h"
#include "util/mem.h"

#define PROGRAM "walbouncer"
/* What is shown of a log when the start has failed. */
#define LOG_LINES_MAX 10
#define LOG_BYTES_MAX 8192
/* The clock may be set a little meanwhile. */
#define CLOCK_SLACK_S 2

typedef enum Outcome
{
	OUTCOME_READY,
	OUTCOME_ENDED,
	OUTCOME_LATE
} Outcome;

/* That of -p, or the one beside ourselves, or that of PATH.  malloc'd. */
static char *
find_program(const CtlArgs *args)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	char *path;

	if (args->program != NULL)
		return mem_strdup(args->program);
	self[Max(len, 0)] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return mem_strdup(PROGRAM);
	path = mem_asprintf("%.*s/%s", (int) (slash - self), self, PROGRAM);
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return mem_strdup(PROGRAM);
}

/*
 * In the child.  The shell takes the options apart, as pg_ctl's does, and then
 * becomes the daemon, so that our child's process id is the supervisor's.
 */
static void NORETURN
become_server(const char *program, const char *config_file, const char *command,
	int log_fd)
{
	int null_fd = open("/dev/null", O_RDONLY);

	if (setsid() < 0 || null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
		(log_fd >= 0 && (dup2(log_fd, STDOUT_FILENO) < 0 ||
							dup2(log_fd, STDERR_FILENO) < 0)))
	{
		say_error("could not prepare the server's process: %m");
		_exit(1);
	}
	if (null_fd > STDERR_FILENO)
		close(null_fd);
	execl("/bin/sh", "sh", "-c", command, program, "-c", config_file,
		(char *) NULL);
	say_error("could not execute \"/bin/sh\": %m");
	_exit(1);
}

static pid_t
start_process(const CtlArgs *args, const char *config_file, const char *options,
	int log_fd)
{
	char *program = find_program(args);
	char *command =
		mem_asprintf("exec \"$0\" \"$@\" %s", options != NULL ? options : "");
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		become_server(program, config_file, command, log_fd);
	free(command);
	free(program);
	return pid;
}

/*
 * Only the file: whether it lives the child itself tells.  What one before it has
 * left may name the same process id, but not a time behind began.
 */
static bool
is_ready(const char *pid_file, pid_t pid, time_t began)
{
	PidNote note;
	ErrInfo err;
	bool ready = instance_read(pid_file, &note, &err) && note.pid == pid &&
				 note.started >= began - CLOCK_SLACK_S && note.status != NULL &&
				 strcmp(note.status, PIDNOTE_READY) == 0;

	pidnote_clear(&note);
	return ready;
}

static Outcome
wait_for_server(
	const CtlArgs *args, const char *pid_file, pid_t pid, time_t began)
{
	Patience patience = patience_new(args);

	while (!is_ready(pid_file, pid, began))
	{
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return OUTCOME_ENDED;
		if (!patience_wait(&patience))
			return OUTCOME_LATE;
	}
	return OUTCOME_READY;
}

/* How long a log is before the start; 0 for one that is not there. */
static off_t
log_length(const char *path)
{
	struct stat st;

	return path != NULL && stat(path, &st) == 0 ? st.st_size : 0;
}

/* Where the last lines of a text begin. */
static const char *
last_lines(const char *text, size_t len)
{
	const char *p = text + len;
	int lines = 0;

	for (; p > text; p--)
	{
		if (p[-1] == '\n' && p != text + len && ++lines == LOG_LINES_MAX)
			break;
	}
	return p;
}

/* The last lines of what has come to a log since it had that length. */
static void
show_log_end(const char *path, off_t length)
{
	static char text[LOG_BYTES_MAX + 1];
	off_t end = log_length(path);
	int fd = end > length ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n;

	if (fd < 0)
		return;
	n = pread(fd, text, LOG_BYTES_MAX, Max(length, end - LOG_BYTES_MAX));
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	fputs(last_lines(text, (size_t) n), stderr);
	if (text[n - 1] != '\n')
		fputc('\n', stderr);
}

/* What is being waited for; 0: nothing. */
static volatile sig_atomic_t starting_pid;

/* ^C, which the server is not told by the terminal: no start is left half-way. */
static void
on_interrupt(int number)
{
	kill((pid_t) starting_pid, SIGINT);
	raise(number); /* the action is the default one again */
}

static void
stop_when_interrupted(pid_t pid)
{
	struct sigaction interrupt = {
		.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};

	starting_pid = pid;
	sigaction(SIGINT, &interrupt, NULL);
}

/* The logs, one of which may be what the configuration names, say why. */
static int
start_and_wait(const CtlArgs *args, const Instance *instance,
	const char *options, int log_fd)
{
	const char *own_log = instance->config->log_file;
	off_t length = log_length(args->log_file);
	off_t own_length = log_length(own_log);
	time_t began = time(NULL);
	pid_t pid = start_process(args, instance->config_file, options, log_fd);

	if (pid < 0)
	{
		say_error("could not start server: %m");
		return EXIT_FAILURE;
	}
	if (args->no_wait)
	{
		say(args->silent, "server starting\n");
		return EXIT_SUCCESS;
	}
	stop_when_interrupted(pid);
	say(args->silent, "waiting for server to start...");
	switch (wait_for_server(args, instance->pid_file, pid, began))
	{
		case OUTCOME_READY:
			say(args->silent, " done\nserver started\n");
			return EXIT_SUCCESS;
		case OUTCOME_LATE:
			say(args->silent, " stopped waiting\n");
			say_error("server did not start in time");
			return EXIT_FAILURE;
		case OUTCOME_ENDED:
			break;
	}
	say(args->silent, " stopped waiting\n");
	show_log_end(args->log_file, length);
	show_log_end(own_log, own_length);
	say_error("could not start server");
	fputs("Examine the log output.\n", stderr);
	return EXIT_FAILURE;
}

int
launch_run(const CtlArgs *args, const Instance *instance, const char *options)
{
	int log_fd = -1;
	int status;

	if (args->log_file != NULL)
	{
		/* the log is for the operator's eyes, as the daemon's other files */
		log_fd = open(args->log_file,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
		if (log_fd < 0)
		{
			say_error("could not open log file \"%s\": %m", args->log_file);
			return EXIT_FAILURE;
		}
	}
	status = start_and_wait(args, instance, options, log_fd);
	if (log_fd >= 0)
		close(log_fd);
	return status;
}
