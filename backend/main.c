/*
 * main.c
 *		The walbouncer program: its command line, and what can be done without
 *		serving anybody.  All else is the supervisor's.
 */
#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/option.h"
#include "exitcode.h"
#include "process/title.h"
#include "state/rulescope.h"
#include "supervisor/privileges.h"
#include "supervisor/reload.h"
#include "supervisor/supervisor.h"
#include "util/cmdline.h"
#include "util/log.h"
#include "util/mem.h"

/* What there is to do. */
typedef enum Task
{
	TASK_SERVE,
	TASK_CHECK,
	TASK_SHOW,
	TASK_DESCRIBE,
	TASK_RESCOPE,
	TASK_HELP,
	TASK_VERSION
} Task;

/* Options without a letter. */
enum
{
	OPT_CHECK = 256,
	OPT_DESCRIBE,
	OPT_RESCOPE
};

typedef struct CommandLine
{
	Task task;
	const char *config_file; /* NULL: none */
	const char *show_name;   /* of TASK_SHOW */
	const char *rule_name;   /* of TASK_RESCOPE */
	ConfigOverrides overrides;
} CommandLine;

static const char help_text[] =
	"walbouncer serves many PostgreSQL standbys from one replication "
	"connection.\n"
	"\n"
	"Usage:\n"
	"  walbouncer [OPTION]...\n"
	"\n"
	"Options:\n"
	"  -c, --config=FILE        configuration file (default: none)\n"
	"  -p, --port=PORT          port to listen on (default: 5433)\n"
	"  -h, --host=HOST          host of the upstream\n"
	"  -P, --masterport=PORT    port of the upstream (default: 5432);\n"
	"                           --upstream-port is the same\n"
	"  -v, --verbose            log more; again for still more\n"
	"      --check              check the configuration, then exit\n"
	"  -C NAME                  print the value of a setting, then exit\n"
	"      --describe-config    print what can be set, then exit\n"
	"      --rescope=RULE       forget what the rule's filter has decided, "
	"since "
	"its\n"
	"                           standbys are being rebuilt, then exit\n"
	"  -V, --version            print the version, then exit\n"
	"  -?, --help               print this, then exit\n"
	"\n"
	"What is given here comes before what the file says.  Without a file "
	"everybody\n"
	"on this machine is served, with nothing filtered; the environment "
	"variables of\n"
	"libpq (PGHOST, PGUSER, PGPASSFILE, ...) tell how to reach the upstream.\n"
	"\n"
	"Signals: HUP reload, TERM smart stop, INT fast stop, QUIT immediate "
	"stop,\n"
	"USR1 log file opened again.\n";

static void usage_error(const char *fmt, ...) PRINTF_LIKE(1, 2) NORETURN;

static void
usage_error(const char *fmt, ...)
{
	va_list ap;

	fputs("walbouncer: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry \"walbouncer --help\" for more information.\n", stderr);
	exit(EXITCODE_CONFIG);
}

static int
parse_port(const char *option, const char *text)
{
	char *end;
	long port;

	errno = 0;
	port = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || port < 1 || port > 65535)
		usage_error(
			"%s: the port must be from 1 to 65535, not \"%s\"", option, text);
	return (int) port;
}

/* One of the options, with its value in optarg. */
static void
take_option(CommandLine *cl, int c)
{
	switch (c)
	{
		case 'c':
			cl->config_file = optarg;
			break;
		case 'p':
			cl->overrides.port = parse_port("--port", optarg);
			break;
		case 'h':
			cl->overrides.upstream_host = optarg;
			break;
		case 'P':
			cl->overrides.upstream_port = parse_port("--masterport", optarg);
			break;
		case 'v':
			cl->overrides.verbose++;
			break;
		case 'V':
			cl->task = TASK_VERSION;
			break;
		case 'C':
			cl->task = TASK_SHOW;
			cl->show_name = optarg;
			break;
		case OPT_CHECK:
			cl->task = TASK_CHECK;
			break;
		case OPT_DESCRIBE:
			cl->task = TASK_DESCRIBE;
			break;
		case OPT_RESCOPE:
			cl->task = TASK_RESCOPE;
			cl->rule_name = optarg;
			break;
		default:
			cl->task = TASK_HELP;
			break;
	}
}

static void
parse_command_line(int argc, char **argv, CommandLine *cl)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"port", required_argument, NULL, 'p'},
		{"host", required_argument, NULL, 'h'},
		{"masterport", required_argument, NULL, 'P'},
		{"upstream-port", required_argument, NULL, 'P'},
		{"verbose", no_argument, NULL, 'v'},
		{"check", no_argument, NULL, OPT_CHECK},
		{"describe-config", no_argument, NULL, OPT_DESCRIBE},
		{"rescope", required_argument, NULL, OPT_RESCOPE},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, '?'},
		{NULL, 0, NULL, 0},
	};
	CmdlineStatus status;
	ErrInfo err;
	int c;

	while ((status = cmdline_next(argc, argv, ":c:p:h:P:vVC:", long_options, &c,
				&err)) == CMDLINE_OPTION)
	{
		take_option(cl, c);
		if (cl->task == TASK_HELP)
			return;
	}
	if (status == CMDLINE_BAD)
		usage_error("%s", err.message);
	if (optind < argc)
		usage_error("there is one argument too many: \"%s\"", argv[optind]);
}

/* This, and an error, as a compiler does, so that editors find the place. */
static void
on_warning(const ErrInfo *warning, void *arg UNUSED)
{
	fputs("warning: ", stderr);
	errinfo_print(stderr, warning);
}

static int
check_config_file(const Settings *settings)
{
	config_warnings(settings->config, on_warning, NULL);
	printf("%s: configuration ok\n",
		settings->file != NULL ? settings->file : "walbouncer");
	return EXITCODE_OK;
}

static int
show_setting(const Settings *settings, const char *name)
{
	const Option *opt = option_find(name);
	char *text;

	if (opt == NULL)
	{
		fprintf(stderr, "walbouncer: unknown setting \"%s\"\n", name);
		return EXITCODE_CONFIG;
	}
	text = option_format(opt, settings->config);
	printf("%s\n", text);
	free(text);
	return EXITCODE_OK;
}

static int
describe_config(void)
{
	char *text = config_describe();

	fputs(text, stdout);
	free(text);
	return EXITCODE_OK;
}

/* A later change of directory, or of what it is called, does not matter then. */
static const char *
absolute_path(const char *path)
{
	char *dir;
	char *absolute;

	if (path == NULL || path[0] == '/')
		return path;
	dir = getcwd(NULL, 0);
	if (dir == NULL)
		log_fatal(
			EXITCODE_STARTUP, "could not find out the current directory: %m");
	absolute = mem_asprintf("%s/%s", dir, path);
	free(dir);
	return absolute;
}

static int
serve(Settings *settings)
{
	ErrInfo err;

	log_set_threshold(settings->config->log_min_messages);
	settings->file = absolute_path(settings->file);
	if (!privileges_drop(settings->config->user, &err))
		log_fatal_err(EXITCODE_CONFIG, &err);
	return supervisor_run(settings);
}

/* As the user that the daemon runs as: what it cannot do, we cannot do to it. */
static bool
rescope(const Config *config, const char *name, ErrInfo *err)
{
	size_t decisions;

	if (!privileges_drop(config->user, err))
		return false;
	if (!rulescope_is_known(config, name))
		return errinfo_set(
			err, SQLSTATE_UNDEFINED_OBJECT, "there is no rule \"%s\"", name);
	if (!rulescope_forget(config->state_directory, name, &decisions, err))
		return false;
	printf("rule \"%s\": decisions forgotten: %zu\n", name, decisions);
	return true;
}

static int
rescope_rule(const Settings *settings, const char *name)
{
	ErrInfo err;

	if (rescope(settings->config, name, &err))
		return EXITCODE_OK;
	errinfo_print(stderr, &err);
	return EXITCODE_CONFIG;
}

static int
run_task(const Settings *settings, const CommandLine *cl)
{
	switch (cl->task)
	{
		case TASK_CHECK:
			return check_config_file(settings);
		case TASK_RESCOPE:
			return rescope_rule(settings, cl->rule_name);
		default:
			return show_setting(settings, cl->show_name);
	}
}

/* What needs a configuration. */
static int
run_with_config(const CommandLine *cl)
{
	Settings settings = {.file = cl->config_file, .overrides = &cl->overrides};
	ErrInfo err;
	int status;

	log_set_role("supervisor");
	if (!reload_first(&settings, &err))
	{
		if (cl->task == TASK_SERVE)
			log_fatal_err(EXITCODE_CONFIG, &err);
		errinfo_print(stderr, &err);
		return EXITCODE_CONFIG;
	}
	if (cl->task == TASK_SERVE)
		return serve(&settings);
	status = run_task(&settings, cl);
	config_free(settings.config);
	free(settings.text);
	return status;
}

int
main(int argc, char **argv)
{
	CommandLine cl = {.task = TASK_SERVE};

	title_init(argc, argv);
	parse_command_line(argc, argv, &cl);
	switch (cl.task)
	{
		case TASK_HELP:
			fputs(help_text, stdout);
			return EXITCODE_OK;
		case TASK_VERSION:
			puts("walbouncer " PACKAGE_VERSION);
			return EXITCODE_OK;
		case TASK_DESCRIBE:
			return describe_config();
		default:
			return run_with_config(&cl);
	}
}
