/*
 * notify.c
 *		The protocol of sd_notify(3).  See notify.h.
 *
 * A message is one datagram of lines VARIABLE=value.  The address is used anew for
 * each, since the manager makes its socket anew when it is restarted.
 */
#include "base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/notify.h"
#include "util/errinfo.h"
#include "util/log.h"
#include "util/monotime.h"

#define STATUS_INTERVAL_MS 3000
#define RETRY_MS 200
#define MESSAGE_SIZE (NOTIFY_STATUS_SIZE + 128)

static struct
{
	int fd; /* -1: there is no manager */
	struct sockaddr_un addr;
	socklen_t addr_len;
	void (*describe)(char *text, size_t size);
	char unsent[MESSAGE_SIZE]; /* a change of state; "" none */
	int64_t retry_at_ms;
	int watchdog_ms; /* from one sign of life to the next; 0: none is wanted */
	int64_t watchdog_at_ms;
	int64_t status_at_ms;
	char status[NOTIFY_STATUS_SIZE]; /* the last that was told */
	LogLimit limit;
} notify = {.fd = -1};

/* A path, or "@name" in the abstract namespace. */
static bool
set_address(const char *name)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || name[1] == '\0' ||
		len >= sizeof(notify.addr.sun_path))
		return false;
	notify.addr.sun_family = AF_UNIX;
	memcpy(notify.addr.sun_path, name, len + 1);
	notify.addr_len =
		(socklen_t) (offsetof(struct sockaddr_un, sun_path) + len);
	if (name[0] == '@')
		notify.addr.sun_path[0] = '\0';
	else
		notify.addr_len++;
	return true;
}

/* False if the manager did not take it. */
static bool
send_message(const char *text)
{
	ErrInfo err;

	if (sendto(notify.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
			(const struct sockaddr *) &notify.addr, notify.addr_len) >= 0)
		return true;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return false;
	errinfo_set(
		&err, SQLSTATE_IO_ERROR, "could not notify the service manager: %m");
	log_err_limited(&notify.limit, LOG_WARNING, &err);
	return false;
}

/* A change of state: the latest one has to arrive. */
static void
send_state(const char *text)
{
	notify.unsent[0] = '\0';
	if (notify.fd < 0 || send_message(text))
		return;
	snprintf(notify.unsent, sizeof(notify.unsent), "%s", text);
	notify.retry_at_ms = monotime_ms() + RETRY_MS;
}

/* In microseconds, as the manager gave it; half of that is sd_watchdog(3)'s advice. */
static void
set_up_watchdog(void)
{
	const char *interval = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	unsigned long long us;

	if (interval == NULL || (pid != NULL && atoll(pid) != getpid()))
		return;
	us = strtoull(interval, NULL, 10);
	if (us == 0)
		return;
	notify.watchdog_ms = (int) Min(Max(us / 2000, 1), INT32_MAX);
	notify.watchdog_at_ms = monotime_ms();
}

void
notify_open(void (*describe)(char *text, size_t size))
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (name != NULL)
	{
		notify.describe = describe;
		if (!set_address(name))
			log_msg(LOG_WARNING,
				"cannot notify the service manager: \"%s\" in NOTIFY_SOCKET "
				"is no address",
				name);
		else if ((notify.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) <
				 0)
			log_msg(LOG_WARNING, "could not create a Unix socket: %m");
		else
			set_up_watchdog();
		/* READY comes with the first */
		notify.status_at_ms = monotime_ms() + STATUS_INTERVAL_MS;
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void
notify_leave(void)
{
	if (notify.fd >= 0)
		close(notify.fd);
	notify.fd = -1;
}

void
notify_ready(void)
{
	char text[MESSAGE_SIZE];

	if (notify.fd < 0)
		return;
	notify.describe(notify.status, sizeof(notify.status));
	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d\nSTATUS=%s",
		(int) getpid(), notify.status);
	send_state(text);
	notify.status_at_ms = monotime_ms() + STATUS_INTERVAL_MS;
}

void
notify_reloading(void)
{
	struct timespec now;
	char text[MESSAGE_SIZE];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		(long long) now.tv_sec * 1000000 + now.tv_nsec / 1000);
	send_state(text);
}

void
notify_stopping(int longest_ms)
{
	char text[MESSAGE_SIZE];

	snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
		(long long) longest_ms * 1000);
	send_state(text);
	notify.status_at_ms = monotime_ms();
}

/* What is lost of these comes again with the next. */
static void
tell_status(int64_t now_ms)
{
	char status[NOTIFY_STATUS_SIZE];
	char text[MESSAGE_SIZE];

	notify.status_at_ms = now_ms + STATUS_INTERVAL_MS;
	notify.describe(status, sizeof(status));
	if (strcmp(status, notify.status) == 0)
		return;
	snprintf(text, sizeof(text), "STATUS=%s", status);
	if (send_message(text))
		memcpy(notify.status, status, sizeof(status));
}

int64_t
notify_tick(int64_t now_ms)
{
	int64_t next_ms;

	if (notify.fd < 0)
		return 0;
	if (notify.unsent[0] != '\0' && now_ms >= notify.retry_at_ms)
	{
		char text[MESSAGE_SIZE];

		memcpy(text, notify.unsent, sizeof(text));
		send_state(text);
	}
	if (notify.watchdog_ms > 0 && now_ms >= notify.watchdog_at_ms)
	{
		bool taken = send_message("WATCHDOG=1");

		/* one that is missing leaves no time until the next */
		notify.watchdog_at_ms =
			now_ms +
			(taken ? notify.watchdog_ms : Min(notify.watchdog_ms, RETRY_MS));
	}
	if (now_ms >= notify.status_at_ms)
		tell_status(now_ms);
	next_ms = notify.status_at_ms;
	if (notify.watchdog_ms > 0)
		next_ms = Min(next_ms, notify.watchdog_at_ms);
	if (notify.unsent[0] != '\0')
		next_ms = Min(next_ms, notify.retry_at_ms);
	return next_ms;
}
