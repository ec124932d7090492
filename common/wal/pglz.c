/*
 * pglz.c
 *		Decompression of PostgreSQL's own compression format.  See pglz.h.
 */
#include "base.h"

#include "util/buf.h"
#include "wal/pglz.h"

#define MATCH_MIN 3
/* A length that says that more of it follows. */
#define MATCH_LONG (MATCH_MIN + 15)

/* One match: how far back, and how many bytes. */
static bool
read_match(BufReader *r, size_t *distance, size_t *count)
{
	uint8_t first;
	uint8_t second;
	uint8_t more;

	if (!buf_get_u8(r, &first) || !buf_get_u8(r, &second))
		return false;
	*distance = (size_t) (first & 0xf0) << 4 | second;
	*count = (size_t) (first & 0x0f) + MATCH_MIN;
	if (*count == MATCH_LONG)
	{
		if (!buf_get_u8(r, &more))
			return false;
		*count += more;
	}
	return true;
}

bool
pglz_decompress(
	const uint8_t *source, size_t len, uint8_t *dst, size_t cap, size_t *got)
{
	BufReader r = buf_reader(source, len);
	size_t out = 0;

	while (buf_left(&r) > 0)
	{
		uint8_t control;

		if (!buf_get_u8(&r, &control))
			return false;
		for (int bit = 0; bit < 8 && buf_left(&r) > 0; bit++)
		{
			size_t distance;
			size_t count;

			if ((control >> bit & 1) == 0)
			{
				if (out == cap || !buf_get_u8(&r, &dst[out]))
					return false;
				out++;
				continue;
			}
			if (!read_match(&r, &distance, &count) || distance == 0 ||
				distance > out || count > cap - out)
				return false;
			/* byte by byte, as it may go on with what it has just written */
			for (; count > 0; count--, out++)
				dst[out] = dst[out - distance];
		}
	}
	*got = out;
	return true;
}
