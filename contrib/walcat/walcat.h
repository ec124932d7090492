/*
 * walcat.h
 *		What the parts of walcat share: how it ends, and what it says besides.
 */
#ifndef WALCAT_H
#define WALCAT_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"

/* Exit codes, for scripts. */
#define WALCAT_OK 0
#define WALCAT_ERROR 1     /* the command line, the configuration, a file */
#define WALCAT_DAMAGED 2   /* WAL that is damaged, or that we do not know */
#define WALCAT_DELIVERED 3 /* records of the database are there */
#define WALCAT_UNPROVEN 4  /* it cannot be told whether they are */

/* "walcat: error: ...", with detail and hint, as PostgreSQL's programs do. */
void walcat_error(const ErrInfo *err);
/* Something that the user should know, to stderr as well. */
void walcat_note(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The exit code for an error. */
int walcat_exit_code(const ErrInfo *err);

#endif /* WALCAT_H */
