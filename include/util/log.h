/*
 * log.h
 *		The server log: one event is one line and one write(2).
 *
 * A line reads as PostgreSQL's does:
 *
 *	2026-03-01 12:00:00.000 UTC [4711] reader LOG:  streaming from upstream at 0/3000000
 *
 * or is a JSON object (logjson.h), or goes to syslog: see logdest.h.
 *
 * Never call these from a signal handler.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include "base.h"

#include "util/errinfo.h"

/* By who acts on it; ordered, so that a threshold can be compared. */
typedef enum LogLevel
{
	LOG_DEBUG3,
	LOG_DEBUG2,
	LOG_DEBUG1,	 /* developers */
	LOG_INFO,	 /* per connection */
	LOG_LOG,	 /* started, reloaded, a standby came or went */
	LOG_WARNING, /* the operator should look */
	LOG_ERROR,	 /* one session ends */
	LOG_FATAL,	 /* one process ends */
	LOG_PANIC	 /* our own mistake */
} LogLevel;

/* Lines below this level are not written.  LOG_LOG until it is set. */
void log_set_threshold(LogLevel level);

/* What this process is, in each of its lines.  Copied; "" for nothing. */
void log_set_role(const char *fmt, ...) PRINTF_LIKE(1, 2);

/*
 * A worker: whom it serves, in each of its lines.  Copied; "" for what is not known
 * (yet); port is -1 for a Unix-domain socket.
 */
void log_set_client(
	const char *user, const char *application_name, const char *host, int port);

/* A line (detail and hint of err become lines of their own, in the same write). */
void log_msg(LogLevel level, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_err(LogLevel level, const ErrInfo *err);

/* As log_msg/log_err at LOG_FATAL; then the process exits with exit_code. */
void log_fatal(int exit_code, const char *fmt, ...) PRINTF_LIKE(2, 3) NORETURN;
void log_fatal_err(int exit_code, const ErrInfo *err) NORETURN;

/*
 * Have the log file opened anew, since it has been moved: before the next line, or
 * by log_reopen_if_requested().  For signal handlers.
 */
void log_request_reopen(void);
void log_reopen_if_requested(void);

/* The name of a level as configured and printed ("log", "debug1"), and back. */
const char *log_level_name(LogLevel level);
MUST_CHECK bool log_level_parse(const char *name, LogLevel *level);
/* As it stands in a line: "LOG", "DEBUG". */
const char *log_level_label(LogLevel level);

/*
 * One line a minute for something that repeats: true if the caller should log
 * now.  *suppressed is how often it has been kept quiet since the last time.
 */
typedef struct LogLimit
{
	int64_t last_ms; /* monotonic; 0 before the first */
	uint64_t suppressed;
	uint32_t message; /* the last one's hash, of log_err_limited() */
} LogLimit;
MUST_CHECK bool log_limit(LogLimit *limit, uint64_t *suppressed);

/*
 * The same for a condition that may last: log err, unless the last of these had the
 * same message within the last minute.
 */
void log_err_limited(LogLimit *limit, LogLevel level, const ErrInfo *err);

#endif /* UTIL_LOG_H */
