/*
 * log.h
 *		The server log: one event is one line and one write(2) to stderr.
 *
 * A line reads as PostgreSQL's does:
 *
 *	2026-03-01 12:00:00.000 UTC [4711] reader LOG:  streaming from upstream at 0/3000000
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
bool log_enabled(LogLevel level);

/*
 * What stands behind the process id in each line: the role of this process and,
 * in a worker, whom it serves.  Copied; "" for none.
 */
void log_set_role(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A line (detail and hint of err become lines of their own, in the same write). */
void log_msg(LogLevel level, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_err(LogLevel level, const ErrInfo *err);

/* As log_msg/log_err at LOG_FATAL; then the process exits with exit_code. */
void log_fatal(int exit_code, const char *fmt, ...) PRINTF_LIKE(2, 3) NORETURN;
void log_fatal_err(int exit_code, const ErrInfo *err) NORETURN;

/* The name of a level as configured and printed ("log", "debug1"), and back. */
const char *log_level_name(LogLevel level);
MUST_CHECK bool log_level_parse(const char *name, LogLevel *level);

/*
 * One line a minute for something that repeats: true if the caller should log
 * now.  *suppressed is how often it has been kept quiet since the last time.
 */
typedef struct LogLimit
{
	int64_t last_ms; /* monotonic; 0 before the first */
	uint64_t suppressed;
} LogLimit;
MUST_CHECK bool log_limit(LogLimit *limit, uint64_t *suppressed);

#endif /* UTIL_LOG_H */
