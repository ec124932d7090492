/*
 * children.c
 *		Which children there should be.  See children.h.
 */
#include "base.h"

#include <signal.h>

#include "shm/board.h"
#include "supervisor/children.h"
#include "supervisor/forker.h"
#include "util/log.h"

static struct
{
	Backoff services[BOARD_FIRST_WORKER]; /* by cell */
	Backoff workers;
	LogLimit failed_limit;
} children;

static bool
is_spare(CellState state)
{
	return state == CELL_STARTING || state == CELL_SPARE;
}

void
children_reap(int64_t now_ms)
{
	ForkerDeath death;

	while (forker_reap(&death))
	{
		if (death.cell < BOARD_FIRST_WORKER)
		{
			backoff_failed(
				&children.services[death.cell], death.born_ms, now_ms);
			continue;
		}
		if (is_spare(death.state))
			backoff_failed(&children.workers, death.born_ms, now_ms);
		/* its feedback to the upstream counts no more */
		if (forker_pid(BOARD_READER) != 0)
			board_wake(BOARD_READER);
	}
}

/* False if it could not be started now. */
static bool
start_child(
	int cell, const ChildContext *given, Backoff *backoff, int64_t now_ms)
{
	ChildContext ctx = *given;
	ErrInfo err;

	if (forker_start(cell, &ctx))
		return true;
	errinfo_set(&err, SQLSTATE_INTERNAL_ERROR,
		"could not start a process, will try again: %m");
	log_err_limited(&children.failed_limit, LOG_WARNING, &err);
	backoff_failed(backoff, now_ms, now_ms);
	return false;
}

static void
start_spares(const ChildContext *ctx, int64_t now_ms)
{
	const Config *config = ctx->config;
	int spares = 0;
	int workers = 0;

	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		if (forker_pid(i) != 0)
		{
			workers++;
			spares += is_spare(board_state(i)) ? 1 : 0;
		}
	}
	for (int i = BOARD_FIRST_WORKER;
		 i < board_cell_count() && spares < config->spare_workers &&
		 workers < config->max_connections + config->spare_workers +
					   BOARD_CONSOLES_MAX;
		 i++)
	{
		if (forker_pid(i) != 0)
			continue;
		if (!start_child(i, ctx, &children.workers, now_ms))
			break;
		spares++;
		workers++;
	}
}

/* Whether the configuration asks for the service of a cell. */
static bool
is_wanted(int cell, const Config *config)
{
	switch (cell)
	{
		case BOARD_SPOOLER:
			return config_has_spool(config);
		case BOARD_MONITOR:
			return config->monitor_port != 0;
		default:
			return true;
	}
}

void
children_start(const ChildContext *ctx, int64_t now_ms)
{
	for (int cell = 0; cell < BOARD_FIRST_WORKER; cell++)
	{
		Backoff *backoff = &children.services[cell];

		if (!is_wanted(cell, ctx->config))
			forker_signal(cell, SIGTERM); /* not any more */
		else if (forker_pid(cell) == 0 && now_ms >= backoff->not_before_ms)
			(void) start_child(cell, ctx, backoff, now_ms);
	}
	if (now_ms >= children.workers.not_before_ms)
		start_spares(ctx, now_ms);
}

int64_t
children_next_birth_ms(int64_t now_ms)
{
	int64_t next_ms = children.workers.not_before_ms;

	for (int i = 0; i < BOARD_FIRST_WORKER; i++)
	{
		int64_t at_ms = children.services[i].not_before_ms;

		if (at_ms > now_ms && (next_ms <= now_ms || at_ms < next_ms))
			next_ms = at_ms;
	}
	return next_ms > now_ms ? next_ms : 0;
}

void
children_signal(const RunState *run)
{
	int workers = forker_count();

	for (int i = 0; i < BOARD_FIRST_WORKER; i++)
		workers -= forker_pid(i) != 0;
	for (int i = 0; i < board_cell_count(); i++)
	{
		ChildDuty duty = i < BOARD_FIRST_WORKER     ? DUTY_SERVICE
						 : is_spare(board_state(i)) ? DUTY_SPARE
													: DUTY_BUSY;

		if (forker_pid(i) != 0)
			forker_signal(i, runstate_signal(run, duty, workers));
	}
}
