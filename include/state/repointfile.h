/*
 * repointfile.h
 *		The upstream that an operator has moved to, in the state directory:
 *
 *		walbouncer.auto.conf	until there is another, or none (REPOINT)
 *		walbouncer.temp.conf	until walbouncer stops (REPOINT ... TEMPORARY)
 *
 * Either is text of libconfig's, upstream = { conninfo = "..."; };, and nothing
 * else may be in it.  The second wins.
 */
#ifndef STATE_REPOINTFILE_H
#define STATE_REPOINTFILE_H

#include "base.h"

#include "util/errinfo.h"

/* Connection strings; malloc'd, NULL: there is no such file. */
typedef struct Repoint
{
	char *kept;
	char *temporary;
} Repoint;

/* False, with err, and nothing to clear, if a file cannot be read, or is none. */
MUST_CHECK bool repointfile_load(
	const char *state_directory, Repoint *repoint, ErrInfo *err);
/* Have the files be so; durable on return. */
MUST_CHECK bool repointfile_store(
	const char *state_directory, const Repoint *repoint, ErrInfo *err);
/* What was for the last run goes, whatever is in it; whether there was something. */
MUST_CHECK bool repointfile_end_temporary(
	const char *state_directory, bool *there, ErrInfo *err);

/* The one that counts; borrowed; NULL: the configuration's own. */
const char *repointfile_conninfo(const Repoint *repoint);

/* The file that it is in; malloc'd; NULL: neither is there. */
char *repointfile_path(const char *state_directory);

void repointfile_clear(Repoint *repoint);

#endif /* STATE_REPOINTFILE_H */
