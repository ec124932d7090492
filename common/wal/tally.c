/*
 * tally.c
 *		Counts by database.  See tally.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "wal/tally.h"

/* The counts of a database, made if there are none. */
static TallyCount *
find_or_add(Tally *tally, Oid database)
{
	size_t low = 0;
	size_t high = tally->count;

	/* consecutive records mostly belong together */
	if (tally->last < tally->count &&
		tally->counts[tally->last].database == database)
		return &tally->counts[tally->last];
	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (tally->counts[middle].database < database)
			low = middle + 1;
		else
			high = middle;
	}
	tally->last = low;
	if (low < tally->count && tally->counts[low].database == database)
		return &tally->counts[low];
	if (tally->count == tally->cap)
	{
		tally->cap = Max(tally->cap * 2, 8);
		tally->counts =
			mem_realloc(tally->counts, tally->cap * sizeof(TallyCount));
	}
	memmove(&tally->counts[low + 1], &tally->counts[low],
		(tally->count - low) * sizeof(TallyCount));
	tally->count++;
	tally->counts[low] = (TallyCount){.database = database};
	return &tally->counts[low];
}

void
tally_add(Tally *tally, Oid database, uint32_t bytes, bool blanked)
{
	TallyCount *count = find_or_add(tally, database);

	if (blanked)
	{
		count->blanked_records++;
		count->blanked_bytes += bytes;
	}
	else
	{
		count->kept_records++;
		count->kept_bytes += bytes;
	}
}

void
tally_record(
	Tally *tally, const RmgrSubjects *subjects, uint32_t total, bool blanked)
{
	if (subjects->count == 0)
		tally_add(tally, InvalidOid, total, blanked);
	for (unsigned i = 0; i < subjects->count; i++)
	{
		Oid database = subjects->items[i].database;
		unsigned before = 0;

		while (before < i && subjects->items[before].database != database)
			before++;
		if (before == i)
			tally_add(tally, database, total, blanked);
	}
}

void
tally_merge(Tally *tally, const Tally *other)
{
	for (size_t i = 0; i < other->count; i++)
	{
		const TallyCount *from = &other->counts[i];
		TallyCount *to = find_or_add(tally, from->database);

		to->kept_records += from->kept_records;
		to->kept_bytes += from->kept_bytes;
		to->blanked_records += from->blanked_records;
		to->blanked_bytes += from->blanked_bytes;
	}
}

void
tally_reset(Tally *tally)
{
	tally->count = 0;
}

void
tally_clear(Tally *tally)
{
	free(tally->counts);
	*tally = (Tally){0};
}
