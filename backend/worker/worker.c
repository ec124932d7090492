/*
 * worker.c
 *		The worker process.
 *
 * What for: it serves one standby, or one operator at the console, from the first
 * byte of its connection to the last, and nobody else.
 *
 * Started by the supervisor ahead of need: spare_workers of them wait in
 * accept() on the listening sockets.  A worker that has accepted tells the
 * supervisor, which starts another spare.
 *
 * Ends normally when its client leaves, with an error that its client has been
 * told, on TERM (the stream ends as at a server's shutdown), or on USR2 once the
 * standby has confirmed everything.  Its clean-up is its exit.
 *
 * Ends in an emergency on QUIT, at once.
 *
 * If it crashes its standby reconnects, and nobody else notices: all shared
 * memory but its own cell is read-only to it, mapped so that it cannot change
 * that.
 *
 * Writes its own cell, the scope journal of its rule, the ledger and the slot of
 * its standby; for an operator the list of those who are paused, and where the
 * upstream is.
 *
 * Must never: make another process wait, or trust a length that came from the
 * standby or from the upstream.
 */
#include "base.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console/admit.h"
#include "console/console.h"
#include "exitcode.h"
#include "pq/message.h"
#include "process/signals.h"
#include "process/title.h"
#include "shm/board.h"
#include "util/log.h"
#include "worker/command.h"
#include "worker/places.h"
#include "worker/session.h"
#include "worker/worker.h"

#define LISTEN_MAX 64
/* Before the next attempt when the system has refused to accept, or no place is left. */
#define ACCEPT_PAUSE_MS 100
/* Words for one who gets no session. */
#define REFUSAL_MAX 1024

typedef struct Doors
{
	int fds[LISTEN_MAX]; /* listening sockets, Unix-domain ones first */
	size_t local_count;
	size_t count;
	size_t next; /* to be looked at first */
} Doors;

static Session session;

static bool
is_local(int fd)
{
	int domain;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		   domain == AF_UNIX;
}

static void
find_doors(const ChildContext *ctx, Doors *doors)
{
	*doors = (Doors){0};
	for (int local = 1; local >= 0; local--)
	{
		for (size_t i = 0; i < ctx->listen_count; i++)
		{
			if (is_local(ctx->listen_fds[i]) == (local != 0) &&
				doors->count < LISTEN_MAX)
				doors->fds[doors->count++] = ctx->listen_fds[i];
		}
		if (local != 0)
			doors->local_count = doors->count;
	}
}

/*
 * At one of the first count doors; -1 if nobody is there: spares share the sockets,
 * another one may have been faster.  In turn, so that a crowd at one of them does not
 * keep us from the others.
 */
static int
try_accept(Doors *doors, size_t count, struct sockaddr_storage *peer)
{
	static LogLimit limit;
	ErrInfo err;

	for (size_t i = 0; i < count; i++)
	{
		socklen_t len = sizeof(*peer);
		int fd;

		doors->next = (doors->next + 1) % count;
		memset(peer, 0, sizeof(*peer));
		fd = accept4(doors->fds[doors->next], (struct sockaddr *) peer, &len,
			SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR &&
			errno != ECONNABORTED)
		{
			errinfo_set(&err, SQLSTATE_CONNECTION_FAILURE,
				"could not accept a connection: %m");
			log_err_limited(&limit, LOG_WARNING, &err);
			/* too many open files, say: the connection stays there meanwhile */
			poll(NULL, 0, ACCEPT_PAUSE_MS);
		}
	}
	return -1;
}

/*
 * Told so without a word of its own, as PostgreSQL does when it cannot fork: those who
 * operate may stand behind it.
 */
static void
turn_away(int fd)
{
	static LogLimit limit;
	ErrInfo err;
	Buf words;

	places_error(&err);
	log_err_limited(&limit, LOG_WARNING, &err);
	buf_init(&words, REFUSAL_MAX);
	message_error(&words, "FATAL", &err);
	(void) send(fd, words.data, words.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_clear(&words);
	close(fd);
}

/*
 * When the places for clients are gone those who come over TCP wait, in the backlog;
 * those who say nothing will leave.
 */
static int
wait_for_connection(ChildContext *ctx, struct sockaddr_storage *peer)
{
	Doors doors;
	struct pollfd fds[1 + LISTEN_MAX];

	find_doors(ctx, &doors);
	fds[0] = (struct pollfd){.fd = board_wake_fd(), .events = POLLIN};
	for (size_t i = 0; i < doors.count; i++)
		fds[1 + i] = (struct pollfd){.fd = doors.fds[i], .events = POLLIN};
	for (;;)
	{
		Config *previous;
		bool gone;
		size_t count;
		int fd;

		if (signals_stop_requested() || signals_drain_requested())
			exit(EXITCODE_OK);
		if (child_refresh_config(ctx, &previous))
			config_free(previous);
		gone = places_are_gone(ctx->config);
		count = gone ? doors.local_count : doors.count;
		fd = try_accept(&doors, count, peer);
		if (fd >= 0)
		{
			if (!gone || admit_may_operate(fd, ctx->config))
				return fd;
			turn_away(fd);
			continue;
		}
		if (poll(fds, (nfds_t) count + 1, gone ? ACCEPT_PAUSE_MS : -1) < 0 &&
			errno != EINTR)
			log_fatal(EXITCODE_STARTUP, "could not wait for a connection: %m");
		board_sleep_end();
	}
}

static void
set_up_socket(int fd, const struct sockaddr_storage *peer)
{
	int on = 1;

	if (peer->ss_family == AF_UNIX)
		return;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) != 0)
		log_msg(LOG_WARNING, "could not set up a connection: %m");
}

void
worker_main(ChildContext *ctx)
{
	struct sockaddr_storage peer;
	int fd;

	title_set("spare worker");
	board_set_state(CELL_SPARE);
	fd = wait_for_connection(ctx, &peer);
	board_set_state(CELL_STARTUP);
	board_wake_supervisor();
	for (size_t i = 0; i < ctx->listen_count; i++)
		close(ctx->listen_fds[i]);
	set_up_socket(fd, &peer);
	session_start(&session, ctx, fd, &peer);
	if (session.role != CONSOLE_ROLE_NONE)
		console_run(&session);
	command_loop(&session);
}
