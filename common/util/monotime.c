/*
 * monotime.c
 *		The two clocks that we read.  See monotime.h.
 */
#include "base.h"

#include <stdio.h>
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

void
monotime_format(int64_t pg_timestamp, char text[MONOTIME_TEXT_SIZE])
{
	int64_t us = pg_timestamp % 1000000;
	time_t seconds = (time_t) (pg_timestamp / 1000000 + PG_EPOCH_SECONDS);
	char date[MONOTIME_TEXT_SIZE - 12];
	struct tm tm;

	if (us < 0)
	{
		us += 1000000;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(text, MONOTIME_TEXT_SIZE, "%s.%06d+00", date, (int) us);
}
