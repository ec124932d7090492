/*
 * flap.h
 *		Log the changes of something that may change to and fro.
 *
 * Two changes a minute are told, there and back; then none until the minute is over,
 * and what has come of it all after that.  So the log has the truth in the end, and
 * nobody has to wait for the last line of it for long.
 */
#ifndef UTIL_FLAP_H
#define UTIL_FLAP_H

#include "base.h"

/* Begins as all zero: 0 has been told. */
typedef struct Flap
{
	int told;          /* what the log has last said */
	int last;          /* what it was at the last look */
	int64_t minute_ms; /* when the minute began; 0: none is running */
	int lines;         /* told in it */
	uint64_t changes;  /* since the log has last said something */
} Flap;

/* Whether there is nothing to be looked at. */
static inline bool
flap_is_quiet(const Flap *f, int now)
{
	return f->told == now && f->last == now;
}

/*
 * It is now so at now_ms, by the monotonic clock.  True if the log should say that;
 * *untold is how many changes it has not told before this one.
 */
MUST_CHECK bool flap_look(Flap *f, int now, int64_t now_ms, uint64_t *untold);

#endif /* UTIL_FLAP_H */
