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

#include "console/console.h"
#include "exitcode.h"
#include "process/signals.h"
#include "process/title.h"
#include "shm/board.h"
#include "util/log.h"
#include "worker/command.h"
#include "worker/session.h"
#include "worker/worker.h"

#define LISTEN_MAX 64
/* Before the next attempt when the system has refused to accept. */
#define ACCEPT_PAUSE_MS 100

static Session session;

/* Spares share the sockets: another one may have been faster. */
static int
try_accept(const ChildContext *ctx, struct sockaddr_storage *peer)
{
	static LogLimit limit;
	ErrInfo err;

	for (size_t i = 0; i < ctx->listen_count; i++)
	{
		socklen_t len = sizeof(*peer);
		int fd;

		memset(peer, 0, sizeof(*peer));
		fd = accept4(ctx->listen_fds[i], (struct sockaddr *) peer, &len,
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

static int
wait_for_connection(ChildContext *ctx, struct sockaddr_storage *peer)
{
	struct pollfd fds[LISTEN_MAX + 1];
	size_t count = Min(ctx->listen_count, LISTEN_MAX);
	int fd;

	for (size_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = ctx->listen_fds[i], .events = POLLIN};
	fds[count] = (struct pollfd){.fd = board_wake_fd(), .events = POLLIN};
	for (;;)
	{
		Config *previous;

		if (signals_stop_requested() || signals_drain_requested())
			exit(EXITCODE_OK);
		if (child_refresh_config(ctx, &previous))
			config_free(previous);
		fd = try_accept(ctx, peer);
		if (fd >= 0)
			return fd;
		if (poll(fds, (nfds_t) count + 1, -1) < 0 && errno != EINTR)
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
