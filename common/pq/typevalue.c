/*
 * typevalue.c
 *		Values in binary format and as JSON.  See typevalue.h.
 */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pq/message.h"
#include "pq/typevalue.h"
#include "util/lsn.h"
#include "util/monotime.h"

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

bool
typevalue_is_number(Oid type)
{
	return type == TYPE_INT4 || type == TYPE_INT8 || type == TYPE_OID ||
		   type == TYPE_FLOAT8;
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

bool
typevalue_put_binary(Buf *b, Oid type, const char *text)
{
	int64_t n;
	Lsn lsn;

	switch (type)
	{
		case TYPE_TEXT:
			buf_put_text(b, text);
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
			if (!monotime_parse(text, &n))
				return false;
			buf_put_be64(b, (uint64_t) n);
			return true;
		case TYPE_LSN:
			if (!lsn_parse(text, &lsn))
				return false;
			buf_put_be64(b, lsn);
			return true;
		default:
			return false;
	}
}

void
typevalue_put_json(Json *j, Oid type, const char *text)
{
	if (text == NULL)
		json_null(j);
	else if (type == TYPE_BOOL)
		json_bool(j, text[0] == 't');
	else if (typevalue_is_number(type))
		json_number_text(j, text);
	else
		json_string(j, text);
}
