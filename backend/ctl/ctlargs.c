/*
 * ctlargs.c
 *		The command line of walbouncerctl.  See ctlargs.h.
 */
#include "base.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctlargs.h"
#include "util/cmdline.h"
#include "util/mem.h"

#define TIMEOUT_DEFAULT_S 60
#define INTERVAL_DEFAULT_MS 2000
#define INTERVAL_MAX_S 3600.0
#define OPTION_NAME_MAX 32

/* Options without a letter; in the masks of the verbs they are capital letters. */
enum
{
	OPT_PID_FILE = 'P',
	OPT_TEMPORARY = 'T',
	OPT_DEFAULT = 'D',
	OPT_PORT = 'O' /* -p is a path for some verbs */
};

typedef struct VerbRow
{
	const char *name;
	const char *operands; /* for people */
	int operands_min;
	int operands_max;
	const char *options; /* those that it takes */
	const char *help;
} VerbRow;

#define CONSOLE_OPTIONS "cPhpOUjx"

static const VerbRow verbs[VERB_COUNT] = {
	[VERB_START] = {"start", "", 0, 0, "clopwWts",
		"start walbouncer in the background"},
	[VERB_STOP] = {"stop", "", 0, 0, "cPmwWts", "stop it"},
	[VERB_RESTART] = {"restart", "", 0, 0, "clopmwWts", "stop and start it"},
	[VERB_RELOAD] = {"reload", "", 0, 0, "cPhpOUs",
		"read the configuration again"},
	[VERB_STATUS] = {"status", "", 0, 0, "cP", "say whether it runs"},
	[VERB_LOGROTATE] = {"logrotate", "", 0, 0, "cPs", "open the log file anew"},
	[VERB_KILL] = {"kill", "SIGNALNAME PID", 2, 2, "", "send a signal"},
	[VERB_SHOW] = {"show", "WHAT", 1, 1, CONSOLE_OPTIONS,
		"show standbys, upstream, slots, ...; \"help\" lists all"},
	[VERB_TOP] = {"top", "", 0, 0, "cPhpOUin", "show what goes on, live"},
	[VERB_DISCONNECT] = {"disconnect", "NAME|PID", 1, 1, CONSOLE_OPTIONS,
		"end the connections of a standby"},
	[VERB_PAUSE] = {"pause", "[NAME]", 0, 1, CONSOLE_OPTIONS,
		"send nothing to a standby, or to all"},
	[VERB_RESUME] = {"resume", "[NAME]", 0, 1, CONSOLE_OPTIONS,
		"go on with it"},
	[VERB_RESCOPE] = {"rescope", "RULE", 1, 1, CONSOLE_OPTIONS,
		"forget what the filter of a rule has decided"},
	[VERB_REPOINT] = {"repoint", "[CONNINFO]", 0, 1, CONSOLE_OPTIONS "TD",
		"go on from another upstream"},
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"pid-file", required_argument, NULL, OPT_PID_FILE},
	{"log", required_argument, NULL, 'l'},
	{"options", required_argument, NULL, 'o'},
	{"mode", required_argument, NULL, 'm'},
	{"wait", no_argument, NULL, 'w'},
	{"no-wait", no_argument, NULL, 'W'},
	{"timeout", required_argument, NULL, 't'},
	{"silent", no_argument, NULL, 's'},
	{"host", required_argument, NULL, 'h'},
	{"port", required_argument, NULL, OPT_PORT},
	{"username", required_argument, NULL, 'U'},
	{"json", no_argument, NULL, 'j'},
	{"expanded", no_argument, NULL, 'x'},
	{"temporary", no_argument, NULL, OPT_TEMPORARY},
	{"default", no_argument, NULL, OPT_DEFAULT},
	{"interval", required_argument, NULL, 'i'},
	{"rounds", required_argument, NULL, 'n'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, '?'},
	{NULL, 0, NULL, 0},
};

static const struct
{
	const char *name;
	int number;
} signals[] = {
	{"ABRT", SIGABRT},
	{"HUP", SIGHUP},
	{"INT", SIGINT},
	{"KILL", SIGKILL},
	{"QUIT", SIGQUIT},
	{"TERM", SIGTERM},
	{"USR1", SIGUSR1},
	{"USR2", SIGUSR2},
};

static const struct
{
	const char *name;
	int number;
} stop_modes[] = {
	{"smart", SIGTERM},
	{"fast", SIGINT},
	{"immediate", SIGQUIT},
};

static bool
usage_error(ErrInfo *err)
{
	return errinfo_hint(
		err, "Try \"walbouncerctl --help\" for more information.");
}

static bool
parse_int(const char *text, int min, int max, int *value)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < min || n > max)
		return false;
	*value = (int) n;
	return true;
}

static bool
parse_timeout(const char *text, int *timeout_s, ErrInfo *err)
{
	if (parse_int(text, 0, INT32_MAX / 1000, timeout_s))
		return true;
	return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
		"the timeout must be a number of seconds, not \"%s\"", text);
}

static bool
parse_interval(const char *text, int *interval_ms, ErrInfo *err)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end != text && *end == '\0' && seconds >= 0.1 &&
		seconds <= INTERVAL_MAX_S)
	{
		*interval_ms = (int) (seconds * 1000);
		return true;
	}
	return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
		"the interval must be from 0.1 to %.0f seconds, not \"%s\"",
		INTERVAL_MAX_S, text);
}

static bool
parse_mode(const char *text, int *stop_signal, ErrInfo *err)
{
	size_t len = strlen(text);

	/* as pg_ctl: a letter will do */
	for (size_t i = 0; i < lengthof(stop_modes); i++)
	{
		if (strcmp(text, stop_modes[i].name) == 0 ||
			(len == 1 && text[0] == stop_modes[i].name[0]))
		{
			*stop_signal = stop_modes[i].number;
			return true;
		}
	}
	return errinfo_set(
		err, SQLSTATE_SYNTAX_ERROR, "unrecognized shutdown mode \"%s\"", text);
}

/* One of the options, with its value in optarg. */
static bool
take_option(CtlArgs *args, int c, ErrInfo *err)
{
	switch (c)
	{
		case 'c':
			args->config_file = optarg;
			return true;
		case OPT_PID_FILE:
			args->pid_file = optarg;
			return true;
		case 'l':
			args->log_file = optarg;
			return true;
		case 'o':
			args->options = optarg;
			return true;
		case 'm':
			return parse_mode(optarg, &args->stop_signal, err);
		case 'w':
		case 'W':
			args->no_wait = c == 'W';
			return true;
		case 't':
			return parse_timeout(optarg, &args->timeout_s, err);
		case 's':
			args->silent = true;
			return true;
		case 'h':
			args->host = optarg;
			return true;
		case 'p':
		case OPT_PORT:
			args->port = optarg;
			return true;
		case 'U':
			args->user = optarg;
			return true;
		case 'j':
			args->json = true;
			return true;
		case 'x':
			args->expanded = true;
			return true;
		case OPT_TEMPORARY:
			args->temporary = true;
			return true;
		case OPT_DEFAULT:
			args->to_default = true;
			return true;
		case 'i':
			return parse_interval(optarg, &args->interval_ms, err);
		case 'n':
			return parse_int(optarg, 1, INT32_MAX, &args->rounds) ||
				   errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
					   "the number of rounds must be 1 or more, not \"%s\"",
					   optarg);
		case 'V':
			args->version = true;
			return true;
		default:
			args->help = true;
			return true;
	}
}

/* Takes all options; given has a set bit for each letter. */
static bool
parse_options(
	int argc, char **argv, CtlArgs *args, uint32_t given[2], ErrInfo *err)
{
	CmdlineStatus status;
	int c;

	optind = 0; /* start over: a test calls this more than once */
	while ((status = cmdline_next(argc, argv, ":c:l:o:m:wWt:sh:p:U:jxi:n:V",
				long_options, &c, err)) == CMDLINE_OPTION)
	{
		if (!take_option(args, c, err))
			return false;
		if (args->help || args->version)
			return true;
		given[c / 32 - 2] |= UINT32_C(1) << c % 32;
	}
	return status == CMDLINE_END;
}

static bool
find_verb(const char *name, CtlVerb *verb)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
	{
		if (strcmp(name, verbs[i].name) == 0)
		{
			*verb = (CtlVerb) i;
			return true;
		}
	}
	return false;
}

/* "--mode"; "-p" of one that has no long form. */
static void
format_option(int c, char text[OPTION_NAME_MAX])
{
	for (const struct option *o = long_options; o->name != NULL; o++)
	{
		if (o->val == c)
		{
			snprintf(text, OPTION_NAME_MAX, "--%s", o->name);
			return;
		}
	}
	snprintf(text, OPTION_NAME_MAX, "-%c", c);
}

/* Each option that was given is one that the verb takes. */
static bool
check_options(const VerbRow *row, const uint32_t given[2], ErrInfo *err)
{
	for (int c = 64; c < 128; c++)
	{
		char name[OPTION_NAME_MAX];

		if ((given[c / 32 - 2] & UINT32_C(1) << c % 32) == 0 ||
			strchr(row->options, c) != NULL)
			continue;
		format_option(c, name);
		return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
			"option \"%s\" is not for \"%s\"", name, row->name);
	}
	return true;
}

/* "repoint" has three forms, and only one takes no operand. */
static bool
check_repoint(const CtlArgs *args, ErrInfo *err)
{
	if (args->to_default && (args->operands[0] != NULL || args->temporary))
		return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
			"\"repoint --default\" takes nothing more");
	if (!args->to_default && args->operands[0] == NULL)
		return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
			"\"repoint\" needs a conninfo or --default");
	return true;
}

static bool
take_operands(
	CtlArgs *args, int count, char **operands, const VerbRow *row, ErrInfo *err)
{
	if (count < row->operands_min)
		return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
			"missing arguments: \"%s %s\"", row->name, row->operands);
	if (count > row->operands_max)
		return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
			"too many command-line arguments (first is \"%s\")",
			operands[row->operands_max]);
	for (int i = 0; i < count; i++)
		args->operands[i] = operands[i];
	return args->verb != VERB_REPOINT || check_repoint(args, err);
}

static bool
parse(int argc, char **argv, const char *timeout, CtlArgs *args, ErrInfo *err)
{
	uint32_t given[2] = {0, 0};

	if (timeout != NULL && !parse_timeout(timeout, &args->timeout_s, err))
		return false;
	if (!parse_options(argc, argv, args, given, err))
		return false;
	if (args->help || args->version)
		return true;
	if (optind == argc)
		return errinfo_set(
			err, SQLSTATE_SYNTAX_ERROR, "no operation specified");
	if (!find_verb(argv[optind], &args->verb))
		return errinfo_set(err, SQLSTATE_SYNTAX_ERROR,
			"unrecognized operation mode \"%s\"", argv[optind]);
	if (!check_options(&verbs[args->verb], given, err) ||
		!take_operands(args, argc - optind - 1, argv + optind + 1,
			&verbs[args->verb], err))
		return false;
	/* -p is a path for those that start a program, as for pg_ctl */
	if (strchr(verbs[args->verb].options, 'o') != NULL)
	{
		args->program = args->port;
		args->port = NULL;
	}
	return true;
}

bool
ctlargs_parse(
	int argc, char **argv, const char *timeout, CtlArgs *args, ErrInfo *err)
{
	*args = (CtlArgs){
		.stop_signal = SIGINT,
		.timeout_s = TIMEOUT_DEFAULT_S,
		.interval_ms = INTERVAL_DEFAULT_MS,
	};
	return parse(argc, argv, timeout, args, err) || usage_error(err);
}

static const char help_head[] =
	"walbouncerctl starts, stops and watches walbouncer.\n"
	"\n"
	"Usage:\n"
	"  walbouncerctl VERB [OPTION]...\n"
	"\n"
	"Verbs:\n";

static const char help_tail[] =
	"\n"
	"Common options:\n"
	"  -c, --config=FILE      configuration file of the walbouncer (default: "
	"the\n"
	"                         environment variable WALBOUNCER_CONFIG)\n"
	"      --pid-file=FILE    its pid file, for when its configuration is of "
	"no "
	"use\n"
	"  -s, --silent           only print errors\n"
	"  -V, --version          print the version, then exit\n"
	"  -?, --help             print this, then exit\n"
	"\n"
	"Options for start, stop and restart:\n"
	"  -l, --log=FILE         append what the walbouncer prints to FILE\n"
	"  -o, --options=OPTIONS  command line options for the walbouncer\n"
	"  -p PATH                of the program walbouncer, normally not needed\n"
	"  -m, --mode=MODE        of a stop: \"smart\", \"fast\" (default) or "
	"\"immediate\"\n"
	"  -t, --timeout=SECS     how long to wait (default: 60, or the "
	"environment\n"
	"                         variable WALBOUNCERCTL_TIMEOUT)\n"
	"  -w, --wait             wait until it is done (default)\n"
	"  -W, --no-wait          do not wait\n"
	"\n"
	"Options for show and the verbs below it:\n"
	"  -h, --host=HOST        directory of the Unix-domain socket\n"
	"  -p, --port=PORT        port\n"
	"  -U, --username=NAME    user (default: that of the operating system)\n"
	"  -j, --json             print JSON\n"
	"  -x, --expanded         print a line for each value\n"
	"  -i, --interval=SECS    of top: time between two rounds (default: 2)\n"
	"  -n, --rounds=N         of top: end after N rounds\n"
	"      --temporary        of repoint: until the next start\n"
	"      --default          of repoint: what the configuration file says\n"
	"\n"
	"Modes of a stop:\n"
	"  smart       standbys are sent what there is first\n"
	"  fast        standbys are disconnected in good order\n"
	"  immediate   all processes end at once\n"
	"\n"
	"Signal names for kill:\n"
	"  ABRT HUP INT KILL QUIT TERM USR1 USR2\n";

char *
ctlargs_help(void)
{
	char *text = mem_strdup(help_head);

	for (size_t i = 0; i < VERB_COUNT; i++)
	{
		const VerbRow *row = &verbs[i];
		char *words = mem_asprintf("%s%s%s", row->name,
			row->operands[0] != '\0' ? " " : "", row->operands);
		char *longer = mem_asprintf("%s  %-22s %s\n", text, words, row->help);

		free(words);
		free(text);
		text = longer;
	}
	{
		char *all = mem_asprintf("%s%s", text, help_tail);

		free(text);
		return all;
	}
}

int
ctlargs_signal(const char *name)
{
	for (size_t i = 0; i < lengthof(signals); i++)
	{
		if (strcmp(name, signals[i].name) == 0)
			return signals[i].number;
	}
	return 0;
}

pid_t
ctlargs_pid(const char *text)
{
	int pid;

	return parse_int(text, 1, INT32_MAX, &pid) ? (pid_t) pid : 0;
}
