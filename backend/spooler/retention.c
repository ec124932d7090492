/*
 * retention.c
 *		How long WAL stays in the spool.  See retention.h.
 */
#include "base.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "shm/board.h"
#include "spool/spooldir.h"
#include "spooler/retention.h"
#include "state/slotscan.h"
#include "util/log.h"

typedef struct Retention
{
	const Config *config;
	uint32_t segment_size;
	SpoolFile current; /* what is being written */
	Lsn needed;        /* from here on WAL is needed */
	SpoolList list;
	size_t first; /* what is before it in the list has gone */
	int64_t total;
} Retention;

/* What cannot be listed or removed will not be able to be the next time either. */
static LogLimit limit;

/* The oldest WAL that a connected standby has not confirmed, or a slot keeps. */
static Lsn
oldest_needed(const Config *config, Lsn current)
{
	Lsn oldest = slotscan_needed_lsn(
		config->state_directory, current, config->max_slot_wal_keep_size);

	if (oldest == InvalidLsn)
		oldest = UINT64_MAX;
	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;
		Lsn lsn;

		if (board_state(i) == CELL_FREE || !board_view(i, &view))
			continue;
		lsn = view.status.flush != InvalidLsn ? view.status.flush
											  : view.status.sent;
		if (lsn != InvalidLsn)
			oldest = Min(oldest, Min(lsn, view.status.sent));
	}
	return oldest;
}

static Lsn
file_end(const Retention *r, const SpoolFile *file)
{
	return file->start + r->segment_size;
}

/* The oldest file is removed; false if it must stay. */
static bool
remove_first(Retention *r)
{
	const SpoolFile *file = &r->list.files[r->first];
	char path[DURABLE_PATH_SIZE];
	ErrInfo err;

	if (file->tli == r->current.tli && file->start == r->current.start)
		return false;
	spooldir_file_path(path, r->config->state_directory, file->tli, file->start,
		r->segment_size, file->partial);
	if (unlink(path) != 0 && errno != ENOENT)
	{
		errinfo_set(
			&err, SQLSTATE_IO_ERROR, "could not remove \"%s\": %m", path);
		log_err_limited(&limit, LOG_WARNING, &err);
		return false;
	}
	if (file_end(r, file) > r->needed)
		log_msg(LOG_WARNING,
			"removed \"%s\" from the spool, which a standby or a slot still "
			"needs",
			path);
	else
		log_msg(LOG_DEBUG1, "removed \"%s\" from the spool", path);
	r->total -= file->size;
	r->first++;
	return true;
}

static const SpoolFile *
first_file(const Retention *r)
{
	return r->first < r->list.count ? &r->list.files[r->first] : NULL;
}

static bool
first_is_needed(const Retention *r)
{
	return file_end(r, first_file(r)) > r->needed;
}

static void
remove_aged(Retention *r)
{
	int64_t oldest = (int64_t) time(NULL) - r->config->spool_max_age_ms / 1000;

	if (r->config->spool_max_age_ms == 0)
		return;
	while (first_file(r) != NULL && first_file(r)->time < oldest &&
		   !first_is_needed(r) && remove_first(r))
		;
}

static void
remove_surplus(Retention *r)
{
	while (first_file(r) != NULL && r->total > r->config->spool_size &&
		   remove_first(r))
		;
}

/* Bytes that are missing on the file system; <= 0: none. */
static int64_t
missing_space(const Retention *r)
{
	struct statvfs fs;
	char path[DURABLE_PATH_SIZE];

	spooldir_path(path, r->config->state_directory);
	if (statvfs(path, &fs) != 0)
		return 0;
	return r->config->spool_min_free -
		   (int64_t) ((uint64_t) fs.f_bavail * fs.f_frsize);
}

/*
 * What is needed stays: the upstream may have been told that it is safe here.  No
 * more is removed than is missing, as some file systems free it later.
 */
static bool
make_space(Retention *r)
{
	int64_t missing = missing_space(r);

	if (missing <= 0)
		return true;
	while (missing > 0 && first_file(r) != NULL && !first_is_needed(r))
	{
		int64_t size = first_file(r)->size;

		if (!remove_first(r))
			break;
		missing -= size;
	}
	return missing_space(r) <= 0;
}

bool
retention_run(
	const Config *config, uint32_t segment_size, TimeLineId tli, Lsn current)
{
	Retention r = {
		.config = config,
		.segment_size = segment_size,
		.current = {.tli = tli, .start = lsn_floor(current, segment_size)},
		.needed = oldest_needed(config, current),
	};
	ErrInfo err;
	bool ok;

	if (!spooldir_list(&r.list, config->state_directory, segment_size, &err))
	{
		log_err_limited(&limit, LOG_WARNING, &err);
		return true;
	}
	for (size_t i = 0; i < r.list.count; i++)
		r.total += r.list.files[i].size;
	remove_aged(&r);
	remove_surplus(&r);
	ok = make_space(&r);
	spooldir_list_clear(&r.list);
	return ok;
}
