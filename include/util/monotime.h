/*
 * monotime.h
 *		The two clocks that we read: one for intervals, one for the protocol.
 */
#ifndef UTIL_MONOTIME_H
#define UTIL_MONOTIME_H

#include "base.h"

/* Milliseconds on a clock that never goes back; its zero means nothing. */
int64_t monotime_ms(void);

/*
 * The time of day in microseconds since 2000-01-01 00:00 UTC, the TimestampTz
 * that PostgreSQL puts into replication messages.
 */
int64_t monotime_pg_timestamp(void);

#endif /* UTIL_MONOTIME_H */
