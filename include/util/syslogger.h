/*
 * syslogger.h
 *		Lines to the system's log.  The macros of <syslog.h> have the names of our
 *		levels: the one file that includes it is syslogger.c, and that includes no
 *		log.h.
 */
#ifndef UTIL_SYSLOGGER_H
#define UTIL_SYSLOGGER_H

#include "base.h"

/* The severities of RFC 5424. */
typedef enum SyslogSeverity
{
	SYSLOG_CRITICAL = 2,
	SYSLOG_ERROR = 3,
	SYSLOG_WARNING = 4,
	SYSLOG_NOTICE = 5,
	SYSLOG_INFO = 6,
	SYSLOG_DEBUG = 7
} SyslogSeverity;

/* "local0" to "local7"; what syslog(3) calls it, or -1. */
int syslogger_facility(const char *name);

/* From here on; ident is copied. */
void syslogger_open(int facility, const char *ident);
void syslogger_close(void);

/*
 * A line, without a newline.  False if it was not taken, within a moment if that is
 * what it takes; it is never waited for longer.
 */
MUST_CHECK bool syslogger_write(SyslogSeverity severity, const char *text);

#endif /* UTIL_SYSLOGGER_H */
