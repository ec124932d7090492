/*
 * walbouncerctl.c
 *		The walbouncerctl program: starts, stops and watches walbouncer.
 *
 * The verbs that act on the process are pg_ctl's, with its options, messages and
 * exit statuses; the others speak to the console of a walbouncer that runs.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/ctlargs.h"
#include "ctl/ctlquery.h"
#include "ctl/ctltop.h"
#include "ctl/say.h"
#include "ctl/servercontrol.h"

static int (*const verbs[VERB_COUNT])(const CtlArgs *args) = {
	[VERB_START] = servercontrol_start,
	[VERB_STOP] = servercontrol_stop,
	[VERB_RESTART] = servercontrol_restart,
	[VERB_RELOAD] = servercontrol_reload,
	[VERB_STATUS] = servercontrol_status,
	[VERB_LOGROTATE] = servercontrol_logrotate,
	[VERB_KILL] = servercontrol_kill,
	[VERB_SHOW] = ctlquery_run,
	[VERB_TOP] = ctltop_run,
	[VERB_DISCONNECT] = ctlquery_run,
	[VERB_PAUSE] = ctlquery_run,
	[VERB_RESUME] = ctlquery_run,
	[VERB_RESCOPE] = ctlquery_run,
	[VERB_REPOINT] = ctlquery_run,
};

int
main(int argc, char **argv)
{
	CtlArgs args;
	ErrInfo err;

	if (!ctlargs_parse(
			argc, argv, getenv("WALBOUNCERCTL_TIMEOUT"), &args, &err))
	{
		say_errinfo(&err);
		return EXIT_FAILURE;
	}
	if (args.help)
	{
		char *text = ctlargs_help();

		fputs(text, stdout);
		free(text);
		return EXIT_SUCCESS;
	}
	if (args.version)
	{
		puts("walbouncerctl (walbouncer) " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	return verbs[args.verb](&args);
}
