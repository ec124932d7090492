/*
 * lag.c
 *		How long a standby takes, in time.  See lag.h.
 *
 * The rules are those of a walsender (walsender.c, LagTrackerRead, and the monitoring
 * docs on pg_stat_replication, 13 to 18), so that the figures mean the same.
 */
#include "base.h"

#include <string.h>

#include "worker/lag.h"

static LagSample *
sample_at(Lag *lag, uint64_t number)
{
	return &lag->samples[number % LAG_SAMPLES];
}

void
lag_reset(Lag *lag)
{
	lag->count = 0;
	memset(lag->readers, 0, sizeof(lag->readers));
	lag->caught_up = false;
}

static bool
is_full(const Lag *lag)
{
	for (int kind = 0; kind < LAG_KIND_COUNT; kind++)
	{
		if (lag->count - lag->readers[kind].next == LAG_SAMPLES)
			return true;
	}
	return false;
}

/* Whoever is past it already waits for the one that takes its place. */
static void
drop_latest(Lag *lag)
{
	lag->count--;
	for (int kind = 0; kind < LAG_KIND_COUNT; kind++)
		lag->readers[kind].next = Min(lag->readers[kind].next, lag->count);
}

void
lag_take_sample(Lag *lag, Lsn lsn, int64_t now)
{
	if (lag->count > 0 && sample_at(lag, lag->count - 1)->lsn >= lsn)
		return;
	if (is_full(lag))
		drop_latest(lag);
	*sample_at(lag, lag->count++) = (LagSample){.lsn = lsn, .time = now};
}

/* When lsn was at hand, by the samples on both sides of it; 0: not known. */
static int64_t
interpolate(const LagSample *before, const LagSample *after, Lsn lsn)
{
	double fraction;

	if (before->time == 0)
		return after->time; /* it has only begun */
	if (lsn < before->lsn)
		return 0; /* it has been replaced by an older copy of itself */
	fraction =
		(double) (lsn - before->lsn) / (double) (after->lsn - before->lsn);
	return before->time +
		   (int64_t) ((double) (after->time - before->time) * fraction);
}

/* When lsn was at hand; 0: not known. */
static int64_t
time_of(Lag *lag, LagReader *r, Lsn lsn)
{
	bool passed = false;

	while (r->next < lag->count && sample_at(lag, r->next)->lsn <= lsn)
	{
		r->reached = *sample_at(lag, r->next++);
		passed = true;
	}
	if (passed)
	{
		int64_t time = r->reached.time;

		/* what comes next begins anew */
		if (r->next == lag->count)
			r->reached.time = 0;
		return time;
	}
	if (r->next == lag->count)
	{
		r->reached.time = 0;
		return 0;
	}
	return interpolate(&r->reached, sample_at(lag, r->next), lsn);
}

void
lag_look_up(Lag *lag, const Lsn confirmed[LAG_KIND_COUNT], Lsn sent,
	int64_t now, int64_t lags[LAG_KIND_COUNT])
{
	bool caught_up = confirmed[LAG_REPLAY] == sent;
	bool idle = caught_up && lag->caught_up;

	lag->caught_up = caught_up;
	for (int kind = 0; kind < LAG_KIND_COUNT; kind++)
	{
		int64_t time = time_of(lag, &lag->readers[kind], confirmed[kind]);

		if (time != 0 && time <= now)
			lags[kind] = now - time;
		else if (idle)
			lags[kind] = LAG_UNKNOWN;
	}
}
