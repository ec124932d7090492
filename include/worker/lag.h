/*
 * lag.h
 *		How long a standby takes, in time: write_lag, flush_lag and replay_lag as
 *		pg_stat_replication has them.  No shared memory, no clock here.
 *
 * A sample says when WAL up to some LSN was at hand.  What a standby confirms is
 * looked up in the samples.  While it is between two of them, which is so as long
 * as it works on much WAL, the time is interpolated; before the first, it is how old
 * that one is.  One that has caught up twice in a row is idle: nothing is known then
 * any more.
 */
#ifndef WORKER_LAG_H
#define WORKER_LAG_H

#include "base.h"

#include "util/lsn.h"

/* More is not needed: when there is no room, the latest one is replaced. */
#define LAG_SAMPLES 4096

#define LAG_UNKNOWN (-1)

typedef enum LagKind
{
	LAG_WRITE,
	LAG_FLUSH,
	LAG_REPLAY,
	LAG_KIND_COUNT
} LagKind;

typedef struct LagSample
{
	Lsn lsn;
	int64_t time; /* microseconds of any clock; 0: none */
} LagSample;

typedef struct LagReader
{
	uint64_t next;     /* number of the first sample that is not confirmed */
	LagSample reached; /* the last one that is */
} LagReader;

/* Begins as all zero. */
typedef struct Lag
{
	LagSample samples[LAG_SAMPLES]; /* number i is in i % LAG_SAMPLES */
	uint64_t count;                 /* that have been taken */
	LagReader readers[LAG_KIND_COUNT];
	bool caught_up; /* at the last reply */
} Lag;

void lag_reset(Lag *lag);

/* WAL up to lsn is at hand, and some of it is being sent. */
void lag_take_sample(Lag *lag, Lsn lsn, int64_t now);

/*
 * The standby has confirmed these positions, by LagKind; it has been sent WAL up to
 * sent.  lags is brought up to date, in microseconds or LAG_UNKNOWN: what is there
 * stays where nothing new is known.
 */
void lag_look_up(Lag *lag, const Lsn confirmed[LAG_KIND_COUNT], Lsn sent,
	int64_t now, int64_t lags[LAG_KIND_COUNT]);

#endif /* WORKER_LAG_H */
