/*
 * candidate.c
 *		Looking at a server before it becomes the upstream.  See candidate.h.
 *
 * libpq and the resolver block, for as long as several hosts take to time out.  So
 * that the operator can think better of it meanwhile, a process of its own asks the
 * server the questions that the reader asks, writes what it has found into a pipe,
 * and ends; one that is not wanted any more is killed.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console/candidate.h"
#include "exitcode.h"
#include "process/title.h"
#include "shm/board.h"
#include "shm/ring.h"
#include "source/meet.h"
#include "util/net.h"

/* Several hosts, each with its connect_timeout. */
#define PATIENCE_MS 120000

/* What comes through the pipe. */
typedef struct Finding
{
	bool good;
	ErrInfo err; /* if not */
	Candidate candidate;
} Finding;

/*
 * Whether the server is we ourselves: then one of our workers has the process id that
 * it has told, and the names that we have given.
 */
static bool
is_self(PGconn *conn)
{
	const char *name = PQparameterStatus(conn, "application_name");

	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;

		if (board_view(i, &view) && view.pid == PQbackendPID(conn) &&
			strcmp(view.status.user, PQuser(conn)) == 0 && name != NULL &&
			strcmp(view.status.application_name, name) == 0)
			return true;
	}
	return false;
}

/* As far as it tells: hot standbys of 13 only that they are read-only. */
static bool
is_in_recovery(const Upstream *up)
{
	const char *value = PQparameterStatus(up->conn, "in_hot_standby");

	if (value == NULL)
		value = facts_setting(&up->facts, "transaction_read_only");
	return value != NULL && strcmp(value, "on") == 0;
}

/* Whether one of our clients, "ADDRESS:PORT" or "[local]", is on the machine of another. */
static bool
is_neighbour(const char *client, const struct sockaddr *other)
{
	char text[NET_TEXT_SIZE];

	if (net_is_local(other))
		return strncmp(client, "127.", 4) == 0 ||
			   strncmp(client, "[::1]:", 6) == 0 ||
			   strcmp(client, "[local]") == 0;
	net_format(other, text);
	return strncmp(client, text, (size_t) (strrchr(text, ':') + 1 - text)) == 0;
}

/*
 * A standby of ours has nothing but what it gets from us.  No server says where it
 * has its WAL from to those who may only replicate, so this goes by addresses, and the
 * operator decides.
 */
static void
find_standbys(const Upstream *up, Candidate *found)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	size_t len = 0;

	if (!is_in_recovery(up) || getpeername(PQsocket(up->conn),
								   (struct sockaddr *) &peer, &peer_len) != 0)
		return;
	for (int i = BOARD_FIRST_WORKER;
		 i < board_cell_count() && len < sizeof(found->standbys); i++)
	{
		BoardView view;

		if (board_view(i, &view) && board_is_stream(view.state) &&
			is_neighbour(view.status.peer, (const struct sockaddr *) &peer))
			len += (size_t) snprintf(found->standbys + len,
				sizeof(found->standbys) - len, "%s\"%s\"", len > 0 ? ", " : "",
				view.status.application_name);
	}
}

static bool
look(const ChildContext *ctx, const Config *config, Candidate *found,
	ErrInfo *err)
{
	static Upstream up;
	Position position = position_here(ctx->ring);

	if (!meet_upstream(config, ctx->ring, &position, &up, err))
		return false;
	if (is_self(up.conn))
	{
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"the server at %s port %s is this walbouncer itself", up.facts.host,
			up.facts.port);
		return false;
	}
	memcpy(found->host, up.facts.host, sizeof(found->host));
	memcpy(found->hostaddr, up.facts.hostaddr, sizeof(found->hostaddr));
	memcpy(found->port, up.facts.port, sizeof(found->port));
	found->system_identifier = up.facts.system_identifier;
	found->tli = up.facts.tli;
	find_standbys(&up, found);
	PQfinish(up.conn);
	return true;
}

static void be_scout(const ChildContext *ctx, const Config *config,
	pid_t parent, int fd) NORETURN;

/* In the process of its own: signals are for the session that it belongs to. */
static void
be_scout(const ChildContext *ctx, const Config *config, pid_t parent, int fd)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGUSR2};
	Finding finding;
	ssize_t n;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(EXITCODE_SESSION);
	for (size_t i = 0; i < lengthof(signals); i++)
		signal(signals[i], SIG_DFL);
	title_set("console looking at an upstream");
	memset(&finding, 0, sizeof(finding));
	finding.good = look(ctx, config, &finding.candidate, &finding.err);
	n = write(fd, &finding, sizeof(finding));
	_exit(n == (ssize_t) sizeof(finding) ? EXITCODE_OK : EXITCODE_SESSION);
}

static bool
is_readable(void *arg)
{
	const int *from = arg;
	struct pollfd fd = {.fd = *from, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

/* Wait for what the process has to say. */
static bool
hear(Console *c, int fd, Finding *finding, ErrInfo *err)
{
	bool in_time;

	if (!console_wait(c, is_readable, &fd, PATIENCE_MS, &in_time, err))
		return false;
	if (!in_time)
		return errinfo_set(err, SQLSTATE_CANNOT_CONNECT,
			"the server has not been found good within %d s",
			PATIENCE_MS / 1000);
	/* shorter than PIPE_BUF: it is there as a whole or not at all */
	if (read(fd, finding, sizeof(*finding)) != (ssize_t) sizeof(*finding))
		return errinfo_set(err, SQLSTATE_INTERNAL_ERROR,
			"the process that looks at the server has died");
	if (!finding->good)
		*err = finding->err;
	return finding->good;
}

bool
candidate_check(
	Console *c, const Config *config, Candidate *found, ErrInfo *err)
{
	pid_t parent = getpid();
	Finding finding;
	int fds[2];
	pid_t pid;
	bool ok;

	_Static_assert(sizeof(Finding) <= 4096, "longer than PIPE_BUF");
	if (pipe2(fds, O_CLOEXEC) != 0)
		return errinfo_set(
			err, SQLSTATE_INTERNAL_ERROR, "could not create a pipe: %m");
	pid = fork();
	if (pid == 0)
	{
		close(fds[0]);
		be_scout(c->session->ctx, config, parent, fds[1]);
	}
	close(fds[1]);
	if (pid < 0)
	{
		close(fds[0]);
		return errinfo_set(
			err, SQLSTATE_INTERNAL_ERROR, "could not start a process: %m");
	}
	ok = hear(c, fds[0], &finding, err);
	if (ok)
		*found = finding.candidate;
	close(fds[0]);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return ok;
}
