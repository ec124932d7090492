/*
 * lsn.c
 *		WAL positions as text.  See lsn.h.
 */
#include "base.h"

#include <stdio.h>

#include "util/lsn.h"

/* One to eight hexadecimal digits; advances *text past them. */
static bool
parse_half(const char **text, uint32_t *value)
{
	const char *p = *text;
	uint32_t v = 0;
	int digits = 0;

	for (;; p++, digits++)
	{
		uint32_t d;

		if (*p >= '0' && *p <= '9')
			d = (uint32_t) (*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			d = (uint32_t) (*p - 'a') + 10;
		else if (*p >= 'A' && *p <= 'F')
			d = (uint32_t) (*p - 'A') + 10;
		else
			break;
		if (digits == 8)
			return false;
		v = v << 4 | d;
	}
	if (digits == 0)
		return false;
	*text = p;
	*value = v;
	return true;
}

bool
lsn_parse(const char *text, Lsn *lsn)
{
	uint32_t high;
	uint32_t low;

	if (!parse_half(&text, &high) || *text++ != '/' ||
		!parse_half(&text, &low) || *text != '\0')
		return false;
	*lsn = (Lsn) high << 32 | low;
	return true;
}

void
lsn_segment_name(Lsn lsn, TimeLineId tli, uint32_t segment_size,
	char name[WAL_FILE_NAME_SIZE])
{
	uint64_t segno = lsn / segment_size;
	uint64_t per_id = UINT64_C(0x100000000) / segment_size;

	snprintf(name, WAL_FILE_NAME_SIZE, "%08X%08X%08X", tli,
		(uint32_t) (segno / per_id), (uint32_t) (segno % per_id));
}
