/*
 * facts.c
 *		What is known of the upstream.  See facts.h.
 *
 * Two copies, and a counter whose lowest bit says which is current: the writer
 * fills the other one.  A reader process that dies while it writes leaves the
 * current copy as it was.
 */
#include "base.h"

#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "shm/facts.h"
#include "shm/sharedmem.h"

typedef struct FactsArea
{
	_Atomic uint64_t generation; /* 0: nothing yet */
	Facts copies[2];
} FactsArea;

static struct
{
	SharedMem memory;
	FactsArea *area;
} facts_shm;

static size_t
area_size(void)
{
	size_t page = sharedmem_page_size();

	return (sizeof(FactsArea) + page - 1) / page * page;
}

void
facts_create(void)
{
	void *base = sharedmem_reserve(area_size());

	sharedmem_create(&facts_shm.memory, "walbouncer-facts", area_size());
	sharedmem_map(&facts_shm.memory, base, 0, area_size(), true);
	facts_shm.area = base;
}

void
facts_enter(bool writable)
{
	if (!writable)
		sharedmem_map(&facts_shm.memory, facts_shm.area, 0, area_size(), false);
	sharedmem_close(&facts_shm.memory);
}

bool
facts_set_history(Facts *facts, const char *text, size_t len)
{
	facts->history_len = len <= FACTS_HISTORY_MAX ? len : 0;
	memcpy(facts->history, text, facts->history_len);
	return len <= FACTS_HISTORY_MAX;
}

void
facts_publish(const Facts *facts)
{
	FactsArea *area = facts_shm.area;
	uint64_t next = atomic_load(&area->generation) + 1;

	area->copies[next % 2] = *facts;
	atomic_store(&area->generation, next);
}

uint64_t
facts_generation(void)
{
	return atomic_load(&facts_shm.area->generation);
}

bool
facts_get(Facts *facts)
{
	const FactsArea *area = facts_shm.area;

	for (;;)
	{
		uint64_t generation = atomic_load(&area->generation);

		if (generation == 0)
			return false;
		*facts = area->copies[generation % 2];
		atomic_thread_fence(memory_order_acquire);
		/* overwritten only if two more have been published since */
		if (atomic_load(&area->generation) == generation)
			return facts->valid;
	}
}

static const char *
find(const FactsSetting *settings, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
	{
		if (strcasecmp(settings[i].name, name) == 0)
			return settings[i].value;
	}
	return NULL;
}

const char *
facts_setting(const Facts *facts, const char *name)
{
	const char *value = find(facts->settings, facts->setting_count, name);

	return value != NULL
			   ? value
			   : find(facts->parameters, facts->parameter_count, name);
}
