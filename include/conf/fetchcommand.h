/*
 * fetchcommand.h
 *		The text of wal_fetch_command: a shell command with %f, the name of a WAL
 *		segment, %p, the path to put it at, and %%, in the manner of PostgreSQL's
 *		restore_command.
 */
#ifndef CONF_FETCHCOMMAND_H
#define CONF_FETCHCOMMAND_H

#include "base.h"

#include "util/errinfo.h"

/* Whether nothing but %f, %p and %% is in it (xlogarchive.c refuses others too). */
MUST_CHECK bool fetchcommand_check(const char *command, ErrInfo *err);

/*
 * Whether a path below directory means itself to a shell, quoted or not.  PostgreSQL
 * leaves the quotes around %p to whoever writes the command, and so do we.
 */
MUST_CHECK bool fetchcommand_directory_safe(const char *directory);

/* The command for one segment; it has been checked.  malloc'd. */
char *fetchcommand_expand(
	const char *command, const char *name, const char *path);

#endif /* CONF_FETCHCOMMAND_H */
