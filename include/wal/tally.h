/*
 * tally.h
 *		How many records of each database were kept and blanked.
 */
#ifndef WAL_TALLY_H
#define WAL_TALLY_H

#include "base.h"

#include "wal/rmgr.h"

typedef struct TallyCount
{
	Oid database; /* InvalidOid: what belongs to no database */
	uint64_t kept_records;
	uint64_t kept_bytes; /* sums of xl_tot_len */
	uint64_t blanked_records;
	uint64_t blanked_bytes;
} TallyCount;

typedef struct Tally
{
	TallyCount *counts; /* ascending by database; owned */
	size_t count;
	size_t cap;
	size_t last; /* where the last one was found */
} Tally;

/* One record more of a database. */
void tally_add(Tally *tally, Oid database, uint32_t bytes, bool blanked);
/*
 * One record more, of total bytes: once for each database that it names, for none
 * (InvalidOid) if it names none.
 */
void tally_record(
	Tally *tally, const RmgrSubjects *subjects, uint32_t total, bool blanked);
/* Add up: other into tally. */
void tally_merge(Tally *tally, const Tally *other);
/* Forget all counts, keep the memory. */
void tally_reset(Tally *tally);
/* Free the memory; the tally can be used again. */
void tally_clear(Tally *tally);

#endif /* WAL_TALLY_H */
