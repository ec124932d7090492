/*
 * query.h
 *		What a query message asks for, and its answer.
 *
 * All answers but the last message, ReadyForQuery, are queued; false, with err, if
 * something went wrong, which the caller tells the client.
 */
#ifndef CONSOLE_QUERY_H
#define CONSOLE_QUERY_H

#include "base.h"

#include "console/console.h"
#include "pq/frame.h"
#include "util/errinfo.h"

/* The statements of a Query message, one after the other. */
MUST_CHECK bool query_simple(Console *c, const char *text, ErrInfo *err);

/* One of Parse, Bind, Describe, Execute and Close. */
MUST_CHECK bool query_extended(Console *c, const Frame *frame, ErrInfo *err);

#endif /* CONSOLE_QUERY_H */
