/*
 * syslogger.c
 *		Lines to syslog(3).  See syslogger.h.
 */
#include "base.h"

#include <stdio.h>
#include <strings.h>
#include <syslog.h>

#include "util/syslogger.h"

/* openlog() keeps the pointer. */
static char kept_ident[64];

int
syslogger_facility(const char *name)
{
	static const struct
	{
		const char *name;
		int facility;
	} facilities[] = {{"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},
		{"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
		{"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7}};

	for (size_t i = 0; i < lengthof(facilities); i++)
	{
		if (strcasecmp(name, facilities[i].name) == 0)
			return facilities[i].facility;
	}
	return -1;
}

void
syslogger_open(int facility, const char *ident)
{
	closelog();
	snprintf(kept_ident, sizeof(kept_ident), "%s", ident);
	openlog(kept_ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility);
}

void
syslogger_close(void)
{
	closelog();
}

void
syslogger_write(SyslogSeverity severity, const char *text)
{
	syslog((int) severity, "%s", text);
}
