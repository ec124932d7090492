/*
 * sharedmem.h
 *		A piece of shared memory that can be mapped for writing or, with no way
 *		back, for reading only.
 *
 * The memory is a memfd.  A second descriptor, opened for reading, makes the
 * read-only mappings: the kernel refuses to turn those writable again, so that a
 * worker that has been taken over cannot either.
 */
#ifndef SHM_SHAREDMEM_H
#define SHM_SHAREDMEM_H

#include "base.h"

typedef struct SharedMem
{
	int rw_fd; /* -1 once closed */
	int ro_fd;
} SharedMem;

size_t sharedmem_page_size(void);

/* All of these end the process on failure: it can do nothing without them. */

/* size zero bytes; name is what /proc shows. */
void sharedmem_create(SharedMem *m, const char *name, size_t size);
/* Address space, nothing in it yet. */
uint8_t *sharedmem_reserve(size_t size);
/* Map at addr, in place of whatever is there. */
void sharedmem_map(
	const SharedMem *m, void *addr, size_t offset, size_t size, bool writable);
/* Close the descriptors; mappings stay. */
void sharedmem_close(SharedMem *m);

/* ---- the whole of it mapped at once ---- */

/* Make it, of size zero bytes or a little more, and map it for writing. */
void *sharedmem_make(SharedMem *m, const char *name, size_t size);
/* A child: it is there for good, read-only unless writable. */
void sharedmem_enter(SharedMem *m, void *addr, size_t size, bool writable);

#endif /* SHM_SHAREDMEM_H */
