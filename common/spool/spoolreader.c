/*
 * spoolreader.c
 *		Read WAL from the spool.  See spooldir.h.
 *
 * The file that was read last stays open.  What is removed or renamed meanwhile
 * stays as it was; a file that has nothing more is looked up anew, as there may be
 * a longer one by now.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool/spooldir.h"
#include "util/mem.h"

struct SpoolReader
{
	char *state_directory;
	uint32_t segment_size;
	int fd; /* -1: none */
	TimeLineId tli;
	Lsn start;
	bool partial; /* as it was opened */

	/* of partial segments */
	TimeLineId limit_tli; /* 0: nothing of any */
	Lsn limit_end;
};

SpoolReader *
spoolreader_new(const char *state_directory, uint32_t segment_size)
{
	SpoolReader *r = mem_alloc0(sizeof(SpoolReader));

	r->state_directory = mem_strdup(state_directory);
	r->segment_size = segment_size;
	r->fd = -1;
	r->limit_tli = UINT32_MAX;
	r->limit_end = UINT64_MAX;
	return r;
}

void
spoolreader_leave(SpoolReader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

void
spoolreader_limit(SpoolReader *r, TimeLineId tli, Lsn end)
{
	r->limit_tli = tli;
	r->limit_end = end;
}

void
spoolreader_free(SpoolReader *r)
{
	if (r == NULL)
		return;
	spoolreader_leave(r);
	free(r->state_directory);
	free(r);
}

/* From the open file; 0 if it has nothing there. */
static size_t
read_file(const SpoolReader *r, Lsn lsn, uint8_t *dst, size_t cap)
{
	uint64_t offset = lsn - r->start;
	ssize_t n;

	if (r->partial && (r->limit_tli == 0 || r->limit_tli == r->tli))
	{
		if (r->limit_tli == 0 || lsn >= r->limit_end)
			return 0;
		cap = Min(cap, r->limit_end - lsn);
	}
	cap = Min(cap, r->segment_size - offset);
	do
		n = pread(r->fd, dst, cap, (off_t) offset);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (size_t) n : 0;
}

/* A segment of timeline tli, whole or not; 0 if it has nothing at lsn. */
static size_t
try_timeline(SpoolReader *r, TimeLineId tli, Lsn lsn, uint8_t *dst, size_t cap)
{
	for (int partial = 0; partial <= 1; partial++)
	{
		char path[DURABLE_PATH_SIZE];
		size_t n;

		spoolreader_leave(r);
		r->start = lsn_floor(lsn, r->segment_size);
		r->tli = tli;
		r->partial = partial != 0;
		spooldir_file_path(path, r->state_directory, tli, r->start,
			r->segment_size, partial != 0);
		r->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (r->fd >= 0 && (n = read_file(r, lsn, dst, cap)) > 0)
			return n;
	}
	spoolreader_leave(r);
	return 0;
}

/*
 * The newest timeline that has begun in the segment of lsn has all of it; its
 * ancestors have it up to where they ended.
 */
size_t
spoolreader_read(
	SpoolReader *r, const History *line, Lsn lsn, uint8_t *dst, size_t cap)
{
	Lsn segment_end = lsn_floor(lsn, r->segment_size) + r->segment_size;
	Lsn end;
	size_t n;

	if (r->fd >= 0 && r->start == lsn_floor(lsn, r->segment_size) &&
		history_end(line, r->tli, &end) && lsn < end &&
		(n = read_file(r, lsn, dst, Min(cap, end - lsn))) > 0)
		return n;
	if (line->tli != 0 && history_begin(line, line->tli) < segment_end &&
		(n = try_timeline(r, line->tli, lsn, dst, cap)) > 0)
		return n;
	for (size_t i = line->count; i > 0; i--)
	{
		const HistoryAncestor *a = &line->ancestors[i - 1];

		if (lsn >= a->end)
			break;
		if (history_begin(line, a->tli) < segment_end &&
			(n = try_timeline(r, a->tli, lsn, dst, Min(cap, a->end - lsn))) > 0)
			return n;
	}
	return 0;
}
