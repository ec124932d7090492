/*
 * launch.h
 *		Starting a walbouncer in the background.
 */
#ifndef CTL_LAUNCH_H
#define CTL_LAUNCH_H

#include "base.h"

#include "ctl/ctlargs.h"
#include "ctl/instance.h"

/*
 * Start it with these options for its command line (words for a shell; NULL
 * none), and wait until it is ready if args says so.  Says what comes of it and
 * returns the exit status of the program.
 */
int launch_run(
	const CtlArgs *args, const Instance *instance, const char *options);

#endif /* CTL_LAUNCH_H */
