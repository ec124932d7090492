/*
 * sessionlog.h
 *		Who comes and goes, for the log: log_connections and log_disconnections, in
 *		PostgreSQL's words.
 */
#ifndef WORKER_SESSIONLOG_H
#define WORKER_SESSIONLOG_H

#include "base.h"

#include "worker/session.h"

/* Somebody has connected; from here on each line has the address. */
void sessionlog_received(const Session *s);

/* From here on each line has the names. */
void sessionlog_named(const Session *s);

/* A session begins, and has ended. */
void sessionlog_authorized(const Session *s);
void sessionlog_ended(const Session *s);

#endif /* WORKER_SESSIONLOG_H */
