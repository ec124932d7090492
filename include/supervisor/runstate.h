/*
 * runstate.h
 *		What the supervisor is about: serving, or one of the ways to stop; and
 *		when a process that has died may be replaced.
 *
 * Events and the time go in, decisions come out.  Nothing here forks, signals or
 * looks at a clock.
 */
#ifndef SUPERVISOR_RUNSTATE_H
#define SUPERVISOR_RUNSTATE_H

#include "base.h"

/* How long a fast stop may take; who is left then is killed. */
#define RUNSTATE_FAST_MS 5000

/* In this order; only a later one may follow. */
typedef enum RunPhase
{
	RUN_SERVING,
	RUN_SMART,     /* standbys take what there is, then end */
	RUN_FAST,      /* standbys are told and end */
	RUN_IMMEDIATE, /* all end without a word */
	RUN_KILLING,   /* the patience with those still there is over */
	RUN_ENDED      /* no process is left */
} RunPhase;

typedef struct RunState
{
	RunPhase phase;
	int64_t deadline_ms; /* of the phase; 0: none */
} RunState;

/* What a child is, for the choice of a signal. */
typedef enum ChildDuty
{
	DUTY_SERVICE, /* reader, spooler, monitor */
	DUTY_SPARE,   /* a worker without a client */
	DUTY_BUSY
} ChildDuty;

/*
 * Somebody asks to stop: phase is RUN_SMART, RUN_FAST or RUN_IMMEDIATE.  A second
 * request for a smart stop makes it a fast one.  False if nothing changes.
 */
MUST_CHECK bool runstate_request(
	RunState *run, RunPhase phase, int64_t now_ms, int shutdown_timeout_ms);

/* Time has passed.  True if that has ended the phase. */
MUST_CHECK bool runstate_tick(RunState *run, int64_t now_ms);

/* How many children are left.  The last one's end is the end of a stop. */
void runstate_children(RunState *run, int children);

/*
 * The signal that a child should have got by now; 0: none.  workers is how many
 * there are, spares included.
 */
int runstate_signal(const RunState *run, ChildDuty duty, int workers);

/* Whether signal a asks for more than signal b. */
bool runstate_stronger(int a, int b);

/* Back-off, one for each kind of child. */
typedef struct Backoff
{
	int delay_ms;          /* the last one; 0: none */
	int64_t not_before_ms; /* no birth before that time */
} Backoff;

/*
 * A birth that failed (now), or a child that has died without having been of any
 * use: the next birth waits, 100 ms at first, then twice as long each time, up to
 * 3 s.  A child that has lived for 10 s was of use.
 */
void backoff_failed(Backoff *b, int64_t born_ms, int64_t now_ms);

#endif /* SUPERVISOR_RUNSTATE_H */
