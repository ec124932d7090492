/*
 * log.c
 *		The server log.  See log.h.
 *
 * A line is put together in one buffer on the stack and leaves with one write,
 * so that lines of several processes do not mix.
 */
#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "util/monotime.h"

#define LINE_SIZE 4096
#define LIMIT_INTERVAL_MS 60000

static struct
{
	LogLevel threshold;
	char role[128];
} self = {.threshold = LOG_LOG};

static const char *const level_names[] = {
	[LOG_DEBUG3] = "debug3",
	[LOG_DEBUG2] = "debug2",
	[LOG_DEBUG1] = "debug1",
	[LOG_INFO] = "info",
	[LOG_LOG] = "log",
	[LOG_WARNING] = "warning",
	[LOG_ERROR] = "error",
	[LOG_FATAL] = "fatal",
	[LOG_PANIC] = "panic",
};

static const char *const level_labels[] = {
	[LOG_DEBUG3] = "DEBUG",
	[LOG_DEBUG2] = "DEBUG",
	[LOG_DEBUG1] = "DEBUG",
	[LOG_INFO] = "INFO",
	[LOG_LOG] = "LOG",
	[LOG_WARNING] = "WARNING",
	[LOG_ERROR] = "ERROR",
	[LOG_FATAL] = "FATAL",
	[LOG_PANIC] = "PANIC",
};

typedef struct Line
{
	char text[LINE_SIZE];
	size_t len;
} Line;

void
log_set_threshold(LogLevel level)
{
	self.threshold = level;
}

bool
log_enabled(LogLevel level)
{
	return level >= self.threshold;
}

void
log_set_role(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(self.role, sizeof(self.role), fmt, ap);
	va_end(ap);
}

const char *
log_level_name(LogLevel level)
{
	return level_names[level];
}

bool
log_level_parse(const char *name, LogLevel *level)
{
	for (size_t i = 0; i < lengthof(level_names); i++)
	{
		if (strcasecmp(name, level_names[i]) == 0)
		{
			*level = (LogLevel) i;
			return true;
		}
	}
	return false;
}

/* Append; what does not fit is cut (one byte stays free for the newline). */
static void PRINTF_LIKE(2, 0)
line_vadd(Line *line, const char *fmt, va_list ap)
{
	size_t room = sizeof(line->text) - 1 - line->len;
	int n = vsnprintf(line->text + line->len, room, fmt, ap);

	if (n > 0)
		line->len += Min((size_t) n, room - 1);
}

static void PRINTF_LIKE(2, 3) line_add(Line *line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_vadd(line, fmt, ap);
	va_end(ap);
}

static void
line_begin(Line *line, const char *label)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	line_add(line, "%s.%03ld UTC [%d] %s%s%s:  ", stamp,
		now.tv_nsec / 1000000, (int) getpid(), self.role,
		self.role[0] ? " " : "", label);
}

/* Control characters from outside must not forge lines of the log. */
static void
line_end(Line *line, size_t start)
{
	for (size_t i = start; i < line->len; i++)
	{
		unsigned char c = (unsigned char) line->text[i];

		if (c < 0x20 || c == 0x7f)
			line->text[i] = ' ';
	}
	line->text[line->len++] = '\n';
}

static void
write_all(const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t n = write(STDERR_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nobody left to tell */
		text += n;
		len -= (size_t) n;
	}
}

static void PRINTF_LIKE(2, 0)
log_vmsg(LogLevel level, const char *fmt, va_list ap)
{
	int save_errno = errno;
	Line line = {.len = 0};

	if (!log_enabled(level))
		return;
	line_begin(&line, level_labels[level]);
	line_vadd(&line, fmt, ap);
	line_end(&line, 0);
	write_all(line.text, line.len);
	errno = save_errno;
}

void
log_msg(LogLevel level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(level, fmt, ap);
	va_end(ap);
}

void
log_err(LogLevel level, const ErrInfo *err)
{
	int save_errno = errno;
	Line line = {.len = 0};
	size_t start;

	if (!log_enabled(level))
		return;
	line_begin(&line, level_labels[level]);
	line_add(&line, "%s", err->message);
	line_end(&line, 0);
	if (err->detail[0] != '\0')
	{
		start = line.len;
		line_begin(&line, "DETAIL");
		line_add(&line, "%s", err->detail);
		line_end(&line, start);
	}
	if (err->hint[0] != '\0')
	{
		start = line.len;
		line_begin(&line, "HINT");
		line_add(&line, "%s", err->hint);
		line_end(&line, start);
	}
	write_all(line.text, line.len);
	errno = save_errno;
}

void
log_fatal(int exit_code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(LOG_FATAL, fmt, ap);
	va_end(ap);
	exit(exit_code);
}

void
log_fatal_err(int exit_code, const ErrInfo *err)
{
	log_err(LOG_FATAL, err);
	exit(exit_code);
}

bool
log_limit(LogLimit *limit, uint64_t *suppressed)
{
	int64_t now = monotime_ms();

	if (limit->last_ms != 0 && now - limit->last_ms < LIMIT_INTERVAL_MS)
	{
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->last_ms = now;
	return true;
}
