/*
 * monotime.c
 *		The two clocks that we read.  See monotime.h.
 */
#include "base.h"

#include <stdio.h>
#include <time.h>

#include "util/monotime.h"

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
	return ((int64_t) now.tv_sec - MONOTIME_PG_EPOCH_S) * 1000000 +
		   now.tv_nsec / 1000;
}

void
monotime_format(int64_t pg_timestamp, char text[MONOTIME_TEXT_SIZE])
{
	int64_t us = pg_timestamp % 1000000;
	time_t seconds = (time_t) (pg_timestamp / 1000000 + MONOTIME_PG_EPOCH_S);
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

bool
monotime_parse(const char *text, int64_t *pg_timestamp)
{
	struct tm tm = {0};
	int us;
	int used = 0;

	if (sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d.%6d+00%n", &tm.tm_year,
			&tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &us,
			&used) != 7 ||
		used == 0 || text[used] != '\0')
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	*pg_timestamp =
		((int64_t) timegm(&tm) - MONOTIME_PG_EPOCH_S) * 1000000 + us;
	return true;
}

void
monotime_stamp(char text[MONOTIME_STAMP_SIZE])
{
	struct timespec now;
	struct tm tm;
	char seconds[MONOTIME_STAMP_SIZE];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(text, MONOTIME_STAMP_SIZE, "%.19s.%03d UTC", seconds,
		(int) (now.tv_nsec / 1000000) % 1000);
}
