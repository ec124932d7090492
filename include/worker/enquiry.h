/*
 * enquiry.h
 *		A connection to the upstream for a question.
 */
#ifndef WORKER_ENQUIRY_H
#define WORKER_ENQUIRY_H

#include "base.h"

#include <libpq-fe.h>

#include "process/child.h"
#include "process/pgconn.h"
#include "util/errinfo.h"

/*
 * Connect to where the reader has found the upstream, and see that it is still there:
 * an answer of another server could let through what is to be withheld.  A reader that
 * is on its way there is waited for, for a moment.
 *
 * The caller finishes the connection.  NULL, with err: 57P03 if the reader has not
 * found an upstream yet, or is not on this one (any more); 55000 if it is of another
 * cluster.
 */
MUST_CHECK PGconn *enquiry_connect(
	ChildContext *ctx, PgConnKind kind, const char *application, ErrInfo *err);

#endif /* WORKER_ENQUIRY_H */
