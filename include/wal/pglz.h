/*
 * pglz.h
 *		Decompression of PostgreSQL's own compression format, as it stands in page
 *		images: the raw stream, without a size in front.
 *
 * The format (common/pg_lzcompress.c): a control byte, then eight items, one for
 * each of its bits, the lowest first.  A bit that is clear is one byte as it is.  A
 * bit that is set is a match of bytes before: two bytes, of which the high half of
 * the first and all of the second are how far back it lies, and the low half of the
 * first is its length less 3; 15 there means that a third byte is added to the
 * length.  A match may overlap what it produces.
 */
#ifndef WAL_PGLZ_H
#define WAL_PGLZ_H

#include "base.h"

/*
 * Decompress len bytes of source into dst, which has room for cap.  *got is how
 * many came out.  False if the source is not such a stream, or makes more than cap.
 */
MUST_CHECK bool pglz_decompress(
	const uint8_t *source, size_t len, uint8_t *dst, size_t cap, size_t *got);

#endif /* WAL_PGLZ_H */
