/*
 * segment.c
 *		The segment that is being written.  See segment.h.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/spooldir.h"
#include "spool/spooltail.h"
#include "spooler/segment.h"
#include "util/log.h"
#include "util/mem.h"

#define COPY_SIZE ((size_t) 256 * 1024)

static void
file_path(const Segment *segment, Lsn start, bool partial,
	char path[DURABLE_PATH_SIZE])
{
	spooldir_file_path(path, segment->state_directory, segment->tli, start,
		segment->geometry.segment_size, partial);
}

static Lsn
segment_start(const Segment *segment)
{
	return lsn_floor(segment->written, segment->geometry.segment_size);
}

static void
close_file(Segment *segment)
{
	if (segment->fd >= 0)
		close(segment->fd);
	segment->fd = -1;
}

/*
 * What lies behind written is not WAL, or not known to be.  The segment of the file
 * begins at start: if it is whole, written is in the next one.
 */
static bool
cut_file(Segment *segment, Lsn start, const char *path, ErrInfo *err)
{
	off_t size = (off_t) (segment->written - start);

	if (ftruncate(segment->fd, size) != 0 || fsync(segment->fd) != 0)
		return durable_error("truncate file", path, err);
	return true;
}

/* Its name is made durable at once: what is synced in it must be found again. */
static bool
open_file(Segment *segment, ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];

	if (segment->fd >= 0)
		return true;
	file_path(segment, segment_start(segment), true, path);
	segment->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (segment->fd < 0)
		return durable_error("open file", path, err);
	if (cut_file(segment, segment_start(segment), path, err) &&
		durable_sync_parent(path, err))
		return true;
	close_file(segment);
	return false;
}

bool
segment_sync(Segment *segment, ErrInfo *err)
{
	if (segment->synced == segment->written)
		return true;
	/*
	 * After a failed fsync the kernel may have dropped what was not written: the
	 * file is no proof of anything.  Who asks again writes it again.
	 */
	if (segment->fd < 0 || fdatasync(segment->fd) != 0)
	{
		durable_error("fsync the spool in", segment->state_directory, err);
		close_file(segment);
		segment->written = segment->synced;
		return false;
	}
	segment->synced = segment->written;
	return true;
}

/* The segment before written is whole, and on disk: it gets its name. */
static bool
name_whole(Segment *segment, ErrInfo *err)
{
	Lsn start = segment->written - segment->geometry.segment_size;
	char partial[DURABLE_PATH_SIZE];
	char whole[DURABLE_PATH_SIZE];

	file_path(segment, start, true, partial);
	file_path(segment, start, false, whole);
	/* it may have its name already, from when only that could not be synced */
	if (access(partial, F_OK) != 0 && errno == ENOENT &&
		access(whole, F_OK) == 0)
	{
		if (!durable_sync_parent(whole, err))
			return false;
	}
	else if (!durable_rename(partial, whole, err))
		return false;
	segment->unnamed = false;
	return true;
}

static bool
finish(Segment *segment, ErrInfo *err)
{
	if (!segment_sync(segment, err))
		return false;
	close_file(segment);
	segment->unnamed = true;
	return name_whole(segment, err);
}

/* How many bytes; if that is less than len, errno says why. */
static size_t
write_at(int fd, const uint8_t *data, size_t len, off_t offset)
{
	size_t done = 0;

	while (done < len)
	{
		ssize_t n = pwrite(fd, data + done, len - done, offset + (off_t) done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t) n;
	}
	return done;
}

/*
 * Write what is there once more.  An fsync of who had the file before us may have
 * failed: the kernel tells that once, and then shows what never got to the disk as if
 * it had.  Only of what has been written since does the next fsync say the truth.
 */
static bool
write_again(Segment *segment, Lsn start, const char *path, ErrInfo *err)
{
	uint8_t *data = mem_alloc(COPY_SIZE);
	off_t size = (off_t) (segment->written - start);
	off_t at = 0;

	while (at < size)
	{
		ssize_t n = pread(
			segment->fd, data, (size_t) Min((off_t) COPY_SIZE, size - at), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || write_at(segment->fd, data, (size_t) n, at) < (size_t) n)
			break;
		at += n;
	}
	free(data);
	return at == size || durable_error("rewrite file", path, err);
}

/*
 * The whole segment before a file, on its timeline or on the latest one before
 * that; -1 if there is none.
 */
static int
open_before(
	const Segment *segment, const SpoolList *list, const SpoolFile *file)
{
	const SpoolFile *before = NULL;
	char path[DURABLE_PATH_SIZE];

	for (size_t i = 0; i < list->count; i++)
	{
		const SpoolFile *f = &list->files[i];

		if (!f->partial && f->tli <= file->tli &&
			f->start + segment->geometry.segment_size == file->start)
			before = f;
	}
	if (before == NULL)
		return -1;
	spooldir_file_path(path, segment->state_directory, before->tli,
		before->start, segment->geometry.segment_size, false);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
resume_partial(Segment *segment, const SpoolList *list, const SpoolFile *file,
	ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];
	int64_t size = Min(file->size, (int64_t) segment->geometry.segment_size);
	int before_fd;
	bool ok;

	segment->written = file->start;
	file_path(segment, file->start, true, path);
	segment->fd = open(path, O_RDWR | O_CLOEXEC);
	if (segment->fd < 0)
		return durable_error("open file", path, err);
	before_fd = open_before(segment, list, file);
	ok = spooltail_find(segment->fd, path, file->start, size, before_fd,
		&segment->geometry, &segment->written, err);
	if (before_fd >= 0)
		close(before_fd);
	/* who has made it may have been killed before its name was durable */
	if (!ok || !write_again(segment, file->start, path, err) ||
		!cut_file(segment, file->start, path, err) ||
		!durable_sync_parent(path, err))
	{
		close_file(segment);
		return false;
	}
	if (segment->written < file->start + (Lsn) file->size)
		log_msg(LOG_LOG,
			"spool goes on at " LSN_FORMAT ", behind the last whole record",
			LSN_ARGS(segment->written));
	return true;
}

/* The latest timeline, and there the latest segment. */
static const SpoolFile *
find_last(const SpoolList *list)
{
	const SpoolFile *last = NULL;

	for (size_t i = 0; i < list->count; i++)
	{
		const SpoolFile *file = &list->files[i];

		if (last == NULL || file->tli > last->tli ||
			(file->tli == last->tli && file->start > last->start) ||
			(file->tli == last->tli && file->start == last->start &&
				!file->partial))
			last = file;
	}
	return last;
}

bool
segment_resume(Segment *segment, ErrInfo *err)
{
	SpoolList list;
	const SpoolFile *last;
	bool ok = true;

	segment->fd = -1;
	segment->unnamed = false;
	segment->tli = 0;
	segment->written = segment->synced = InvalidLsn;
	if (!spooldir_list(&list, segment->state_directory,
			segment->geometry.segment_size, err))
		return false;
	last = find_last(&list);
	if (last != NULL)
	{
		segment->tli = last->tli;
		if (last->partial)
			ok = resume_partial(segment, &list, last, err);
		else
			segment->written = last->start + segment->geometry.segment_size;
		segment->synced = segment->written;
		if (ok && last->partial &&
			segment->written % segment->geometry.segment_size == 0 &&
			segment->written > last->start)
			ok = finish(segment, err);
	}
	spooldir_list_clear(&list);
	if (!ok)
		close_file(segment); /* it may be tried again */
	return ok;
}

void
segment_move(Segment *segment, TimeLineId tli, Lsn lsn)
{
	close_file(segment);
	segment->unnamed = false;
	segment->tli = tli;
	segment->written = segment->synced = lsn;
}

size_t
segment_room(const Segment *segment)
{
	return (size_t) (segment_start(segment) + segment->geometry.segment_size -
					 segment->written);
}

bool
segment_write(Segment *segment, const uint8_t *data, size_t len, ErrInfo *err)
{
	off_t offset;
	size_t done;

	if ((segment->unnamed && !name_whole(segment, err)) ||
		!open_file(segment, err))
		return false;
	offset = (off_t) (segment->written - segment_start(segment));
	done = write_at(segment->fd, data, len, offset);
	segment->written += done;
	if (done < len)
		return durable_error(
			"write to the spool in", segment->state_directory, err);
	if (segment->written % segment->geometry.segment_size == 0)
		return finish(segment, err);
	return true;
}
