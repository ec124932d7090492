/*
 * ctlargs.h
 *		The command line of walbouncerctl: the verbs, which options each of them
 *		takes, and what has been given.
 */
#ifndef CTL_CTLARGS_H
#define CTL_CTLARGS_H

#include "base.h"

#include "util/errinfo.h"

typedef enum CtlVerb
{
	VERB_START,
	VERB_STOP,
	VERB_RESTART,
	VERB_RELOAD,
	VERB_STATUS,
	VERB_LOGROTATE,
	VERB_KILL,
	VERB_SHOW,
	VERB_TOP,
	VERB_DISCONNECT,
	VERB_PAUSE,
	VERB_RESUME,
	VERB_RESCOPE,
	VERB_REPOINT,
	VERB_COUNT
} CtlVerb;

#define CTL_OPERANDS_MAX 2

/* Strings belong to argv; NULL, 0 and false are "not given". */
typedef struct CtlArgs
{
	bool help; /* --help or --version come before anything else */
	bool version;
	CtlVerb verb;
	const char *operands[CTL_OPERANDS_MAX]; /* NULL where there is none */

	/* which walbouncer */
	const char *config_file;
	const char *pid_file;

	/* start, stop, restart, reload, status, logrotate */
	const char *log_file;
	const char *options; /* for the walbouncer that is started */
	const char *program; /* its path */
	int stop_signal;     /* of the mode; SIGINT if none was given */
	int timeout_s;       /* 60 if not given */
	bool no_wait;
	bool silent;

	/* the console */
	const char *host;
	const char *port;
	const char *user;
	bool json;
	bool expanded;
	bool temporary;
	bool to_default;

	/* top */
	int interval_ms; /* 2000 if not given */
	int rounds;      /* 0: until it is told to quit */
} CtlArgs;

/* timeout: of the environment, or NULL; it counts if there is no -t. */
MUST_CHECK bool ctlargs_parse(
	int argc, char **argv, const char *timeout, CtlArgs *args, ErrInfo *err);

/* What --help prints; malloc'd. */
char *ctlargs_help(void);

/* The number of a signal that may be sent by name ("HUP"), or 0. */
int ctlargs_signal(const char *name);

/* A process id as an operand is, or 0. */
pid_t ctlargs_pid(const char *text);

#endif /* CTL_CTLARGS_H */
