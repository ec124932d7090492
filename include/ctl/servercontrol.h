/*
 * servercontrol.h
 *		The verbs of walbouncerctl that act on the process, as those of pg_ctl
 *		do.  Each returns the exit status of the program.
 */
#ifndef CTL_SERVERCONTROL_H
#define CTL_SERVERCONTROL_H

#include "base.h"

#include "ctl/ctlargs.h"

/* LSB's, as pg_ctl status has them. */
#define STATUS_NOT_RUNNING 3
#define STATUS_NOT_ACCESSIBLE 4

int servercontrol_start(const CtlArgs *args);
int servercontrol_stop(const CtlArgs *args);
int servercontrol_restart(const CtlArgs *args);
int servercontrol_reload(const CtlArgs *args);
int servercontrol_status(const CtlArgs *args);
int servercontrol_logrotate(const CtlArgs *args);
int servercontrol_kill(const CtlArgs *args);

#endif /* CTL_SERVERCONTROL_H */
