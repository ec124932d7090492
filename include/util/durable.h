/*
 * durable.h
 *		Files whose names and contents outlive a crash of the system: written to a
 *		temporary name, fsynced, renamed, and the directory fsynced (fd.c,
 *		durable_rename).
 *
 * All return false, with err (58030, or 53100 for a full disk), on failure.
 */
#ifndef UTIL_DURABLE_H
#define UTIL_DURABLE_H

#include "base.h"

#include "util/errinfo.h"

#define DURABLE_PATH_SIZE 1600

/* Make a directory (0700) if there is none; its parent is fsynced then. */
MUST_CHECK bool durable_make_directory(const char *path, ErrInfo *err);

/* fsync the directory that path is in. */
MUST_CHECK bool durable_sync_parent(const char *path, ErrInfo *err);

/* The content has been fsynced: only the name is to become durable. */
MUST_CHECK bool durable_rename(const char *from, const char *to, ErrInfo *err);

/* Put len bytes at path, in place of what is there. */
MUST_CHECK bool durable_replace(
	const char *path, const void *data, size_t len, ErrInfo *err);

/*
 * Remove what durable_replace has left in a directory when it was killed.  Only
 * while nobody replaces a file there.  What cannot be removed is in nobody's way.
 */
void durable_sweep(const char *directory);

/*
 * Read a whole file of at most max bytes: malloc'd, with a zero byte behind it.
 * NULL, with err, on failure; *missing says that there is none.
 */
MUST_CHECK char *durable_read(
	const char *path, size_t max, size_t *len, bool *missing, ErrInfo *err);

/* What the last system call said of path, into err. */
bool durable_error(const char *what, const char *path, ErrInfo *err);

#endif /* UTIL_DURABLE_H */
