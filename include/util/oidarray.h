/*
 * oidarray.h
 *		An array of structs that each begin with an OID, ascending by it.
 *
 * The array is its owner's, with a type of his own, and so are count and cap; size
 * is that of a struct.
 */
#ifndef UTIL_OIDARRAY_H
#define UTIL_OIDARRAY_H

#include "base.h"

/* Where the one with oid is, or would be: 0 to count. */
static inline size_t
oidarray_position(const void *items, size_t size, size_t count, Oid oid)
{
	size_t low = 0;
	size_t high = count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		const Oid *at = (const void *) ((const char *) items + middle * size);

		if (*at < oid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Make one with oid, zeros behind it, at its position, where there is none yet, and
 * count it.  Returns the array, which may have moved; free() is for it.
 */
MUST_CHECK void *oidarray_insert(void *items, size_t size, size_t *count,
	size_t *cap, size_t position, Oid oid);

#endif /* UTIL_OIDARRAY_H */
