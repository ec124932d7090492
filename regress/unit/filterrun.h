/*
 * filterrun.h
 *		Put bytes through a filter and collect what it lets out, as a worker
 *		does.
 */
#ifndef FILTERRUN_H
#define FILTERRUN_H

#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mutate.h"
#include "wal/filter.h"

/* Portions of random size; and what is ready is taken in random portions too. */
#define CHUNK_RANDOM 0

typedef struct FilterRun
{
	FilterStatus status;
	ErrInfo err;
	uint8_t *out; /* the bytes from want on; owned */
	size_t len;
	size_t cap;
	Lsn want;
} FilterRun;

static inline void
run_end(FilterRun *run)
{
	free(run->out);
	run->out = NULL;
}

static inline void
run_take(FilterRun *run, WalFilter *filter, uint64_t *seed)
{
	size_t n;
	Lsn lsn;
	const uint8_t *p = filter_ready(filter, &n, &lsn);

	if (seed != NULL && n > 0)
		n = random_next(seed) % (n + 1);
	if (n > 0 && lsn != run->want + run->len)
	{
		fprintf(stderr, "ready at " LSN_FORMAT ", expected " LSN_FORMAT "\n",
			LSN_ARGS(lsn), LSN_ARGS(run->want + run->len));
		abort();
	}
	if (run->cap - run->len < n)
	{
		run->cap = (run->len + n) * 2;
		run->out = realloc(run->out, run->cap);
	}
	if (n > 0)
		memcpy(run->out + run->len, p, n);
	run->len += n;
	filter_consume(filter, n);
}

/*
 * Filter len bytes of WAL, which begin at start, from scan_from on, in portions
 * of chunk bytes.
 */
static inline FilterRun
run_filter(WalFilter *filter, const uint8_t *wal, Lsn start, size_t len,
	Lsn scan_from, Lsn want, size_t chunk)
{
	FilterRun run = {.status = FILTER_OK, .want = want};
	size_t done = (size_t) (scan_from - start);
	uint64_t seed = 88172645463325252u + scan_from;

	filter_start(filter, scan_from, want);
	while (done < len && run.status == FILTER_OK)
	{
		size_t n = chunk != CHUNK_RANDOM ? chunk : random_next(&seed) % 20000;
		uint8_t *room;
		Lsn lsn;

		n = Min(n, len - done);
		room = filter_room(filter, n, &lsn);
		if (lsn != start + done)
			abort();
		memcpy(room, wal + done, n);
		done += n;
		run.status = filter_push(filter, n, &run.err);
		if (run.status != FILTER_LOOKBACK)
			run_take(&run, filter, chunk == CHUNK_RANDOM ? &seed : NULL);
	}
	if (run.status != FILTER_LOOKBACK)
		run_take(&run, filter, NULL);
	return run;
}

/*
 * The same, but going back a page at a time until what stands at want is known,
 * as a worker does; LOOKBACK only if that is not in the WAL at hand.
 */
static inline FilterRun
run_from(WalFilter *filter, const uint8_t *wal, Lsn start, size_t len, Lsn want,
	uint32_t block_size, size_t chunk)
{
	Lsn scan_from = lsn_floor(want, block_size);
	FilterRun run = run_filter(filter, wal, start, len, scan_from, want, chunk);

	while (run.status == FILTER_LOOKBACK && scan_from > start)
	{
		/* or it would leave twice */
		if (run.len > 0)
			abort();
		run_end(&run);
		scan_from -= block_size;
		run = run_filter(filter, wal, start, len, scan_from, want, chunk);
	}
	return run;
}

/* Whether a text is somewhere in the bytes. */
static inline bool
contains(const uint8_t *bytes, size_t len, const char *text)
{
	return memmem(bytes, len, text, strlen(text)) != NULL;
}

#endif /* FILTERRUN_H */
