/*
 * forker.h
 *		The children: the one place with fork() and waitpid().
 *
 * A child is known by its cell of the board; the process ids here are those that
 * fork() gave us, whatever a child may write into its cell.
 */
#ifndef SUPERVISOR_FORKER_H
#define SUPERVISOR_FORKER_H

#include "base.h"

#include "process/child.h"
#include "shm/board.h"

/*
 * Once, behind board_create().  leave is called in each child: to close what is
 * the supervisor's alone.
 */
void forker_init(void (*leave)(bool is_worker));

/*
 * Start the process of a free cell: a service in its own, a worker in any other.
 * ctx->cell is filled in; the rest is as the child shall have it.  False,
 * with errno, if the system does not allow another process.
 */
MUST_CHECK bool forker_start(int cell, ChildContext *ctx);

/* Of the child in the cell; 0 if there is none. */
pid_t forker_pid(int cell);

/* How many there are. */
int forker_count(void);

/* Send a signal, unless the child has had this or a stronger one. */
void forker_signal(int cell, int signo);

/* Send all of them a signal that ends none. */
void forker_signal_all(int signo);

/* One that has ended. */
typedef struct ForkerDeath
{
	int cell;
	CellState state; /* what it was at last */
	int64_t born_ms;
} ForkerDeath;

/*
 * Take the next child that has ended, log how if that is worth it, and free its
 * cell.  False if there is none.
 */
MUST_CHECK bool forker_reap(ForkerDeath *death);

#endif /* SUPERVISOR_FORKER_H */
