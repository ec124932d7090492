/*
 * delay.c
 *		How far WAL may go out when commits wait.  See delay.h.
 *
 * A commit is forgotten when it has gone out, not when its time is over: the delay
 * may become longer in between.  Their times are not in order, and need not be; like
 * a standby that applies them one after the other, we wait for each in turn.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/mem.h"
#include "wal/delay.h"
#include "wal/walformat.h"

/* xact.h: the operation, and those that we wait for. */
#define XACT_OP_MASK 0x70
#define XACT_OP_COMMIT 0x00
#define XACT_OP_COMMIT_PREPARED 0x30
/* xl_xact_commit begins with xact_time. */
#define XACT_TIME_SIZE 8

#define US_PER_MS 1000

void
delay_clear(Delay *d)
{
	free(d->commits);
	*d = (Delay){0};
}

void
delay_reset(Delay *d)
{
	d->first = d->count = 0;
}

bool
delay_commit_time(const RecordHead *head, int64_t *time)
{
	unsigned op = head->info & XACT_OP_MASK;

	if (head->rmid != RM_XACT ||
		(op != XACT_OP_COMMIT && op != XACT_OP_COMMIT_PREPARED) ||
		head->main_data == NULL || head->main_have < XACT_TIME_SIZE)
		return false;
	*time = (int64_t) load_le64(head->main_data);
	return true;
}

int64_t
delay_due(int64_t time, int delay_ms)
{
	int64_t due;

	/* what a wrong clock has written may be at the end of time */
	if (__builtin_add_overflow(time, (int64_t) delay_ms * US_PER_MS, &due))
		return INT64_MAX;
	return due;
}

void
delay_note(Delay *d, Lsn lsn, int64_t time)
{
	if (d->first > 0 && d->count == d->cap)
	{
		d->count -= d->first;
		memmove(
			d->commits, d->commits + d->first, d->count * sizeof(*d->commits));
		d->first = 0;
	}
	if (d->count == d->cap)
	{
		d->cap = Max(d->cap * 2, 64);
		d->commits = mem_realloc(d->commits, d->cap * sizeof(*d->commits));
	}
	d->commits[d->count++] = (DelayCommit){.lsn = lsn, .time = time};
}

/* A standby is not given the header of a page alone: see filter.c. */
static Lsn
stop_before(const WalGeometry *geometry, Lsn record)
{
	Lsn page = lsn_floor(record, geometry->block_size);

	return record == page + page_header_size(geometry, page) ? page : record;
}

Lsn
delay_limit(Delay *d, const WalGeometry *geometry, Lsn sent, int delay_ms,
	int64_t now, int64_t *until)
{
	while (d->first < d->count && d->commits[d->first].lsn < sent)
		d->first++;
	if (delay_ms == 0)
		return DELAY_NOTHING_HELD;
	for (size_t i = d->first; i < d->count; i++)
	{
		const DelayCommit *commit = &d->commits[i];

		*until = delay_due(commit->time, delay_ms);
		if (*until > now)
			return Max(stop_before(geometry, commit->lsn), sent);
	}
	return DELAY_NOTHING_HELD;
}
