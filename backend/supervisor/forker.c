/*
 * forker.c
 *		Birth and death of children.  See forker.h.
 *
 * The supervisor has its signals blocked at all times and takes them from a
 * signalfd.  So a child is born with them blocked, and with no handler of ours:
 * one that is sent to it before it is ready waits until it is.
 */
#include "base.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exitcode.h"
#include "monitor/monitor.h"
#include "reader/reader.h"
#include "shm/control.h"
#include "spooler/spooler.h"
#include "supervisor/forker.h"
#include "supervisor/runstate.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"
#include "worker/worker.h"

typedef struct Child
{
	pid_t pid; /* 0: none */
	int64_t born_ms;
	int signalled; /* the strongest signal that we sent; 0: none */
} Child;

static struct
{
	void (*leave)(bool is_worker);
	Child *children; /* by cell */
	int count;
} forker;

void
forker_init(void (*leave)(bool is_worker))
{
	forker.leave = leave;
	forker.children =
		mem_alloc0((size_t) board_cell_count() * sizeof(*forker.children));
}

static void be_child(ChildContext *ctx, pid_t parent) NORETURN;

static void
be_child(ChildContext *ctx, pid_t parent)
{
	bool is_worker = ctx->cell >= BOARD_FIRST_WORKER;

	forker.leave(is_worker);
	child_begin(
		ctx, parent, is_worker ? "spare worker" : board_cell_name(ctx->cell));
	if (is_worker)
		worker_main(ctx);
	if (ctx->cell == BOARD_SPOOLER)
		spooler_main(ctx);
	if (ctx->cell == BOARD_MONITOR)
		monitor_main(ctx);
	reader_main(ctx);
}

bool
forker_start(int cell, ChildContext *ctx)
{
	pid_t parent = getpid();
	pid_t pid;
	int save_errno;

	ctx->cell = cell;
	board_reset_cell(cell, CELL_STARTING, 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_child(ctx, parent);
	if (pid < 0)
	{
		save_errno = errno;
		board_reset_cell(cell, CELL_FREE, 0);
		errno = save_errno;
		return false;
	}
	forker.children[cell] = (Child){.pid = pid, .born_ms = monotime_ms()};
	forker.count++;
	log_msg(
		LOG_DEBUG1, "started %s (PID %d)", board_cell_name(cell), (int) pid);
	return true;
}

pid_t
forker_pid(int cell)
{
	return forker.children[cell].pid;
}

int
forker_count(void)
{
	return forker.count;
}

void
forker_signal(int cell, int signo)
{
	Child *child = &forker.children[cell];

	if (child->pid == 0 || !runstate_stronger(signo, child->signalled))
		return;
	child->signalled = signo;
	if (kill(child->pid, signo) != 0)
		log_msg(LOG_WARNING, "could not send signal %d to process %d: %m",
			signo, (int) child->pid);
}

void
forker_signal_all(int signo)
{
	for (int i = 0; i < board_cell_count(); i++)
	{
		if (forker.children[i].pid != 0)
			(void) kill(forker.children[i].pid, signo);
	}
}

static int
find_cell(pid_t pid)
{
	for (int i = 0; i < board_cell_count(); i++)
	{
		if (forker.children[i].pid == pid)
			return i;
	}
	return -1;
}

/* A quiet end is one that the child chose, or that we did. */
static void
log_end(int cell, const Child *child, int status)
{
	if (WIFEXITED(status))
	{
		int code = WEXITSTATUS(status);

		log_msg(code <= EXITCODE_SESSION ? LOG_DEBUG1 : LOG_WARNING,
			"%s (PID %d) exited with status %d", board_cell_name(cell),
			(int) child->pid, code);
	}
	else
		log_msg(child->signalled == SIGKILL ? LOG_DEBUG1 : LOG_WARNING,
			"%s (PID %d) was ended by signal %d: %s", board_cell_name(cell),
			(int) child->pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
}

/* What its process has left in the cell, before that is wiped. */
static void
note_end(int cell)
{
	BoardView view;

	if (!board_view(cell, &view))
		return;
	if (cell >= BOARD_FIRST_WORKER)
		control_worker_ended(&view.status);
	else if (cell == BOARD_READER)
		control_reader_ended(&view.status);
}

bool
forker_reap(ForkerDeath *death)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
	{
		int cell = find_cell(pid);
		Child *child;

		if (cell < 0)
			continue; /* of whoever has become us by exec */
		child = &forker.children[cell];
		log_end(cell, child, status);
		note_end(cell);
		*death = (ForkerDeath){.cell = cell,
			.state = board_state(cell),
			.born_ms = child->born_ms};
		board_reset_cell(cell, CELL_FREE, 0);
		*child = (Child){0};
		forker.count--;
		return true;
	}
	return false;
}
