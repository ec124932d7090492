/*
 * ctlconn.h
 *		The connection to the console of a walbouncer.
 */
#ifndef CTL_CTLCONN_H
#define CTL_CTLCONN_H

#include "base.h"

#include <libpq-fe.h>

#include "ctl/ctlargs.h"
#include "util/errinfo.h"

/*
 * Connect to the one that the command line names: by -h and -p, or else where the
 * pid file says that it listens.  NULL with err set if that cannot be done.
 */
MUST_CHECK PGconn *ctlconn_open(const CtlArgs *args, ErrInfo *err);

/*
 * Run one statement.  NULL with err set, as the console put it, if that failed;
 * to be freed by PQclear otherwise.
 */
MUST_CHECK PGresult *ctlconn_run(
	PGconn *conn, const char *statement, ErrInfo *err);

#endif /* CTL_CTLCONN_H */
