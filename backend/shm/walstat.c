/*
 * walstat.c
 *		What the WAL is made of.  See walstat.h.
 *
 * Two copies, and a counter whose lowest bit says which is current, as for the
 * facts: a monitor that dies while it writes leaves the current copy as it was.
 * What a monitor that is gone has counted is nobody's: its counts began at a
 * time of their own.
 */
#include "base.h"

#include <stdatomic.h>
#include <stdio.h>

#include "shm/board.h"
#include "shm/sharedmem.h"
#include "shm/walstat.h"

typedef struct WalStatArea
{
	_Atomic uint64_t generation; /* 0: nothing yet */
	WalStat copies[2];
} WalStatArea;

static struct
{
	SharedMem memory;
	WalStatArea *area;
} walstat;

static size_t
area_size(void)
{
	size_t page = sharedmem_page_size();

	return (sizeof(WalStatArea) + page - 1) / page * page;
}

void
walstat_create(void)
{
	void *base = sharedmem_reserve(area_size());

	sharedmem_create(&walstat.memory, "walbouncer-walstat", area_size());
	sharedmem_map(&walstat.memory, base, 0, area_size(), true);
	walstat.area = base;
}

void
walstat_enter(bool writable)
{
	if (!writable)
		sharedmem_map(&walstat.memory, walstat.area, 0, area_size(), false);
	sharedmem_close(&walstat.memory);
}

void
walstat_publish(const WalStat *stat)
{
	WalStatArea *area = walstat.area;
	uint64_t next = atomic_load(&area->generation) + 1;

	area->copies[next % 2] = *stat;
	atomic_store(&area->generation, next);
}

bool
walstat_get(WalStat *stat)
{
	const WalStatArea *area = walstat.area;
	uint64_t generation;

	do
	{
		generation = atomic_load(&area->generation);
		if (generation == 0)
			return false;
		*stat = area->copies[generation % 2];
		atomic_thread_fence(memory_order_acquire);
		/* overwritten only if two more have been published since */
	} while (atomic_load(&area->generation) != generation);
	return stat->pid == board_pid(BOARD_MONITOR);
}

void
walstat_database_label(
	const WalStatDatabase *database, char label[WALSTAT_LABEL_SIZE])
{
	if (database->oid == InvalidOid)
		snprintf(label, WALSTAT_LABEL_SIZE, "(shared)");
	else if (database->name[0] != '\0')
		snprintf(label, WALSTAT_LABEL_SIZE, "%s", database->name);
	else
		snprintf(label, WALSTAT_LABEL_SIZE, "oid %u", database->oid);
}
