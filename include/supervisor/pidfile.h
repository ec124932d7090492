/*
 * pidfile.h
 *		A file with our process id in it, locked for as long as we live: the pid
 *		file of the daemon, and the lock files beside Unix sockets.
 *
 * The lock counts, not the file: one that a crash has left behind is taken over.
 */
#ifndef SUPERVISOR_PIDFILE_H
#define SUPERVISOR_PIDFILE_H

#include "base.h"

#include "util/errinfo.h"

typedef struct PidFile
{
	char *path; /* NULL: not ours */
	int fd;
} PidFile;

/*
 * Make path ours.  If another process has it, err says which, by what the file
 * says.  What is in the file stays until it is written.
 */
MUST_CHECK bool pidfile_lock(PidFile *file, const char *path, ErrInfo *err);

/* Our process id, then text (lines of its own). */
MUST_CHECK bool pidfile_write(PidFile *file, const char *text, ErrInfo *err);

/* The supervisor's end: the file goes, and the lock. */
void pidfile_remove(PidFile *file);

/* A child: it has nothing to do with the file. */
void pidfile_leave(PidFile *file);

#endif /* SUPERVISOR_PIDFILE_H */
