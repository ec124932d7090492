/*
 * segments.c
 *		Which segments there are.  See segments.h.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segments.h"
#include "util/buf.h"
#include "util/mem.h"
#include "walcat.h"

#define NAME_DIGITS (WAL_FILE_NAME_SIZE - 1)
#define PARTIAL ".partial"

/* A segment's name, upper case, or that of one that was not completed. */
static bool
is_segment_name(const char *name, bool *is_partial)
{
	size_t digits = strspn(name, "0123456789ABCDEF");

	*is_partial = strcmp(name + digits, PARTIAL) == 0;
	return digits == NAME_DIGITS && (*is_partial || name[digits] == '\0');
}

/* Eight of a name's digits. */
static uint32_t
name_part(const char *name, int part)
{
	char digits[9];

	memcpy(digits, name + part * 8, 8);
	digits[8] = '\0';
	return (uint32_t) strtoul(digits, NULL, 16);
}

static void
add_segment(Segments *s, const char *dir, const char *name, bool is_partial)
{
	Segment *segment;

	s->items = mem_realloc(s->items, (s->count + 1) * sizeof(Segment));
	segment = &s->items[s->count++];
	*segment = (Segment){.is_partial = is_partial, .tli = name_part(name, 0)};
	segment->path =
		dir != NULL ? mem_asprintf("%s/%s", dir, name) : mem_strdup(name);
	memcpy(segment->name, name, strlen(name) + 1);
}

static bool
add_directory(Segments *s, const char *path, ErrInfo *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t before = s->count;
	bool is_partial;

	if (dir == NULL)
		return errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not open directory \"%s\": %s", path, strerror(errno));
	while ((entry = readdir(dir)) != NULL)
	{
		if (is_segment_name(entry->d_name, &is_partial))
			add_segment(s, path, entry->d_name, is_partial);
	}
	closedir(dir);
	return s->count > before ||
		   errinfo_set(err, SQLSTATE_UNDEFINED_FILE,
			   "there are no WAL segments in directory \"%s\"", path);
}

static bool
add_path(Segments *s, const char *path, ErrInfo *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	struct stat st;
	bool is_partial;

	if (stat(path, &st) != 0)
		return errinfo_set(err, SQLSTATE_UNDEFINED_FILE,
			"could not open file \"%s\": %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return add_directory(s, path, err);
	if (!is_segment_name(name, &is_partial))
	{
		errinfo_set(err, SQLSTATE_INVALID_PARAMETER_VALUE,
			"\"%s\" is not the name of a WAL segment", path);
		return errinfo_hint(
			err, "Segments are found by their names: 24 hexadecimal digits.");
	}
	add_segment(s, NULL, name, is_partial);
	free(s->items[s->count - 1].path);
	s->items[s->count - 1].path = mem_strdup(path);
	return true;
}

/* Whether a segment without a first page has others: then that one is lost. */
static bool
check_unused(const Segments *s, const Segment *segment, ErrInfo *err)
{
	Lsn page;

	if (!segments_find_page(s, segment, segment->start, &page, err))
		return false;
	return page == InvalidLsn ||
		   errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			   "WAL segment \"%s\" has no first page, but one at " LSN_FORMAT,
			   segment->path, LSN_ARGS(page));
}

static int
compare_segments(const void *a, const void *b)
{
	/* by timeline, position, and the complete one first */
	return strcmp(((const Segment *) a)->name, ((const Segment *) b)->name);
}

static void
remove_segment(Segments *s, size_t i)
{
	free(s->items[i].path);
	memmove(
		&s->items[i], &s->items[i + 1], (s->count - i - 1) * sizeof(Segment));
	s->count--;
}

/* The first n bytes of a segment, or what there is of them; and its size. */
static bool
read_start(Segment *segment, uint8_t *dst, size_t n, size_t *got, ErrInfo *err)
{
	int fd = segments_open(segment, err);
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = segments_read(segment, fd, 0, dst, n, got, err);
	if (ok && fstat(fd, &st) != 0)
		ok = errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not stat file \"%s\": %s", segment->path, strerror(errno));
	if (ok)
		segment->size = (uint32_t) Min(st.st_size, (off_t) UINT32_MAX);
	close(fd);
	return ok;
}

/* The geometry of the cluster, from the first segment that tells. */
static bool
find_geometry(Segments *s, ErrInfo *err)
{
	char majors[64];

	for (size_t i = 0; i < s->count; i++)
	{
		uint8_t header[WAL_LONG_HEADER_SIZE];
		WalGeometry *g = &s->geometry;
		size_t got;

		if (!read_start(&s->items[i], header, sizeof(header), &got, err))
			return false;
		if (got < sizeof(header))
			continue;
		s->version = version_by_magic(load_le16(header));
		if (s->version == NULL || (load_le16(header + WAL_PAGE_INFO_OFFSET) &
									  s->version->long_header) == 0)
			continue;
		g->segment_size = load_le32(header + WAL_PAGE_SEGMENT_SIZE_OFFSET);
		g->block_size = load_le32(header + WAL_PAGE_BLOCK_SIZE_OFFSET);
		g->system_identifier = load_le64(header + WAL_PAGE_SYSID_OFFSET);
		if (page_geometry_valid(g))
			return true;
	}
	version_format_majors(majors, sizeof(majors));
	errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"\"%s\" does not begin with a WAL page", s->items[0].path);
	return errinfo_detail(
		err, "This version of walcat knows the WAL of PostgreSQL %s.", majors);
}

bool
segments_page_is_unused(
	const Segments *s, Lsn lsn, const uint8_t *page, size_t n)
{
	uint32_t mask = s->geometry.segment_size - 1;
	PageHeader header;
	ErrInfo err;
	Lsn pageaddr;

	if (n < page_header_size(&s->geometry, lsn))
		return true;
	if (load_le16(page) == 0)
	{
		for (size_t i = 0; i < n; i++)
		{
			if (page[i] != 0)
				return false;
		}
		return true;
	}
	pageaddr = load_le64(page + WAL_PAGE_ADDR_OFFSET);
	return pageaddr < lsn && (pageaddr & mask) == (lsn & mask) &&
		   page_header_decode(page, pageaddr, &s->geometry, &header, &err);
}

/* Whether it has been written, and is what its name says: by its first page. */
static bool
check_first_page(
	const Segments *s, Segment *segment, bool *is_unused, ErrInfo *err)
{
	uint8_t *page = mem_alloc(s->geometry.block_size);
	PageHeader header;
	size_t got;
	bool ok = read_start(segment, page, s->geometry.block_size, &got, err);

	if (ok)
	{
		*is_unused = segments_page_is_unused(s, segment->start, page, got);
		ok = *is_unused || page_header_decode(page, segment->start,
							   &s->geometry, &header, err);
		if (!ok)
			errinfo_detail(err, "It is in \"%s\".", segment->path);
	}
	free(page);
	return ok;
}

static bool
check_segment(Segments *s, Segment *segment, bool *is_unused, ErrInfo *err)
{
	uint32_t per_id =
		(uint32_t) (UINT64_C(0x100000000) / s->geometry.segment_size);

	segment->start = ((Lsn) name_part(segment->name, 1) * per_id +
						 name_part(segment->name, 2)) *
					 s->geometry.segment_size;
	if (name_part(segment->name, 2) >= per_id || segment->tli == 0)
		return errinfo_set(err, SQLSTATE_INVALID_PARAMETER_VALUE,
			"\"%s\" is not the name of a segment of %u bytes", segment->path,
			s->geometry.segment_size);
	if (segment->size > s->geometry.segment_size)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"WAL segment \"%s\" is larger than %u bytes", segment->path,
			s->geometry.segment_size);
	return check_first_page(s, segment, is_unused, err);
}

/* A server's directory has segments for later, and pg_receivewal's a partial one. */
static bool
drop_unused(Segments *s, ErrInfo *err)
{
	for (size_t i = s->count; i > 0; i--)
	{
		bool is_last = i == s->count || s->items[i].tli != s->items[i - 1].tli;
		bool is_unused = false;

		if (i > 1 && s->items[i - 1].is_partial &&
			strncmp(s->items[i - 1].name, s->items[i - 2].name, NAME_DIGITS) ==
				0)
		{
			remove_segment(s, i - 1);
			continue;
		}
		if (!check_segment(s, &s->items[i - 1], &is_unused, err))
			return false;
		if (is_unused && !check_unused(s, &s->items[i - 1], err))
			return false;
		if (is_unused && is_last)
			remove_segment(s, i - 1);
		else if (is_unused)
			return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
				"WAL segment \"%s\" has not been written, but one behind it "
				"has",
				s->items[i - 1].path);
		else if (!is_last && s->items[i - 1].size < s->geometry.segment_size)
			return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
				"WAL segment \"%s\" has only %u bytes", s->items[i - 1].path,
				s->items[i - 1].size);
	}
	return s->count > 0 || errinfo_set(err, SQLSTATE_UNDEFINED_FILE,
							   "there is no WAL in these segments");
}

/* Each follows the one before it, or begins a timeline that branches off there. */
static bool
check_gaps(const Segments *s, ErrInfo *err)
{
	uint32_t size = s->geometry.segment_size;

	for (size_t i = 1; i < s->count; i++)
	{
		const Segment *before = &s->items[i - 1];
		const Segment *segment = &s->items[i];
		char missing[WAL_FILE_NAME_SIZE];

		if (segment->tli == before->tli && segment->start == before->start)
			return errinfo_set(err, SQLSTATE_INVALID_PARAMETER_VALUE,
				"segment \"%s\" is given twice", segment->name);
		if (segment->start <= before->start + size &&
			(segment->tli != before->tli ||
				segment->start == before->start + size))
			continue;
		lsn_segment_name(before->start + size, before->tli, size, missing);
		errinfo_set(err, SQLSTATE_UNDEFINED_FILE,
			"WAL segment \"%s\" is missing", missing);
		return errinfo_detail(err, "\"%s\" is there.", segment->path);
	}
	return true;
}

bool
segments_find(Segments *s, char **paths, size_t count, ErrInfo *err)
{
	*s = (Segments){0};
	for (size_t i = 0; i < count; i++)
	{
		if (!add_path(s, paths[i], err))
			return false;
	}
	qsort(s->items, s->count, sizeof(Segment), compare_segments);
	return find_geometry(s, err) && drop_unused(s, err) && check_gaps(s, err);
}

void
segments_clear(Segments *s)
{
	while (s->count > 0)
		remove_segment(s, s->count - 1);
	free(s->items);
	s->items = NULL;
}

size_t
segments_run(const Segments *s, size_t i)
{
	size_t end = i;

	while (end < s->count && s->items[end].tli == s->items[i].tli)
		end++;
	return end - i;
}

int
segments_open(const Segment *segment, ErrInfo *err)
{
	int fd = open(segment->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		errinfo_set(err, SQLSTATE_IO_ERROR, "could not open file \"%s\": %s",
			segment->path, strerror(errno));
	return fd;
}

bool
segments_read(const Segment *segment, int fd, uint32_t offset, uint8_t *dst,
	size_t n, size_t *got, ErrInfo *err)
{
	*got = 0;
	while (*got < n)
	{
		ssize_t r = pread(fd, dst + *got, n - *got, (off_t) (offset + *got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return errinfo_set(err, SQLSTATE_IO_ERROR,
				"could not read file \"%s\": %s", segment->path,
				strerror(errno));
		if (r == 0)
			break;
		*got += (size_t) r;
	}
	return true;
}

bool
segments_find_page(const Segments *s, const Segment *segment, Lsn from,
	Lsn *page, ErrInfo *err)
{
	uint32_t block_size = s->geometry.block_size;
	Lsn end = segment->start + segment->size;
	Lsn lsn = lsn_floor(from + block_size - 1, block_size);
	int fd = segments_open(segment, err);
	bool ok = fd >= 0;

	*page = InvalidLsn;
	for (; ok && *page == InvalidLsn && lsn < end; lsn += block_size)
	{
		uint8_t bytes[WAL_LONG_HEADER_SIZE];
		PageHeader header;
		ErrInfo ignored;
		size_t got;

		ok = segments_read(segment, fd, (uint32_t) (lsn - segment->start),
			bytes, sizeof(bytes), &got, err);
		if (ok && got == sizeof(bytes) &&
			page_header_decode(bytes, lsn, &s->geometry, &header, &ignored))
			*page = lsn;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}
