/*
 * monotime.h
 *		The two clocks that we read: one for intervals, one for the protocol.
 */
#ifndef UTIL_MONOTIME_H
#define UTIL_MONOTIME_H

#include "base.h"

/* Milliseconds on a clock that never goes back; its zero means nothing. */
int64_t monotime_ms(void);

/* Seconds from the Unix epoch to PostgreSQL's (datetime/timestamp.h). */
#define MONOTIME_PG_EPOCH_S INT64_C(946684800)

/*
 * The time of day in microseconds since 2000-01-01 00:00 UTC, the TimestampTz
 * that PostgreSQL puts into replication messages.
 */
int64_t monotime_pg_timestamp(void);

/*
 * Such a time in text, as PostgreSQL has it with DateStyle ISO and TimeZone UTC:
 * "2026-03-01 12:00:00.123456+00".
 */
#define MONOTIME_TEXT_SIZE 48
void monotime_format(int64_t pg_timestamp, char text[MONOTIME_TEXT_SIZE]);
/* The other way; false if text is not of that form. */
MUST_CHECK bool monotime_parse(const char *text, int64_t *pg_timestamp);

/* Now, as PostgreSQL's log has it, in UTC: "2026-03-01 12:00:00.123 UTC". */
#define MONOTIME_STAMP_SIZE 32
void monotime_stamp(char text[MONOTIME_STAMP_SIZE]);

#endif /* UTIL_MONOTIME_H */
