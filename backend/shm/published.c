/*
 * published.c
 *		The configuration text in force.  See published.h.
 *
 * Two texts, used in turn, and a counter: as in facts.c.
 */
#include "base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "conf/option.h"
#include "shm/published.h"
#include "shm/sharedmem.h"
#include "util/mem.h"

typedef struct PublishedText
{
	bool given;
	char text[CONFIG_TEXT_MAX + 1];
	bool is_repointed;
	char repointed[CONFIG_REPOINTED_MAX + 1];
} PublishedText;

typedef struct PublishedArea
{
	_Atomic uint64_t generation;
	PublishedText copies[2];
} PublishedArea;

static struct
{
	SharedMem memory;
	PublishedArea *area;
} published;

static size_t
area_size(void)
{
	size_t page = sharedmem_page_size();

	return (sizeof(PublishedArea) + page - 1) / page * page;
}

void
published_create(void)
{
	void *base = sharedmem_reserve(area_size());

	sharedmem_create(
		&published.memory, "walbouncer-configuration", area_size());
	sharedmem_map(&published.memory, base, 0, area_size(), true);
	published.area = base;
}

void
published_enter(void)
{
	sharedmem_map(&published.memory, published.area, 0, area_size(), false);
	sharedmem_close(&published.memory);
}

/* Copy a string of at most max bytes, if there is one. */
static bool
store_string(char *dst, size_t max, const char *src)
{
	size_t len = src != NULL ? strnlen(src, max) : 0;

	memcpy(dst, src != NULL ? src : "", len);
	dst[len] = '\0';
	return src != NULL;
}

void
published_store(const char *text, const char *repointed)
{
	PublishedArea *area = published.area;
	uint64_t next = atomic_load(&area->generation) + 1;
	PublishedText *copy = &area->copies[next % 2];

	copy->given = store_string(copy->text, CONFIG_TEXT_MAX, text);
	copy->is_repointed =
		store_string(copy->repointed, CONFIG_REPOINTED_MAX, repointed);
	atomic_store(&area->generation, next);
}

uint64_t
published_generation(void)
{
	return atomic_load(&published.area->generation);
}

char *
published_text(char **repointed, uint64_t *generation)
{
	PublishedArea *area = published.area;
	char *text = NULL;

	*repointed = NULL;
	do
	{
		const PublishedText *copy;

		free(text);
		free(*repointed);
		text = NULL;
		*repointed = NULL;
		*generation = atomic_load(&area->generation);
		copy = &area->copies[*generation % 2];
		if (copy->given)
			text = mem_strdup(copy->text);
		if (copy->is_repointed)
			*repointed = mem_strdup(copy->repointed);
		atomic_thread_fence(memory_order_acquire);
	} while (atomic_load(&area->generation) != *generation);
	return text;
}
