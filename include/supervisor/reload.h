/*
 * reload.h
 *		The configuration on its way from a file into force.
 */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include "base.h"

#include "conf/option.h"

/* A configuration and where it is from. */
typedef struct Settings
{
	const char *file; /* NULL: none */
	const ConfigOverrides *overrides;
	char *text;      /* of the file; NULL if there is none */
	char *repointed; /* a conninfo in place of its own; NULL if there is none */
	Config *config;
} Settings;

/* Read for the first time: file and overrides are set, text and config come. */
MUST_CHECK bool reload_first(Settings *s, ErrInfo *err);

/*
 * The supervisor, once state_directory is its own: an upstream that an operator has
 * moved to comes into force; one that he meant for the last run is forgotten.
 */
MUST_CHECK bool reload_repointed(Settings *s, ErrInfo *err);

/* Log what config_warnings() has to say. */
void reload_log_warnings(const Config *config);

/*
 * Let the log go where config says, and say so in the old place if it is another
 * one.  before is NULL at the start.  False, with err, if log_file cannot be opened:
 * nothing changes then.
 */
MUST_CHECK bool reload_apply_log(
	const Config *before, const Config *config, ErrInfo *err);

/*
 * Read the file again, and what REPOINT has left.  If it is good it is in force and
 * published (unless it is the same as before), and settings that wait for a restart
 * keep their value; if not, that is logged, in err, and nothing changes.  True if it
 * was good.
 */
MUST_CHECK bool reload_again(Settings *s, ErrInfo *err);

#endif /* SUPERVISOR_RELOAD_H */
