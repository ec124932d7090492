/*
 * pidnote.h
 *		What the pid file says behind the process id, a line each:
 *
 *		configuration file ("" none)
 *		time of the start, in seconds since 1970
 *		port
 *		unix_socket_directories
 *		listen_addresses
 *		directory of the Unix-domain socket for the console ("" none)
 *		status: "starting", "ready" or "stopping"
 *		what the command line sets, as words for a shell
 *
 * The supervisor writes it, walbouncerctl reads it.  The lines are those of
 * postmaster.pid as far as we have them.
 */
#ifndef STATE_PIDNOTE_H
#define STATE_PIDNOTE_H

#include "base.h"

#include <time.h>

#include "conf/option.h"

#define PIDNOTE_STARTING "starting"
#define PIDNOTE_READY "ready"
#define PIDNOTE_STOPPING "stopping"

/* Where it is, by the two settings; malloc'd, NULL if there is none. */
char *pidnote_path(const char *pid_file, const char *state_directory);

/*
 * The lines before that of the console, as the lock files beside Unix-domain
 * sockets have them.  file: the configuration, or NULL; started: time of the start.
 * malloc'd.
 */
char *pidnote_format(const char *file, const Config *config, time_t started);

/* All of them.  malloc'd. */
char *pidnote_format_all(const char *file, const Config *config,
	const ConfigOverrides *overrides, time_t started,
	const char *console_directory, const char *status);

/* What was read; NULL is a line that is not there. */
typedef struct PidNote
{
	pid_t pid;         /* 0: nobody has written it */
	char *config_file; /* "" none */
	time_t started;    /* 0: not known */
	char *port;
	char *socket_directory; /* of the console's socket; "" none */
	char *status;
	char *options; /* as words for a shell */
	char *text;    /* owns them */
} PidNote;

/* Take apart the text of a pid file, which note comes to own. */
void pidnote_parse(char *text, PidNote *note);
void pidnote_clear(PidNote *note);

/*
 * Whether options are words that a supervisor may have written, which a shell takes
 * as they are.  Who can write a pid file is not to say more than that.
 */
bool pidnote_options_good(const char *options);

#endif /* STATE_PIDNOTE_H */
