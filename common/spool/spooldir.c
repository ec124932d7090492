/*
 * spooldir.c
 *		What is in the spool, by name.  See spooldir.h.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/spooldir.h"
#include "util/buf.h"
#include "util/mem.h"
#include "wal/page.h"
#include "wal/walformat.h"

/* A history file is text, a few lines; this is far more. */
#define HISTORY_TEXT_MAX (64 * 1024)

#define HEX_DIGITS "0123456789ABCDEF"
#define SEGMENT_NAME_LEN (WAL_FILE_NAME_SIZE - 1)

void
spooldir_path(char path[DURABLE_PATH_SIZE], const char *state_directory)
{
	snprintf(path, DURABLE_PATH_SIZE, "%s/%s", state_directory, SPOOL_FOLDER);
}

void
spooldir_file_path(char path[DURABLE_PATH_SIZE], const char *state_directory,
	TimeLineId tli, Lsn start, uint32_t segment_size, bool partial)
{
	char name[WAL_FILE_NAME_SIZE];

	lsn_segment_name(start, tli, segment_size, name);
	snprintf(path, DURABLE_PATH_SIZE, "%s/%s/%s%s", state_directory,
		SPOOL_FOLDER, name, partial ? SPOOL_PARTIAL : "");
}

/* (xlog_internal.h, XLogFromFileName) */
static bool
parse_name(const char *name, uint32_t segment_size, SpoolFile *file)
{
	uint32_t segments_per_id =
		(uint32_t) (UINT64_C(0x100000000) / segment_size);
	unsigned tli;
	unsigned log;
	unsigned seg;

	if (strspn(name, HEX_DIGITS) != SEGMENT_NAME_LEN ||
		sscanf(name, "%8X%8X%8X", &tli, &log, &seg) != 3 || tli == 0 ||
		seg >= segments_per_id)
		return false;
	name += SEGMENT_NAME_LEN;
	file->partial = strcmp(name, SPOOL_PARTIAL) == 0;
	file->tli = tli;
	file->start = ((Lsn) log << 32) + (Lsn) seg * segment_size;
	return file->partial || *name == '\0';
}

/* 0 if it is not the history of a timeline. */
static TimeLineId
parse_history_name(const char *name)
{
	char expected[HISTORY_FILE_NAME_SIZE];
	unsigned tli;

	if (sscanf(name, "%8X", &tli) != 1)
		return 0;
	history_file_name(tli, expected);
	return strcmp(name, expected) == 0 ? tli : 0;
}

static int
compare_files(const void *a, const void *b)
{
	const SpoolFile *x = a;
	const SpoolFile *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->tli != y->tli)
		return x->tli < y->tli ? -1 : 1;
	return (int) x->partial - (int) y->partial;
}

static void
add_file(SpoolList *list, size_t *room, const SpoolFile *file)
{
	if (list->count == *room)
	{
		*room = Max(*room * 2, 64);
		list->files = mem_realloc(list->files, *room * sizeof(*list->files));
	}
	list->files[list->count++] = *file;
}

bool
spooldir_list(SpoolList *list, const char *state_directory,
	uint32_t segment_size, ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];
	size_t room = 0;
	struct dirent *entry;
	bool ok = true;
	DIR *dir;

	*list = (SpoolList){0};
	spooldir_path(path, state_directory);
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT || durable_error("open directory", path, err);
	while (errno = 0, (entry = readdir(dir)) != NULL)
	{
		SpoolFile file;
		struct stat st;

		/* one that has been removed meanwhile is not there */
		if (!parse_name(entry->d_name, segment_size, &file) ||
			fstatat(dirfd(dir), entry->d_name, &st, 0) != 0 ||
			!S_ISREG(st.st_mode))
			continue;
		file.size = st.st_size;
		file.time = st.st_mtime;
		add_file(list, &room, &file);
	}
	/* half a list is none: the end of the spool may be in the other half */
	if (errno != 0)
		ok = durable_error("read directory", path, err);
	closedir(dir);
	if (!ok)
		spooldir_list_clear(list);
	else if (list->count > 0)
		qsort(list->files, list->count, sizeof(*list->files), compare_files);
	return ok;
}

void
spooldir_list_clear(SpoolList *list)
{
	free(list->files);
	*list = (SpoolList){0};
}

/* Whether a file of that name begins as the segment does, and of which system. */
static bool
read_origin(
	int dir, const char *name, SpoolFile *file, uint64_t *system_identifier)
{
	uint8_t bytes[WAL_LONG_HEADER_SIZE];
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd >= 0 ? pread(fd, bytes, sizeof(bytes), 0) : -1;
	WalGeometry geometry;
	ErrInfo ignored;

	if (fd >= 0)
		close(fd);
	if (n != (ssize_t) sizeof(bytes))
		return false;
	geometry = (WalGeometry){
		.segment_size = load_le32(bytes + WAL_PAGE_SEGMENT_SIZE_OFFSET),
		.block_size = load_le32(bytes + WAL_PAGE_BLOCK_SIZE_OFFSET),
		.system_identifier = load_le64(bytes + WAL_PAGE_SYSID_OFFSET),
	};
	*system_identifier = geometry.system_identifier;
	return geometry.system_identifier != 0 && page_geometry_valid(&geometry) &&
		   parse_name(name, geometry.segment_size, file) &&
		   page_begins_segment(
			   bytes, file->tli, file->start, &geometry, &ignored);
}

bool
spooldir_find_origin(const char *state_directory, SpoolOrigin *origin)
{
	char path[DURABLE_PATH_SIZE];
	SpoolFile last = {0};
	TimeLineId latest = 0;
	struct dirent *entry;
	DIR *dir;

	spooldir_path(path, state_directory);
	dir = opendir(path);
	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL)
	{
		SpoolFile file;
		uint64_t system_identifier;
		TimeLineId tli = parse_history_name(entry->d_name);

		latest = Max(latest, tli);
		if (tli != 0 ||
			!read_origin(dirfd(dir), entry->d_name, &file, &system_identifier))
			continue;
		latest = Max(latest, file.tli);
		if (file.tli < last.tli ||
			(file.tli == last.tli && file.start < last.start))
			continue;
		last = file;
		origin->system_identifier = system_identifier;
	}
	closedir(dir);
	origin->tli = latest;
	return last.tli != 0;
}

static void
history_path(
	char path[DURABLE_PATH_SIZE], const char *state_directory, TimeLineId tli)
{
	char name[HISTORY_FILE_NAME_SIZE];

	history_file_name(tli, name);
	snprintf(path, DURABLE_PATH_SIZE, "%s/%s/%s", state_directory, SPOOL_FOLDER,
		name);
}

bool
spooldir_put_history(const char *state_directory, TimeLineId tli,
	const char *text, size_t len, ErrInfo *err)
{
	char path[DURABLE_PATH_SIZE];

	spooldir_path(path, state_directory);
	if (!durable_make_directory(path, err))
		return false;
	history_path(path, state_directory, tli);
	return durable_replace(path, text, len, err);
}

char *
spooldir_get_history(const char *state_directory, TimeLineId tli, size_t *len)
{
	char path[DURABLE_PATH_SIZE];
	bool missing;
	ErrInfo err;

	history_path(path, state_directory, tli);
	return durable_read(path, HISTORY_TEXT_MAX, len, &missing, &err);
}
