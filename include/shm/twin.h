/*
 * twin.h
 *		Two copies of something in shared memory, and a counter whose lowest bit says
 *		which is current: the one writer fills the other.  A writer that dies while it
 *		writes leaves the current copy as it was.
 */
#ifndef SHM_TWIN_H
#define SHM_TWIN_H

#include "base.h"

#include "shm/sharedmem.h"

typedef struct Twin
{
	SharedMem memory;
	struct TwinArea *area;
	size_t size; /* of a copy */
} Twin;

/* The supervisor, before the first fork: zeros.  name is what /proc shows. */
void twin_create(Twin *t, const char *name, size_t size);
/* A child: read-only, unless it is the writer. */
void twin_enter(Twin *t, bool writable);

/* The writer: the copy to be filled, with something old in it; then it is current. */
void *twin_next(Twin *t);
void twin_publish(Twin *t);

/* Grows each time that something is published; 0: never yet. */
uint64_t twin_generation(const Twin *t);

/* All of the current copy, of one moment; false if there is none. */
MUST_CHECK bool twin_copy(const Twin *t, void *into);

/*
 * The same bit by bit: what is taken from the copy is of one moment if
 * twin_is_current() afterwards.
 */
const void *twin_current(const Twin *t, uint64_t *generation);
MUST_CHECK bool twin_is_current(const Twin *t, uint64_t generation);

#endif /* SHM_TWIN_H */
