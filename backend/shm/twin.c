/*
 * twin.c
 *		Two copies, used in turn.  See twin.h.
 */
#include "base.h"

#include <stdatomic.h>
#include <string.h>

#include "shm/twin.h"

/* What a copy begins at a multiple of, so that anything may be in it. */
#define COPY_ALIGNMENT 64

typedef struct TwinArea
{
	_Atomic uint64_t generation; /* 0: nothing yet */
	_Alignas(COPY_ALIGNMENT) uint8_t copies[];
} TwinArea;

static size_t
copy_room(const Twin *t)
{
	return (t->size + COPY_ALIGNMENT - 1) / COPY_ALIGNMENT * COPY_ALIGNMENT;
}

static size_t
area_size(const Twin *t)
{
	return sizeof(TwinArea) + 2 * copy_room(t);
}

static uint8_t *
copy_of(const Twin *t, uint64_t generation)
{
	return t->area->copies + generation % 2 * copy_room(t);
}

void
twin_create(Twin *t, const char *name, size_t size)
{
	t->size = size;
	t->area = sharedmem_make(&t->memory, name, area_size(t));
}

void
twin_enter(Twin *t, bool writable)
{
	sharedmem_enter(&t->memory, t->area, area_size(t), writable);
}

void *
twin_next(Twin *t)
{
	uint8_t *next = copy_of(t, atomic_load(&t->area->generation) + 1);

	/* who still reads it must see that the generation has changed */
	atomic_thread_fence(memory_order_release);
	return next;
}

void
twin_publish(Twin *t)
{
	atomic_fetch_add(&t->area->generation, 1);
}

uint64_t
twin_generation(const Twin *t)
{
	return atomic_load(&t->area->generation);
}

const void *
twin_current(const Twin *t, uint64_t *generation)
{
	*generation = twin_generation(t);
	return copy_of(t, *generation);
}

/* Overwritten only if two more have been published since. */
bool
twin_is_current(const Twin *t, uint64_t generation)
{
	atomic_thread_fence(memory_order_acquire);
	return twin_generation(t) == generation;
}

bool
twin_copy(const Twin *t, void *into)
{
	uint64_t generation;

	do
	{
		const void *copy = twin_current(t, &generation);

		if (generation == 0)
			return false;
		memcpy(into, copy, t->size);
	} while (!twin_is_current(t, generation));
	return true;
}
