/*
 * logdest.h
 *		Where the lines of the log go: standard error, which may be a file, as
 *		text or JSON; and syslog.
 *
 * The file takes the place of standard error, so what a library or a command of the
 * operator's says is in it too.
 */
#ifndef UTIL_LOGDEST_H
#define UTIL_LOGDEST_H

#include "base.h"

#include "util/errinfo.h"
#include "util/log.h"
#include "util/syslogger.h"

typedef enum LogFormat
{
	LOG_FORMAT_NONE,
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON
} LogFormat;

/* log_destination. */
typedef struct LogDestination
{
	LogFormat format; /* of what goes to standard error or the file */
	bool syslog;
} LogDestination;

/* Checks for the table of options: log_destination, syslog_facility, syslog_ident. */
MUST_CHECK bool logdest_check(const char *list, ErrInfo *err);
MUST_CHECK bool logdest_check_facility(const char *name, ErrInfo *err);
MUST_CHECK bool logdest_check_ident(const char *ident, ErrInfo *err);

/* Whether log_file can be opened; it is made if it is missing.  "" can. */
MUST_CHECK bool logdest_try_file(const char *path, ErrInfo *err);

/*
 * Write there from here on.  The arguments have been checked; file is "" for
 * standard error as it was at first.  False, with err, if the file cannot be
 * opened: then the place is the old one, and the rest is as it was asked for.
 */
MUST_CHECK bool logdest_set(const char *list, const char *file,
	const char *facility, const char *ident, ErrInfo *err);

/* Open the file anew.  False, with err, if that cannot be: the old one stays. */
MUST_CHECK bool logdest_reopen(ErrInfo *err);

/* Standard error as text, until something else is set. */
LogDestination logdest_get(void);

/*
 * What each line there has to begin with, see sd-daemon(3): its severity, "<5>", if
 * standard error is the journal's, "" if not.
 */
#define LOGDEST_MARK_SIZE 4
const char *logdest_mark(LogLevel level, char mark[LOGDEST_MARK_SIZE]);

/*
 * To standard error or the file.  False if it did not take all of it, within a
 * moment if that is what it takes; it is never waited for longer.
 */
MUST_CHECK bool logdest_write(const char *text, size_t len);

/* PostgreSQL's mapping, its documentation, "Message Severity Levels". */
SyslogSeverity logdest_severity(LogLevel level);

#endif /* UTIL_LOGDEST_H */
