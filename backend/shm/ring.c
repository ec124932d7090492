/*
 * ring.c
 *		The WAL ring.  See ring.h.
 *
 * Overrun.  The writer raises tail past what it is about to overwrite, then
 * copies, then raises head.  A reader copies first and looks at tail again
 * afterwards: if tail has passed the first byte of the copy, the copy may be
 * torn and is thrown away.  The fences make the two orders meet: whoever saw a
 * byte of the new data will see the new tail as well.
 *
 * A reset moves both ends to anywhere, so it has a counter of its own, odd while
 * it is under way; a reader that sees it change throws its copy away too.
 */
#include "base.h"

#include <stdatomic.h>
#include <string.h>

#include "shm/ring.h"
#include "shm/sharedmem.h"
#include "util/mem.h"

/* On a page of its own, in front of the data. */
typedef struct RingControl
{
	_Atomic uint64_t resets;
	_Atomic uint64_t tail;
	_Atomic uint64_t head;
	_Atomic uint64_t upstream_end;
	_Atomic uint32_t tli;
} RingControl;

struct Ring
{
	RingControl *control;
	uint8_t *data; /* size bytes, and the same again */
	size_t size;
	SharedMem memory;
};

Ring *
ring_new(size_t size)
{
	Ring *ring = mem_alloc0(sizeof(Ring));
	size_t page = sharedmem_page_size();
	uint8_t *base;

	ring->size = size;
	sharedmem_create(&ring->memory, "walbouncer-ring", page + size);
	base = sharedmem_reserve(page + 2 * size);
	sharedmem_map(&ring->memory, base, 0, page + size, true);
	sharedmem_map(&ring->memory, base + page + size, page, size, true);
	ring->control = (RingControl *) base;
	ring->data = base + page;
	return ring;
}

size_t
ring_size(const Ring *ring)
{
	return ring->size;
}

void
ring_make_read_only(Ring *ring)
{
	size_t page = sharedmem_page_size();
	uint8_t *base = (uint8_t *) ring->control;

	sharedmem_map(&ring->memory, base, 0, page + ring->size, false);
	sharedmem_map(
		&ring->memory, base + page + ring->size, page, ring->size, false);
	sharedmem_close(&ring->memory);
}

void
ring_keep_writable(Ring *ring)
{
	sharedmem_close(&ring->memory);
}

void
ring_reset(Ring *ring, TimeLineId tli, Lsn lsn)
{
	RingControl *c = ring->control;
	/* a reset that was killed half-way has left the counter odd */
	uint64_t resets = atomic_load(&c->resets) | 1;

	atomic_store(&c->resets, resets);
	atomic_thread_fence(memory_order_seq_cst);
	atomic_store(&c->tli, tli);
	atomic_store(&c->tail, lsn);
	atomic_store(&c->head, lsn);
	atomic_store(&c->upstream_end, lsn);
	atomic_store(&c->resets, resets + 1);
}

void
ring_switch(Ring *ring, TimeLineId tli, Lsn lsn)
{
	RingControl *c = ring->control;
	uint64_t resets = atomic_load(&c->resets);
	RingState state = ring_state(ring);

	if (state.tli == 0 || lsn < state.tail || lsn > state.head)
	{
		ring_reset(ring, tli, lsn);
		return;
	}
	atomic_store(&c->resets, resets | 1);
	atomic_thread_fence(memory_order_seq_cst);
	atomic_store(&c->tli, tli);
	atomic_store(&c->head, lsn);
	atomic_store(&c->upstream_end, lsn);
	atomic_store(&c->resets, (resets | 1) + 1);
}

/* At most size bytes. */
static void
write_portion(Ring *ring, const uint8_t *data, size_t len)
{
	RingControl *c = ring->control;
	uint64_t head = atomic_load_explicit(&c->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);

	if (head + len - tail > ring->size)
	{
		atomic_store_explicit(
			&c->tail, head + len - ring->size, memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
	}
	memcpy(ring->data + head % ring->size, data, len);
	atomic_store_explicit(&c->head, head + len, memory_order_release);
}

void
ring_write(Ring *ring, const uint8_t *data, size_t len)
{
	while (len > 0)
	{
		size_t n = Min(len, ring->size);

		write_portion(ring, data, n);
		data += n;
		len -= n;
	}
}

void
ring_set_upstream_end(Ring *ring, Lsn end)
{
	atomic_store(&ring->control->upstream_end, end);
}

RingState
ring_state(const Ring *ring)
{
	RingControl *c = ring->control;
	uint64_t resets;
	RingState state;

	/* A reset is four stores; one that was killed half-way is nothing yet. */
	for (int attempt = 0; attempt < 1000; attempt++)
	{
		resets = atomic_load(&c->resets);
		state.tli = atomic_load(&c->tli);
		state.tail = atomic_load(&c->tail);
		state.head = atomic_load(&c->head);
		state.upstream_end = atomic_load(&c->upstream_end);
		atomic_thread_fence(memory_order_acquire);
		if (resets % 2 == 0 && atomic_load(&c->resets) == resets)
			return state;
	}
	return (RingState){0};
}

RingStatus
ring_read(const Ring *ring, TimeLineId tli, Lsn lsn, uint8_t *dst, size_t cap,
	size_t *got)
{
	RingControl *c = ring->control;
	uint64_t resets = atomic_load_explicit(&c->resets, memory_order_acquire);
	uint64_t head;
	size_t n;

	if (resets % 2 != 0 ||
		atomic_load_explicit(&c->tli, memory_order_relaxed) != tli ||
		atomic_load_explicit(&c->tail, memory_order_relaxed) > lsn)
		return RING_LOST;
	head = atomic_load_explicit(&c->head, memory_order_acquire);
	if (lsn >= head)
		return RING_WAIT;
	n = Min(cap, Min(head - lsn, ring->size));
	memcpy(dst, ring->data + lsn % ring->size, n);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&c->tail, memory_order_relaxed) > lsn ||
		atomic_load_explicit(&c->resets, memory_order_relaxed) != resets)
		return RING_LOST;
	*got = n;
	return RING_OK;
}
