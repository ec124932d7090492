/*
 * archive.c
 *		WAL from what wal_fetch_command brings.  See archive.h.
 */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/archive.h"
#include "source/fetch.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

struct Archive
{
	const ChildContext *ctx;
	Fetch *fetch;
	uint32_t segment_size;

	int fd;         /* of the segment at start; -1: none */
	Lsn start;      /* of what is open, or on its way */
	TimeLineId tli; /* whose it is, in name */
	bool ancient;   /* that is the second choice */

	Lsn denied; /* the segment that was not there */
	int64_t denied_until_ms;
};

Archive *
archive_new(const ChildContext *ctx, const WalGeometry *geometry)
{
	Archive *archive = mem_alloc0(sizeof(Archive));

	archive->ctx = ctx;
	archive->fetch = fetch_new(ctx, geometry);
	archive->segment_size = geometry->segment_size;
	archive->fd = -1;
	return archive;
}

void
archive_leave(Archive *archive)
{
	if (archive->fd >= 0)
		close(archive->fd);
	archive->fd = -1;
	archive->start = InvalidLsn;
	archive->ancient = false;
	fetch_cancel(archive->fetch);
}

void
archive_free(Archive *archive)
{
	if (archive == NULL)
		return;
	archive_leave(archive);
	fetch_free(archive->fetch);
	free(archive);
}

bool
archive_may_have(const Archive *archive, Lsn lsn)
{
	return fetch_configured(archive->fetch) &&
		   (archive->denied != lsn_floor(lsn, archive->segment_size) ||
			   monotime_ms() >= archive->denied_until_ms);
}

static SourceStatus
read_file(const Archive *archive, Lsn lsn, uint8_t *dst, size_t cap,
	size_t *got, ErrInfo *err)
{
	uint64_t offset = lsn - archive->start;
	ssize_t n;

	do
		n = pread(archive->fd, dst, Min(cap, archive->segment_size - offset),
			(off_t) offset);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
	{
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not read what wal_fetch_command has brought: %m");
		return SOURCE_FAILED;
	}
	*got = (size_t) n;
	return SOURCE_OK;
}

/*
 * A segment of an ancestor is good up to where that ended: a former primary may have
 * gone on, and have archived that.
 */
static Lsn
good_end(const Archive *archive, const History *line)
{
	Lsn end;

	return history_end(line, archive->tli, &end) ? end : InvalidLsn;
}

/*
 * The newest timeline that has begun in the segment has all of it; where it was not
 * archived under that name, that of lsn may be.
 */
static TimeLineId
timeline_of(const Archive *archive, const History *line, Lsn lsn)
{
	if (archive->ancient)
		return history_at(line, lsn);
	return history_at(line, archive->start + archive->segment_size - 1);
}

SourceStatus
archive_read(Archive *archive, const History *line, Lsn lsn, uint8_t *dst,
	size_t cap, size_t *got, ErrInfo *err)
{
	Lsn segment = lsn_floor(lsn, archive->segment_size);

	if (archive->start != segment ||
		(archive->fd >= 0 && lsn >= good_end(archive, line)))
	{
		archive_leave(archive);
		archive->start = segment;
	}
	for (;;)
	{
		TimeLineId tli = timeline_of(archive, line, lsn);

		if (archive->fd >= 0)
			return read_file(archive, lsn, dst,
				Min(cap, good_end(archive, line) - lsn), got, err);
		archive->tli = tli;
		switch (fetch_segment(archive->fetch, tli, lsn, &archive->fd, err))
		{
			case FETCH_RUNNING:
				return SOURCE_WAIT;
			case FETCH_DONE:
				log_msg(LOG_INFO,
					"reading WAL from " LSN_FORMAT
					" on timeline %u from wal_fetch_command",
					LSN_ARGS(lsn), tli);
				break;
			case FETCH_NOT_THERE:
				if (archive->ancient || tli == history_at(line, lsn))
				{
					archive_leave(archive);
					archive->denied = segment;
					archive->denied_until_ms =
						monotime_ms() +
						archive->ctx->config->wal_retrieve_retry_interval_ms;
					errinfo_clear(err);
					return SOURCE_FAILED;
				}
				archive->ancient = true;
				break;
			case FETCH_FAILED:
				archive_leave(archive);
				return SOURCE_FAILED;
		}
	}
}

int
archive_fd(const Archive *archive)
{
	return fetch_fd(archive->fetch);
}
