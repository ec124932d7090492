/*
 * typevalue.c
 *		Values in binary format.  See typevalue.h.
 */
#include "base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pq/message.h"
#include "pq/typevalue.h"
#include "util/lsn.h"

/* Days from 1970-01-01 to 2000-01-01. */
#define EPOCH_DAYS 10957

int16_t
typevalue_len(Oid type)
{
	switch (type)
	{
		case TYPE_BOOL:
			return 1;
		case TYPE_INT4:
		case TYPE_OID:
			return 4;
		case TYPE_INT8:
		case TYPE_FLOAT8:
		case TYPE_TIMESTAMPTZ:
		case TYPE_LSN:
			return 8;
		default:
			return -1;
	}
}

static bool
parse_int(const char *text, int64_t min, int64_t max, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *value >= min &&
		   *value <= max;
}

static bool
put_double(Buf *b, const char *text)
{
	char *end;
	double value = strtod(text, &end);
	uint64_t bits;

	if (end == text || *end != '\0')
		return false;
	memcpy(&bits, &value, sizeof(bits));
	buf_put_be64(b, bits);
	return true;
}

/* Days since 1970-01-01 in the Gregorian calendar; a year begins in March. */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = y / 400;
	int64_t of_era = y % 400;
	int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
		   719468;
}

/* "2026-03-01 12:00:00.123456+00" */
static bool
put_timestamp(Buf *b, const char *text)
{
	int year, month, day, hour, minute, second, us;
	int used = 0;

	if (sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d.%6d+00%n", &year, &month, &day,
			&hour, &minute, &second, &us, &used) != 7 ||
		used == 0 || text[used] != '\0' || month < 1 || month > 12)
		return false;
	buf_put_be64(b,
		(uint64_t) (((((days_of(year, month, day) - EPOCH_DAYS) * 24 + hour) *
							 60 +
						 minute) *
							60 +
						second) *
						INT64_C(1000000) +
					us));
	return true;
}

bool
typevalue_put_binary(Buf *b, Oid type, const char *text)
{
	int64_t n;
	Lsn lsn;

	switch (type)
	{
		case TYPE_TEXT:
			buf_put_bytes(b, text, strlen(text));
			return true;
		case TYPE_BOOL:
			if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0)
				return false;
			buf_put_u8(b, text[0] == 't');
			return true;
		case TYPE_INT4:
			if (!parse_int(text, INT32_MIN, INT32_MAX, &n))
				return false;
			buf_put_be32(b, (uint32_t) n);
			return true;
		case TYPE_OID:
			if (!parse_int(text, 0, UINT32_MAX, &n))
				return false;
			buf_put_be32(b, (uint32_t) n);
			return true;
		case TYPE_INT8:
			if (!parse_int(text, INT64_MIN, INT64_MAX, &n))
				return false;
			buf_put_be64(b, (uint64_t) n);
			return true;
		case TYPE_FLOAT8:
			return put_double(b, text);
		case TYPE_TIMESTAMPTZ:
			return put_timestamp(b, text);
		case TYPE_LSN:
			if (!lsn_parse(text, &lsn))
				return false;
			buf_put_be64(b, lsn);
			return true;
		default:
			return false;
	}
}
