/*
 * runstate.c
 *		Phases of the supervisor, and back-off.  See runstate.h.
 *
 *	serving --TERM--> smart --shutdown_timeout or TERM--> fast --5 s--> killing
 *	   |                |                                  ^ |             ^
 *	   +------INT-------+----------------------------------+ |             |
 *	   +-----QUIT-------+-------------> immediate <----------+ --2 s-------+
 *
 * and from each of them but the first to ended, when no child is left.
 */
#include "base.h"

#include <signal.h>

#include "supervisor/runstate.h"

/* How long those that have been told to end at once may take. */
#define IMMEDIATE_MS 2000

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LONGEST_MS 3000
/* Who has lived so long was born well. */
#define BACKOFF_FORGET_MS 10000

static void
enter(RunState *run, RunPhase phase, int64_t deadline_ms)
{
	run->phase = phase;
	run->deadline_ms = deadline_ms;
}

bool
runstate_request(
	RunState *run, RunPhase phase, int64_t now_ms, int shutdown_timeout_ms)
{
	if (phase == RUN_SMART && run->phase == RUN_SMART)
		phase = RUN_FAST;
	if (phase <= run->phase)
		return false;
	if (phase == RUN_SMART)
		enter(run, phase, now_ms + shutdown_timeout_ms);
	else if (phase == RUN_FAST)
		enter(run, phase, now_ms + RUNSTATE_FAST_MS);
	else
		enter(run, phase, now_ms + IMMEDIATE_MS);
	return true;
}

bool
runstate_tick(RunState *run, int64_t now_ms)
{
	if (run->deadline_ms == 0 || now_ms < run->deadline_ms)
		return false;
	if (run->phase == RUN_SMART)
		enter(run, RUN_FAST, now_ms + RUNSTATE_FAST_MS);
	else
		enter(run, RUN_KILLING, 0);
	return true;
}

void
runstate_children(RunState *run, int children)
{
	if (run->phase != RUN_SERVING && children == 0)
		enter(run, RUN_ENDED, 0);
}

int
runstate_signal(const RunState *run, ChildDuty duty, int workers)
{
	static const int by_duty[][3] = {
		[RUN_SERVING] = {0, 0, 0},
		/* the reader and the spooler go on for as long as somebody may want WAL */
		[RUN_SMART] = {0, SIGTERM, SIGUSR2},
		[RUN_FAST] = {SIGTERM, SIGTERM, SIGTERM},
		[RUN_IMMEDIATE] = {SIGQUIT, SIGQUIT, SIGQUIT},
		[RUN_KILLING] = {SIGKILL, SIGKILL, SIGKILL},
		[RUN_ENDED] = {0, 0, 0},
	};

	if (run->phase == RUN_SMART && duty == DUTY_SERVICE && workers == 0)
		return SIGTERM;
	return by_duty[run->phase][duty];
}

static int
strength(int signo)
{
	static const int weak_to_strong[] = {SIGUSR2, SIGTERM, SIGQUIT, SIGKILL};

	for (size_t i = 0; i < lengthof(weak_to_strong); i++)
	{
		if (weak_to_strong[i] == signo)
			return (int) i + 1;
	}
	return 0;
}

bool
runstate_stronger(int a, int b)
{
	return strength(a) > strength(b);
}

void
backoff_failed(Backoff *b, int64_t born_ms, int64_t now_ms)
{
	if (now_ms - born_ms >= BACKOFF_FORGET_MS)
	{
		*b = (Backoff){0};
		return;
	}
	if (now_ms - b->not_before_ms >= BACKOFF_FORGET_MS)
		b->delay_ms = 0;
	b->delay_ms = b->delay_ms == 0 ? BACKOFF_FIRST_MS
								   : Min(b->delay_ms * 2, BACKOFF_LONGEST_MS);
	b->not_before_ms = now_ms + b->delay_ms;
}
