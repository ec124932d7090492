/*
 * syslogger.c
 *		Lines to the system's log.  See syslogger.h.
 *
 * As syslog(3) of the C library sends them, which waits for as long as it takes if
 * nobody reads its socket: whoever does is given a moment here, once.
 */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "util/syslogger.h"

#define LINE_SIZE 8192
/* How long it may take to make room. */
#define PATIENCE_MS 100

static struct
{
	int fd; /* -1: not connected */
	int type;
	int facility;
	char ident[64];
	bool stuck; /* it took nothing when it was last tried */
} logger = {.fd = -1};

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

/* Most take datagrams; others a stream of lines that each end with a zero byte. */
static bool
connect_to(int type)
{
	static const struct sockaddr_un addr = {
		.sun_family = AF_UNIX, .sun_path = _PATH_LOG};

	logger.fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (logger.fd < 0)
		return false;
	logger.type = type;
	if (connect(logger.fd, (const struct sockaddr *) &addr, sizeof(addr)) == 0)
		return true;
	syslogger_close();
	return false;
}

static bool
is_connected(void)
{
	return logger.fd >= 0 || connect_to(SOCK_DGRAM) ||
		   (errno == EPROTOTYPE && connect_to(SOCK_STREAM));
}

void
syslogger_open(int facility, const char *ident)
{
	syslogger_close();
	logger.facility = facility;
	snprintf(logger.ident, sizeof(logger.ident), "%s", ident);
	(void) is_connected(); /* or with the first line */
}

void
syslogger_close(void)
{
	int save_errno = errno;

	if (logger.fd >= 0)
		close(logger.fd);
	logger.fd = -1;
	errno = save_errno;
}

/* "<158>Mar  1 12:00:00 ident[4711]: text" */
static size_t
format(char line[LINE_SIZE], SyslogSeverity severity, const char *text)
{
	time_t now = time(NULL);
	char when[32];
	struct tm tm;
	int n;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	n = snprintf(line, LINE_SIZE, "<%d>%s %s[%d]: %s",
		logger.facility | (int) severity, when, logger.ident, (int) getpid(),
		text);
	return Min((size_t) Max(n, 0), LINE_SIZE - 1);
}

static bool
send_line(const char *line, size_t len)
{
	ssize_t n;

	if (!is_connected())
		return false;
	len += logger.type == SOCK_STREAM ? 1 : 0;
	n = send(logger.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t) len)
		return true;
	/* it has been started anew, or has the first part of the line: connect anew */
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		syslogger_close();
	return false;
}

bool
syslogger_write(SyslogSeverity severity, const char *text)
{
	struct pollfd fd = {.events = POLLOUT};
	char line[LINE_SIZE];
	size_t len = format(line, severity, text);
	bool ok = send_line(line, len);

	if (!ok && !logger.stuck)
	{
		fd.fd = logger.fd;
		if (fd.fd >= 0)
			(void) poll(&fd, 1, PATIENCE_MS);
		ok = send_line(line, len);
	}
	logger.stuck = !ok;
	return ok;
}
