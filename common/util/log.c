/*
 * log.c
 *		The server log.  See log.h.
 *
 * A line is put together in one buffer on the stack and leaves with one write,
 * so that lines of several processes do not mix.
 */
#include "base.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "util/logdest.h"
#include "util/logjson.h"
#include "util/monotime.h"

#define LINE_SIZE 4096
#define LIMIT_INTERVAL_MS 60000
/* Role and client, as they stand in a line. */
#define ADDRESS_SIZE (LOG_TEXT_SIZE + 16) /* a host with its port */
#define WHO_SIZE (2 * LOG_TEXT_SIZE + ADDRESS_SIZE)

static struct
{
	LogLevel threshold;
	LogOrigin origin;
	char who[WHO_SIZE];
	uint64_t lost; /* messages that could not be written; of syslog */
	uint64_t lost_syslog;
	volatile sig_atomic_t reopen_requested;
} self = {.threshold = LOG_LOG, .origin = {.port = -1}};

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

/* "worker berlin 192.0.2.1:41234": who serves whom. */
static void
describe_self(void)
{
	const LogOrigin *o = &self.origin;
	const char *name =
		o->application_name[0] != '\0' ? o->application_name : o->user;
	char address[ADDRESS_SIZE] = "";

	if (o->port >= 0)
		snprintf(address, sizeof(address),
			strchr(o->host, ':') != NULL ? " [%s]:%d" : " %s:%d", o->host,
			o->port);
	else if (o->host[0] != '\0')
		snprintf(address, sizeof(address), " %s", o->host);
	snprintf(self.who, sizeof(self.who), "%s%s%s%s", o->role,
		name[0] != '\0' ? " " : "", name, address);
}

void
log_set_role(const char *fmt, ...)
{
	LogOrigin *o = &self.origin;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->role, sizeof(o->role), fmt, ap);
	va_end(ap);
	if (o->pid != getpid())
	{
		o->pid = getpid();
		o->started = time(NULL);
		o->lines = 0;
	}
	describe_self();
}

void
log_set_client(
	const char *user, const char *application_name, const char *host, int port)
{
	LogOrigin *o = &self.origin;

	snprintf(o->user, sizeof(o->user), "%s", user);
	snprintf(o->application_name, sizeof(o->application_name), "%s",
		application_name);
	snprintf(o->host, sizeof(o->host), "%s", host);
	o->port = port;
	describe_self();
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

const char *
log_level_label(LogLevel level)
{
	return level_labels[level];
}

/* Append; what does not fit is cut (one byte stays free for the newline). */
static void PRINTF_LIKE(2, 3) line_add(Line *line, const char *fmt, ...)
{
	size_t room = sizeof(line->text) - 1 - line->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line->text + line->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		line->len += Min((size_t) n, room - 1);
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
add_text_line(
	Line *line, const LogEvent *event, const char *label, const char *text)
{
	size_t start = line->len;
	char mark[LOGDEST_MARK_SIZE];

	line_add(line, "%s%s [%d] %s%s%s:  %s", logdest_mark(event->level, mark),
		event->timestamp, (int) getpid(), self.who, self.who[0] ? " " : "",
		label, text);
	line_end(line, start);
}

static bool
write_text(const LogEvent *event)
{
	Line line = {.len = 0};

	add_text_line(&line, event, level_labels[event->level], event->message);
	if (event->detail[0] != '\0')
		add_text_line(&line, event, "DETAIL", event->detail);
	if (event->hint[0] != '\0')
		add_text_line(&line, event, "HINT", event->hint);
	return logdest_write(line.text, line.len);
}

static bool
write_json(const LogEvent *event)
{
	char text[LOGDEST_MARK_SIZE + LOGJSON_SIZE];
	size_t len = strlen(logdest_mark(event->level, text));

	self.origin.lines++;
	len += logjson_format(&self.origin, event, text + len);
	return logdest_write(text, len);
}

/* Time and process id are syslog's. */
static bool
write_syslog_line(LogLevel level, const char *label, const char *text)
{
	Line line = {.len = 0};

	line_add(
		&line, "%s%s%s:  %s", self.who, self.who[0] ? " " : "", label, text);
	line_end(&line, 0);
	line.text[line.len - 1] = '\0';
	return syslogger_write(logdest_severity(level), line.text);
}

static bool
write_syslog(const LogEvent *event)
{
	return write_syslog_line(
			   event->level, level_labels[event->level], event->message) &&
		   (event->detail[0] == '\0' ||
			   write_syslog_line(event->level, "DETAIL", event->detail)) &&
		   (event->hint[0] == '\0' ||
			   write_syslog_line(event->level, "HINT", event->hint));
}

/* Whoever reads the log is to know what is not in it. */
static bool
tell_lost(
	bool (*write)(const LogEvent *event), uint64_t lost, const LogEvent *like)
{
	char message[64];
	LogEvent event = *like;

	snprintf(message, sizeof(message),
		"messages that could not be written: %" PRIu64, lost);
	event.level = LOG_WARNING;
	event.message = message;
	event.sqlstate = event.detail = event.hint = "";
	return write(&event);
}

static void
deliver(
	bool (*write)(const LogEvent *event), uint64_t *lost, const LogEvent *event)
{
	if (*lost > 0 && tell_lost(write, *lost, event))
		*lost = 0;
	if (*lost > 0 || !write(event))
		++*lost;
}

static void
write_event(LogLevel level, const char *sqlstate, const char *message,
	const char *detail, const char *hint)
{
	int save_errno = errno;
	LogDestination to = logdest_get();
	LogEvent event = {.level = level,
		.sqlstate = sqlstate,
		.message = message,
		.detail = detail,
		.hint = hint};

	monotime_stamp(event.timestamp);
	if (to.format == LOG_FORMAT_TEXT)
		deliver(write_text, &self.lost, &event);
	else if (to.format == LOG_FORMAT_JSON)
		deliver(write_json, &self.lost, &event);
	if (to.syslog)
		deliver(write_syslog, &self.lost_syslog, &event);
	errno = save_errno;
}

void
log_request_reopen(void)
{
	self.reopen_requested = 1;
}

void
log_reopen_if_requested(void)
{
	ErrInfo err;

	if (!self.reopen_requested)
		return;
	self.reopen_requested = 0;
	if (!logdest_reopen(&err))
		write_event(
			LOG_WARNING, err.sqlstate, err.message, err.detail, err.hint);
}

static void PRINTF_LIKE(2, 0)
	log_vmsg(LogLevel level, const char *fmt, va_list ap)
{
	char message[LOG_MESSAGE_SIZE];
	int save_errno = errno;

	if (level < self.threshold)
		return;
	/* it may have a %m */
	vsnprintf(message, sizeof(message), fmt, ap);
	log_reopen_if_requested();
	write_event(level, "", message, "", "");
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

	if (level < self.threshold)
		return;
	log_reopen_if_requested();
	write_event(level, err->sqlstate, err->message, err->detail, err->hint);
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
	*suppressed = limit->last_ms != 0 ? limit->suppressed : 0;
	limit->suppressed = 0;
	limit->last_ms = now;
	return true;
}

/* FNV-1a */
static uint32_t
hash_text(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char) *text) * 16777619u;
	return hash;
}

void
log_err_limited(LogLimit *limit, LogLevel level, const ErrInfo *err)
{
	uint32_t message = hash_text(err->message);
	ErrInfo counted = *err;
	uint64_t suppressed;

	if (message != limit->message)
		limit->last_ms = 0;
	limit->message = message;
	if (!log_limit(limit, &suppressed))
		return;
	if (suppressed > 0 && counted.detail[0] == '\0')
		errinfo_detail(&counted,
			"That was so %" PRIu64 " times since this was last logged.",
			suppressed);
	log_err(level, &counted);
}
