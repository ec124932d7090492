/*
 * logdest.c
 *		Where the lines of the log go.  See logdest.h.
 *
 * Standard error may be a pipe or a socket, and what reads it may have stopped.  It
 * is given a moment, once; then lines are lost until it reads again.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/logdest.h"
#include "util/mem.h"

/* How long a reader of standard error may take to make room. */
#define PATIENCE_MS 100

static struct
{
	LogDestination destination;
	char *file;      /* that is standard error now; NULL: the first one is */
	int first_error; /* standard error as it was, while it is a file; -1 */
	bool stuck;      /* it took nothing when it was last tried */
	bool torn;       /* a line has not gone out to its end */
} dest = {.destination = {.format = LOG_FORMAT_TEXT}, .first_error = -1};

static bool
fail_list(const char *list, ErrInfo *err)
{
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"invalid value for \"log_destination\": \"%s\"", list);
	return errinfo_hint(err, "Write \"stderr\" or \"jsonlog\", \"syslog\", or "
							 "one of the former and the latter, separated by a "
							 "comma.");
}

static bool
add_word(const char *word, size_t len, LogDestination *d)
{
	LogFormat format = LOG_FORMAT_NONE;

	if (len == 6 && strncasecmp(word, "syslog", len) == 0)
	{
		d->syslog = true;
		return true;
	}
	if (len == 6 && strncasecmp(word, "stderr", len) == 0)
		format = LOG_FORMAT_TEXT;
	else if (len == 7 && strncasecmp(word, "jsonlog", len) == 0)
		format = LOG_FORMAT_JSON;
	if (format == LOG_FORMAT_NONE ||
		(d->format != LOG_FORMAT_NONE && d->format != format))
		return false;
	d->format = format;
	return true;
}

static bool
parse_list(const char *list, LogDestination *d, ErrInfo *err)
{
	const char *at = list;

	*d = (LogDestination){0};
	for (;;)
	{
		size_t len;

		at += strspn(at, " \t");
		len = strcspn(at, ", \t");
		if (!add_word(at, len, d))
			return fail_list(list, err);
		at += len;
		at += strspn(at, " \t");
		if (*at == '\0')
			return true;
		if (*at++ != ',')
			return fail_list(list, err);
	}
}

bool
logdest_check(const char *list, ErrInfo *err)
{
	LogDestination d;

	return parse_list(list, &d, err);
}

bool
logdest_check_facility(const char *name, ErrInfo *err)
{
	if (syslogger_facility(name) >= 0)
		return true;
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"invalid value for \"syslog_facility\": \"%s\"", name);
	return errinfo_hint(err, "Write one of \"local0\" to \"local7\".");
}

bool
logdest_check_ident(const char *ident, ErrInfo *err)
{
	size_t len = strlen(ident);

	if (len >= 1 && len <= 32 && strpbrk(ident, " \t\r\n[]:/%") == NULL)
		return true;
	errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
		"invalid value for \"syslog_ident\": \"%s\"", ident);
	return errinfo_hint(
		err, "Write a name of 1 to 32 letters, digits and the like.");
}

/* O_NONBLOCK: a FIFO that nobody reads must not hold us up. */
static int
open_file(const char *path, ErrInfo *err)
{
	int fd = open(path,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		0600);

	if (fd < 0)
		errinfo_set(
			err, SQLSTATE_IO_ERROR, "could not open log file \"%s\": %m", path);
	return fd;
}

static bool
put_in_place(int fd, ErrInfo *err)
{
	bool ok = dup2(fd, STDERR_FILENO) >= 0;

	if (!ok)
		errinfo_set(
			err, SQLSTATE_IO_ERROR, "could not redirect standard error: %m");
	close(fd);
	return ok;
}

static bool
use_file(const char *path, ErrInfo *err)
{
	int fd = open_file(path, err);

	if (fd < 0)
		return false;
	if (dest.first_error < 0)
		dest.first_error =
			fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (!put_in_place(fd, err))
		return false;
	if (path != dest.file)
	{
		free(dest.file);
		dest.file = mem_strdup(path);
	}
	return true;
}

static bool
use_first(ErrInfo *err)
{
	int fd = dest.first_error;

	dest.first_error = -1;
	free(dest.file);
	dest.file = NULL;
	return fd < 0 || put_in_place(fd, err);
}

static bool
set_file(const char *path, ErrInfo *err)
{
	if (path[0] == '\0')
		return dest.file == NULL || use_first(err);
	if (dest.file != NULL && strcmp(dest.file, path) == 0)
		return true;
	return use_file(path, err);
}

bool
logdest_try_file(const char *path, ErrInfo *err)
{
	int fd = path[0] != '\0' ? open_file(path, err) : -1;

	if (fd >= 0)
		close(fd);
	return fd >= 0 || path[0] == '\0';
}

bool
logdest_set(const char *list, const char *file, const char *facility,
	const char *ident, ErrInfo *err)
{
	LogDestination d;

	if (!parse_list(list, &d, err))
		return false;
	dest.destination = d;
	if (d.syslog)
		syslogger_open(syslogger_facility(facility), ident);
	else
		syslogger_close();
	return set_file(d.format == LOG_FORMAT_NONE ? "" : file, err);
}

bool
logdest_reopen(ErrInfo *err)
{
	return dest.file == NULL || use_file(dest.file, err);
}

/* It may have been set for a standard error that we no longer have. */
static bool
is_journal(void)
{
	const char *name = getenv("JOURNAL_STREAM");
	unsigned long long device;
	unsigned long long inode;
	struct stat st;

	return name != NULL && sscanf(name, "%llu:%llu", &device, &inode) == 2 &&
		   fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
		   st.st_ino == inode;
}

const char *
logdest_mark(LogLevel level, char mark[LOGDEST_MARK_SIZE])
{
	memset(mark, '\0', LOGDEST_MARK_SIZE);
	if (is_journal())
	{
		mark[0] = '<';
		mark[1] = (char) ('0' + (int) logdest_severity(level));
		mark[2] = '>';
	}
	return mark;
}

LogDestination
logdest_get(void)
{
	return dest.destination;
}

static bool
has_room(int timeout_ms)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, timeout_ms) != 0;
}

/*
 * How much of len bytes is written at once.  A pipe that has room has it for PIPE_BUF;
 * a file takes all, and in two parts a line would have others' between them.
 */
static size_t
portion(size_t len)
{
	struct stat st;

	if (len <= PIPE_BUF ||
		(fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode)))
		return len;
	return PIPE_BUF;
}

/* What can be written at once. */
static ssize_t
write_some(const char *text, size_t len)
{
	ssize_t n = send(STDERR_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0 || errno != ENOTSOCK)
		return n;
	if (has_room(0))
		return write(STDERR_FILENO, text, portion(len));
	errno = EAGAIN;
	return -1;
}

static bool
write_all(const char *text, size_t len)
{
	bool waited = dest.stuck;

	while (len > 0)
	{
		ssize_t n = write_some(text, len);

		if (n > 0)
		{
			text += n;
			len -= (size_t) n;
			dest.torn = len > 0;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN || waited)
			return false;
		waited = true;
		(void) has_room(PATIENCE_MS);
	}
	return true;
}

bool
logdest_write(const char *text, size_t len)
{
	bool ok = (!dest.torn || write_all("\n", 1)) && write_all(text, len);

	dest.stuck = !ok;
	return ok;
}

SyslogSeverity
logdest_severity(LogLevel level)
{
	static const SyslogSeverity severities[] = {
		[LOG_DEBUG3] = SYSLOG_DEBUG,
		[LOG_DEBUG2] = SYSLOG_DEBUG,
		[LOG_DEBUG1] = SYSLOG_DEBUG,
		[LOG_INFO] = SYSLOG_INFO,
		[LOG_LOG] = SYSLOG_INFO,
		[LOG_WARNING] = SYSLOG_NOTICE,
		[LOG_ERROR] = SYSLOG_WARNING,
		[LOG_FATAL] = SYSLOG_ERROR,
		[LOG_PANIC] = SYSLOG_CRITICAL,
	};

	return severities[level];
}
