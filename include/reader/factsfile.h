/*
 * factsfile.h
 *		What is known of the upstream, on disk: so that standbys are served from the
 *		spool after a restart too, and nobody is taken for the upstream that is not.
 */
#ifndef READER_FACTSFILE_H
#define READER_FACTSFILE_H

#include "base.h"

#include "shm/facts.h"
#include "util/errinfo.h"

/*
 * state_directory/upstream, in place of what was there.  Of the history only the
 * timeline's number is in it: its file is in the spool.
 */
MUST_CHECK bool factsfile_write(
	const char *state_directory, const Facts *facts, ErrInfo *err);

/* False if there is none (err is clear), or it is not good. */
MUST_CHECK bool factsfile_read(
	const char *state_directory, Facts *facts, ErrInfo *err);

#endif /* READER_FACTSFILE_H */
