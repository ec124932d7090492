/*
 * oidarray.c
 *		Room in an array that is ascending by OID.  See oidarray.h.
 */
#include "base.h"

#include <string.h>

#include "util/mem.h"
#include "util/oidarray.h"

void *
oidarray_insert(void *items, size_t size, size_t *count, size_t *cap,
	size_t position, Oid oid)
{
	char *at;

	if (*count == *cap)
	{
		*cap = Max(*cap * 2, 16);
		items = mem_realloc(items, *cap * size);
	}
	at = (char *) items + position * size;
	memmove(at + size, at, (*count - position) * size);
	memset(at, 0, size);
	memcpy(at, &oid, sizeof(oid));
	(*count)++;
	return items;
}
