/*
 * pulse.h
 *		When a standby is to be asked for a sign of life, and when it is given up.
 *		No connection and no clock here; times are those of the monotonic clock.
 *
 * It is asked by a keepalive that wants an answer: when it has been silent for half
 * of wal_sender_timeout, or for somewhat more than 10 s, PostgreSQL's default of
 * wal_receiver_status_interval, and has something to do, so that one that says
 * nothing then is known to be stalled (standbystate.h); at a smart shutdown, for what it
 * has got; and while somebody waits for an LSN that it has been sent: once behind that,
 * and often when it has it and has yet to apply it, as otherwise it would say so only
 * every wal_receiver_status_interval.
 */
#ifndef WORKER_PULSE_H
#define WORKER_PULSE_H

#include "base.h"

#include "util/lsn.h"

typedef struct Pulse
{
	int64_t heard_ms;  /* when the standby last said something */
	int64_t looked_ms; /* when we last looked whether it had */
	bool pinged;       /* asked for a sign of life since then */
	bool behind;       /* it had something to do when we last looked */
	int64_t drain_pinged_ms;
	bool awaited; /* somebody waits for what it has and has yet to apply */
	int64_t await_pinged_ms;
	Lsn await_pinged_at; /* the end of what it had been sent then */
} Pulse;

/* How far a standby is, the start of the next byte each. */
typedef struct PulsePlace
{
	Lsn sent;
	Lsn received; /* by what it has said */
	Lsn applied;  /* the same; InvalidLsn: it applies nothing */
} PulsePlace;

typedef enum PulseVerdict
{
	PULSE_QUIET, /* nothing to do */
	PULSE_ASK,   /* send a keepalive that wants an answer */
	PULSE_LOOK,  /* look first whether it has said something */
	PULSE_DEAD   /* give it up */
} PulseVerdict;

void pulse_begin(Pulse *p, int64_t now_ms);
void pulse_looked(Pulse *p, int64_t now_ms);
void pulse_heard(Pulse *p, int64_t now_ms);

/*
 * By wal_sender_timeout, 0: never.  There is no asking while the socket is full
 * (pending).  After PULSE_ASK it counts as asked.
 */
PulseVerdict pulse_check(
	Pulse *p, int64_t now_ms, int timeout_ms, bool pending);

/*
 * behind says whether the standby has something to do.  Whether to ask it now: once,
 * until it says something.
 */
bool pulse_behind(Pulse *p, int64_t now_ms, bool behind, bool pending);

/* Draining, with nothing pending: whether to ask now. */
bool pulse_drain(Pulse *p, int64_t now_ms);

/* awaited are the count LSNs that somebody waits for.  Whether to ask now. */
bool pulse_await(Pulse *p, int64_t now_ms, const Lsn *awaited, size_t count,
	const PulsePlace *place, bool pending);

/* How long until one of them is due, INT32_MAX at most. */
int64_t pulse_due_ms(const Pulse *p, int64_t now_ms, int timeout_ms,
	bool pending, bool draining);

#endif /* WORKER_PULSE_H */
