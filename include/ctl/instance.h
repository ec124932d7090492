/*
 * instance.h
 *		The walbouncer that is meant: its configuration, its pid file, and
 *		whether it runs.
 *
 * The lock on the pid file tells whether it runs, not the number in it: a file
 * that a crash has left behind may name a process that is something else by now.
 */
#ifndef CTL_INSTANCE_H
#define CTL_INSTANCE_H

#include "base.h"

#include "conf/option.h"
#include "ctl/ctlargs.h"
#include "state/pidnote.h"
#include "util/errinfo.h"

typedef struct Instance
{
	const char *config_file; /* NULL: none */
	Config *config;          /* NULL: none, or an error in it */
	char *pid_file;          /* NULL: it has none */
	ErrInfo config_error;    /* why there is no config */
} Instance;

/*
 * What the command line names.  An error in the configuration is no failure as
 * long as what is needed to find the walbouncer can be made out: config is NULL
 * then, and config_error says why.
 */
MUST_CHECK bool instance_open(
	const CtlArgs *args, Instance *instance, ErrInfo *err);
void instance_close(Instance *instance);

typedef enum InstanceState
{
	INSTANCE_STOPPED, /* there is no pid file */
	INSTANCE_STALE,   /* there is one, left by one that is gone */
	INSTANCE_RUNNING
} InstanceState;

/*
 * Whether it runs.  note is what the file says; to be cleared, also on failure,
 * which is a file that cannot be read, or one that names no process though it is
 * locked.
 */
MUST_CHECK bool instance_look(
	const char *pid_file, InstanceState *state, PidNote *note, ErrInfo *err);

/* The file alone, with no regard to its lock.  False: not there, or not readable. */
MUST_CHECK bool instance_read(
	const char *pid_file, PidNote *note, ErrInfo *err);

#endif /* CTL_INSTANCE_H */
