/*
 * acknowledge.h
 *		How far the upstream is told that WAL has arrived: what the policy
 *		upstream.acknowledge covers, and no more.
 */
#ifndef READER_ACKNOWLEDGE_H
#define READER_ACKNOWLEDGE_H

#include "base.h"

#include "conf/option.h"
#include "reader/quorum.h"
#include "shm/ring.h"

/* Of one connection to the upstream; begins as all zero. */
typedef struct Acknowledge
{
	TimeLineId tli;       /* that reached is on */
	AckPositions reached; /* the latest that the policy has covered */
	AckPositions now;     /* what is to be told */
	AckPositions told;
	int64_t told_ms;

	/* fewer standbys than the policy asks for; 0: enough */
	int64_t lacking_ms;
	int64_t lacking_time; /* the same, a pg_timestamp */
	int standbys;         /* that there are then */
	bool lack_logged;     /* it lasts for so long that somebody is to know */

	/* The upstream's shutdown, see acknowledge.c. */
	bool asked;          /* our last report asks for an answer */
	int64_t answered_ms; /* when that came, and nothing since */
	int rounds;
	int64_t moved_ms; /* when reached has moved, or rounds were enough */
	bool aside;
} Acknowledge;

/* WAL has come. */
void acknowledge_on_wal(Acknowledge *a);

/* A keepalive has come, that says how far the upstream has sent. */
void acknowledge_on_keepalive(
	Acknowledge *a, bool reply_requested, bool received_all);

/*
 * Look what is covered by now.  True if the upstream should be told a->now
 * without delay; wanted says that it has asked.
 */
MUST_CHECK bool acknowledge_look(
	Acknowledge *a, const Config *config, const Ring *ring, bool wanted);

/* Whether a report that the upstream has asked for should ask for an answer. */
MUST_CHECK bool acknowledge_asks(const Acknowledge *a, const Ring *ring);

/* a->now has been told, and an answer asked for. */
void acknowledge_on_told(Acknowledge *a, bool asked);

/* When to look again though nothing has come; INT64_MAX: no need. */
int64_t acknowledge_due_ms(const Acknowledge *a);

#endif /* READER_ACKNOWLEDGE_H */
