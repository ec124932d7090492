/*
 * tally.c
 *		Counts by database.  See tally.h.
 */
#include "base.h"

#include <stdlib.h>

#include "util/oidarray.h"
#include "wal/tally.h"

/* The counts of a database, made if there are none. */
static TallyCount *
find_or_add(Tally *tally, Oid database)
{
	size_t at;

	/* consecutive records mostly belong together */
	if (tally->last < tally->count &&
		tally->counts[tally->last].database == database)
		return &tally->counts[tally->last];
	at = oidarray_position(
		tally->counts, sizeof(TallyCount), tally->count, database);
	tally->last = at;
	if (at == tally->count || tally->counts[at].database != database)
		tally->counts = oidarray_insert(tally->counts, sizeof(TallyCount),
			&tally->count, &tally->cap, at, database);
	return &tally->counts[at];
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
