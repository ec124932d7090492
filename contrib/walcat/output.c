/*
 * output.c
 *		The filtered segments.  See output.h.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "util/mem.h"
#include "walcat.h"

struct Output
{
	const Segments *segments;
	char *directory;
	int directory_fd;

	size_t at;     /* the segment under way */
	size_t end;    /* behind the last one of its timeline */
	int fd;        /* its file; -1 before its first byte */
	uint32_t done; /* bytes of it */
	char *path;    /* the file's name until it is complete */
};

Output *
output_open(const char *directory, const Segments *segments, ErrInfo *err)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	Output *o;

	if (fd < 0)
	{
		errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not open directory \"%s\": %s", directory, strerror(errno));
		return NULL;
	}
	o = mem_alloc0(sizeof(Output));
	o->segments = segments;
	o->directory = mem_strdup(directory);
	o->directory_fd = fd;
	o->fd = -1;
	return o;
}

static void
forget_file(Output *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	free(o->path);
	o->path = NULL;
	o->done = 0;
}

void
output_close(Output *o)
{
	if (o == NULL)
		return;
	if (o->fd >= 0)
		unlink(o->path);
	forget_file(o);
	close(o->directory_fd);
	free(o->directory);
	free(o);
}

void
output_begin(Output *o, size_t i)
{
	o->at = i;
	o->end = i + segments_run(o->segments, i);
}

static bool
begin_file(Output *o, ErrInfo *err)
{
	char *path =
		mem_asprintf("%s/%s.tmp", o->directory, o->segments->items[o->at].name);

	o->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (o->fd < 0)
	{
		errinfo_set(err, SQLSTATE_IO_ERROR, "could not create file \"%s\": %s",
			path, strerror(errno));
		free(path);
		return false;
	}
	o->path = path;
	return true;
}

/* Durable under its own name; link() refuses one that is taken. */
static bool
complete_file(Output *o, const char *suffix, ErrInfo *err)
{
	const Segment *segment = &o->segments->items[o->at];
	char *path = mem_asprintf("%s/%s%s", o->directory, segment->name, suffix);
	bool ok = true;

	if (fsync(o->fd) != 0)
		ok = errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not fsync file \"%s\": %s", o->path, strerror(errno));
	else if (link(o->path, path) != 0)
		ok = errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not create file \"%s\": %s", path, strerror(errno));
	else if (unlink(o->path) != 0)
		ok = errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not remove file \"%s\": %s", o->path, strerror(errno));
	else if (fsync(o->directory_fd) != 0)
		ok = errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not fsync directory \"%s\": %s", o->directory,
			strerror(errno));
	free(path);
	if (!ok)
		return false;
	forget_file(o);
	o->at++;
	return true;
}

static bool
write_all(Output *o, const uint8_t *bytes, size_t n, ErrInfo *err)
{
	while (n > 0)
	{
		ssize_t written = write(o->fd, bytes, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errinfo_set(err, SQLSTATE_IO_ERROR,
				"could not write to file \"%s\": %s", o->path, strerror(errno));
		bytes += written;
		n -= (size_t) written;
		o->done += (uint32_t) written;
	}
	return true;
}

bool
output_put(Output *o, const uint8_t *bytes, size_t n, ErrInfo *err)
{
	uint32_t size = o->segments->geometry.segment_size;

	while (n > 0)
	{
		size_t part = Min(n, size - o->done);

		if (o->fd < 0 && !begin_file(o, err))
			return false;
		if (!write_all(o, bytes, part, err))
			return false;
		bytes += part;
		n -= part;
		if (o->done == size && !complete_file(o, "", err))
			return false;
	}
	return true;
}

/* A record that is not whole may go on in more than one segment. */
static void
note_unwritten(const Output *o)
{
	for (size_t i = o->at; i < o->end; i++)
		walcat_note(
			"\"%s\" is not written: the record that goes on in it is not "
			"whole",
			o->segments->items[i].name);
}

/* What is left of the segment under way are zeros. */
static bool
end_segment(Output *o, ErrInfo *err)
{
	static const uint8_t zeros[8192];
	const Segment *segment = &o->segments->items[o->at];

	while (o->done < segment->size)
	{
		if (!write_all(
				o, zeros, Min(sizeof(zeros), segment->size - o->done), err))
			return false;
	}
	walcat_note(
		"\"%s\" is written as a partial segment: its WAL is not there to "
		"the end",
		segment->name);
	return complete_file(o, segment->is_partial ? "" : ".partial", err);
}

bool
output_end(Output *o, ErrInfo *err)
{
	if (o->fd >= 0 && !end_segment(o, err))
		return false;
	note_unwritten(o);
	return true;
}
