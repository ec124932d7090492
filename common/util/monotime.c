/*
 * monotime.c
 *		The two clocks that we read.  See monotime.h.
 */
#include "base.h"

#include <time.h>

#include "util/monotime.h"

/* Seconds from the Unix epoch to PostgreSQL's (datetime/timestamp.h). */
#define PG_EPOCH_SECONDS INT64_C(946684800)

int64_t
monotime_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
monotime_pg_timestamp(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ((int64_t) now.tv_sec - PG_EPOCH_SECONDS) * 1000000 +
		now.tv_nsec / 1000;
}
