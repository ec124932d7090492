/*
 * ring.h
 *		The WAL ring: the last ring_size bytes of WAL that came from the
 *		upstream, in shared memory.  One writer (the reader process), any number
 *		of readers, no locks; the writer never waits.
 *
 *		tail                         head
 *		|--------- readable ---------|--- to be written next ---|
 *
 * Both are LSNs.  The byte of LSN x lies at x modulo the size, and the memory is
 * mapped twice in a row, so that no copy ever wraps.
 */
#ifndef SHM_RING_H
#define SHM_RING_H

#include "base.h"

#include "util/lsn.h"

typedef struct Ring Ring;

typedef enum RingStatus
{
	RING_OK,
	RING_WAIT, /* nothing there yet */
	RING_LOST  /* overwritten, or of another timeline: not to be had here */
} RingStatus;

/* What the ring holds at one moment. */
typedef struct RingState
{
	TimeLineId tli; /* 0: nothing has been written yet */
	Lsn tail;
	Lsn head;
	Lsn upstream_end; /* how far the upstream said it could send */
} RingState;

/*
 * Make a ring of size bytes (a multiple of the system's page size).  Ends the
 * process if the memory cannot be had.
 */
Ring *ring_new(size_t size);
size_t ring_size(const Ring *ring);

/*
 * Give up the right to write, for good: the memory is mapped anew from a
 * descriptor that cannot write.  The descriptors are closed.
 */
void ring_make_read_only(Ring *ring);
/* Keep the right to write; the descriptors are closed. */
void ring_keep_writable(Ring *ring);

/* ---- writer ---- */

/* Forget everything; the next byte is that at lsn on timeline tli. */
void ring_reset(Ring *ring, TimeLineId tli, Lsn lsn);
/*
 * Go on with timeline tli, which leaves the one before at lsn: what is behind lsn
 * is forgotten, what is before it is of the new timeline as well.
 */
void ring_switch(Ring *ring, TimeLineId tli, Lsn lsn);
/* Append len bytes at head. */
void ring_write(Ring *ring, const uint8_t *data, size_t len);
void ring_set_upstream_end(Ring *ring, Lsn end);

/* ---- readers ---- */

RingState ring_state(const Ring *ring);

/*
 * Copy WAL from the ring, which must be on timeline tli.  What is of an ancestor of
 * tli is had under tli: where that ended is the caller's to know.
 *
 * lsn is the first byte wanted; dst holds cap bytes (cap > 0).  *got is set to
 * 1..cap on RING_OK and is untouched otherwise.
 *
 * RING_WAIT  lsn is head, or beyond it: nothing yet
 * RING_LOST  lsn is before tail, or the ring is on another timeline
 *
 * Never blocks or allocates.  The position is checked again after the copy, see
 * "Overrun" in ring.c.
 */
MUST_CHECK RingStatus ring_read(const Ring *ring, TimeLineId tli, Lsn lsn,
	uint8_t *dst, size_t cap, size_t *got);

#endif /* SHM_RING_H */
