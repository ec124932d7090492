/*
 * linefile.c
 *		Append-only text files with a checksum in each line.  See linefile.h.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/durable.h"
#include "util/mem.h"
#include "util/monotime.h"
#include "wal/crc32c.h"
#include "state/linefile.h"

#define FORMAT_VERSION 1
#define LOCK_WAIT_MS 5000
#define LOCK_PAUSE_MAX_MS 8
#define PENDING_MAX ((size_t) 64 * 1024 * 1024)
#define CRC_TEXT_LEN (LINEFILE_FRONT_LEN - 1)
#define FIRST_LINE_MAX 128

static bool
io_error(const LineFile *f, const char *what, ErrInfo *err)
{
	return errinfo_set(
		err, SQLSTATE_IO_ERROR, "could not %s \"%s\": %m", what, f->path);
}

bool
linefile_damaged(const LineFile *f, int64_t at, ErrInfo *err)
{
	errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
		"%s \"%s\" is damaged at byte %" PRId64, f->format->label, f->path, at);
	return errinfo_hint(err, "%s", f->format->damaged_hint);
}

/* ---- opening ---- */

/* Make the directories from the state_directory, which exists, down to the file. */
static bool
make_directories(LineFile *f, ErrInfo *err)
{
	char *slash = f->path + f->state_directory_len;

	while ((slash = strchr(slash + 1, '/')) != NULL)
	{
		bool ok;

		*slash = '\0';
		ok = mkdir(f->path, 0700) == 0 || errno == EEXIST ||
			 io_error(f, "create directory", err);
		*slash = '/';
		if (!ok)
			return false;
	}
	return true;
}

/* A name in a directory is durable once that directory is. */
static bool
sync_directories(LineFile *f, ErrInfo *err)
{
	char *slash = f->path + f->state_directory_len;

	for (; slash != NULL; slash = strchr(slash + 1, '/'))
	{
		bool ok;
		int fd;

		*slash = '\0';
		fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ok = (fd >= 0 && fsync(fd) == 0) || io_error(f, "fsync", err);
		if (fd >= 0)
			close(fd);
		*slash = '/';
		if (!ok)
			return false;
	}
	return true;
}

static bool
open_file(LineFile *f, ErrInfo *err)
{
	static const int flags[] = {
		[LINEFILE_READ] = O_RDONLY,
		[LINEFILE_PEEK] = O_RDONLY,
		[LINEFILE_WRITE] = O_RDWR | O_APPEND,
		[LINEFILE_CREATE] = O_RDWR | O_APPEND | O_CREAT,
	};

	f->fd = open(f->path, flags[f->mode] | O_CLOEXEC, 0600);
	if (f->fd >= 0)
		return true;
	f->missing = errno == ENOENT;
	return io_error(f, "open", err);
}

bool
linefile_open(LineFile *f, const LineFormat *format,
	const char *state_directory, const char *folder, const char *name,
	uint64_t system_identifier, LineFileMode mode, ErrInfo *err)
{
	*f = (LineFile){.format = format,
		.mode = mode,
		.fd = -1,
		.system_identifier = system_identifier,
		.state_directory_len = strlen(state_directory)};
	buf_init(&f->pending, PENDING_MAX);
	f->missing = state_directory[0] == '\0';
	if (f->missing)
		return errinfo_set(
			err, SQLSTATE_CONFIG_FILE_ERROR, "state_directory is not set");
	if (f->state_directory_len > LINEFILE_DIRECTORY_MAX)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"state_directory is longer than %d bytes", LINEFILE_DIRECTORY_MAX);
	snprintf(f->path, sizeof(f->path), "%s/%s%s%s", state_directory, folder,
		folder[0] != '\0' ? "/" : "", name);
	if (mode == LINEFILE_CREATE && !make_directories(f, err))
		return false;
	return open_file(f, err);
}

bool
linefile_open_path(
	LineFile *f, const LineFormat *format, const char *path, ErrInfo *err)
{
	*f = (LineFile){.format = format, .mode = LINEFILE_READ, .fd = -1};
	buf_init(&f->pending, PENDING_MAX);
	if (strlen(path) >= sizeof(f->path))
		return errinfo_set(err, SQLSTATE_UNDEFINED_FILE,
			"the path of a %s is too long", format->label);
	snprintf(f->path, sizeof(f->path), "%s", path);
	return open_file(f, err);
}

void
linefile_close(LineFile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->locked = false;
	buf_clear(&f->pending);
}

/* ---- lines ---- */

static void
format_crc(char crc[CRC_TEXT_LEN + 1], const void *text, size_t len)
{
	snprintf(crc, CRC_TEXT_LEN + 1, "%08" PRIx32,
		crc32c_final(crc32c_update(CRC32C_INIT, text, len)));
}

bool
linefile_line_is_good(const uint8_t *line, size_t len)
{
	char crc[CRC_TEXT_LEN + 1];

	if (len <= CRC_TEXT_LEN || line[CRC_TEXT_LEN] != ' ')
		return false;
	format_crc(crc, line + CRC_TEXT_LEN + 1, len - CRC_TEXT_LEN - 1);
	return memcmp(crc, line, CRC_TEXT_LEN) == 0;
}

void
linefile_add(LineFile *f, const char *fmt, ...)
{
	char text[LINEFILE_TEXT_MAX + 1];
	char crc[CRC_TEXT_LEN + 1];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* a line that is not whole must not look so */
	if (len < 0 || len > LINEFILE_TEXT_MAX)
	{
		f->pending.failed = true;
		return;
	}
	format_crc(crc, text, (size_t) len);
	buf_put_bytes(&f->pending, crc, CRC_TEXT_LEN);
	buf_put_u8(&f->pending, ' ');
	buf_put_bytes(&f->pending, text, (size_t) len);
	buf_put_u8(&f->pending, '\n');
}

bool
linefile_read(const LineFile *f, uint8_t *buffer, size_t len, int64_t offset,
	ErrInfo *err)
{
	while (len > 0)
	{
		ssize_t n = pread(f->fd, buffer, len, (off_t) offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return io_error(f, "read", err);
		if (n == 0)
			return errinfo_set(err, SQLSTATE_IO_ERROR,
				"%s \"%s\" has become shorter", f->format->label, f->path);
		buffer += n;
		len -= (size_t) n;
		offset += n;
	}
	return true;
}

/* ---- the end of the file ---- */

/*
 * Where the last whole line of size bytes ends.  A tail without a newline is a
 * write that was cut short, but one that is a good line and one byte more is not:
 * that byte was the newline of something that was acknowledged.
 */
static bool
find_end(LineFile *f, int64_t size, ErrInfo *err)
{
	size_t len = (size_t) Min(size, LINEFILE_LINE_MAX);
	uint8_t *tail = mem_alloc(len + 1);
	size_t whole = len;
	bool ok = linefile_read(f, tail, len, size - (int64_t) len, err);

	while (ok && whole > 0 && tail[whole - 1] != '\n')
		whole--;
	if (ok && whole < len)
	{
		size_t torn = len - whole;

		if ((whole == 0 && (int64_t) len < size) ||
			linefile_line_is_good(tail + whole, torn - 1))
			ok = linefile_damaged(f, size - (int64_t) torn, err);
	}
	f->end = size - (int64_t) (len - whole);
	free(tail);
	return ok;
}

static bool
truncate_at(LineFile *f, int64_t size, ErrInfo *err)
{
	while (ftruncate(f->fd, (off_t) size) != 0)
	{
		if (errno != EINTR)
			return io_error(f, "truncate", err);
	}
	return true;
}

static bool
may_write(const LineFile *f)
{
	return f->mode == LINEFILE_WRITE || f->mode == LINEFILE_CREATE;
}

/* What the lock is taken for: end, and that nothing stands behind it. */
static bool
look_at_end(LineFile *f, ErrInfo *err)
{
	struct stat st;
	uint8_t last;

	if (fstat(f->fd, &st) != 0)
		return io_error(f, "stat", err);
	/* what is written now would be gone with us */
	f->missing = st.st_nlink == 0 && may_write(f);
	if (f->missing)
		return errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
			"%s \"%s\" has been removed", f->format->label, f->path);
	f->end = st.st_size;
	if (f->end == 0)
		return true;
	if (!linefile_read(f, &last, 1, f->end - 1, err))
		return false;
	if (last == '\n')
		return true;
	if (!find_end(f, st.st_size, err))
		return false;
	return !may_write(f) || truncate_at(f, f->end, err);
}

/* ---- the first line ---- */

static bool
check_first_line(LineFile *f, const char *text, ErrInfo *err)
{
	size_t len = strlen(f->format->magic);
	uint64_t number;
	int version;

	if (strncmp(text, f->format->magic, len) != 0 ||
		sscanf(text + len, " %d %" SCNu64, &version, &number) != 2 ||
		version != FORMAT_VERSION)
		return errinfo_set(err, SQLSTATE_DATA_CORRUPTED,
			"\"%s\" is not a %s of format %d", f->path, f->format->label,
			FORMAT_VERSION);
	if (f->system_identifier == 0)
		f->system_identifier = number;
	if (number == f->system_identifier)
		return true;
	errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"%s \"%s\" is of another database system", f->format->label, f->path);
	return errinfo_hint(err, "%s", f->format->foreign_hint);
}

static bool
read_first_line(LineFile *f, ErrInfo *err)
{
	uint8_t line[FIRST_LINE_MAX];
	size_t len = (size_t) Min(f->end, (int64_t) sizeof(line));
	uint8_t *newline;

	if (!linefile_read(f, line, len, 0, err))
		return false;
	newline = memchr(line, '\n', len);
	if (newline == NULL ||
		!linefile_line_is_good(line, (size_t) (newline - line)))
		return linefile_damaged(f, 0, err);
	*newline = '\0';
	f->first_len = newline + 1 - line;
	return check_first_line(f, (const char *) line + CRC_TEXT_LEN + 1, err);
}

/* The file is empty: see to its name first, then to its first line. */
static bool
begin_file(LineFile *f, ErrInfo *err)
{
	if (f->mode != LINEFILE_CREATE)
		return true;
	if (!sync_directories(f, err))
		return false;
	linefile_begin_anew(f);
	f->first_len = (int64_t) f->pending.len;
	return true;
}

/* By whom it is, if that has not been looked at yet. */
static bool
look_at_front(LineFile *f, ErrInfo *err)
{
	if (f->end == 0)
		return begin_file(f, err);
	return f->first_len > 0 || read_first_line(f, err);
}

/* ---- locking ---- */

/*
 * The lock is held for moments only.  Whoever holds it longer has been stopped, and
 * must not stop us: the standby is told, and comes again.
 */
static bool
take_lock(LineFile *f, ErrInfo *err)
{
	int operation = (f->mode == LINEFILE_READ ? LOCK_SH : LOCK_EX) | LOCK_NB;
	int64_t deadline = monotime_ms() + LOCK_WAIT_MS;
	int pause_ms = 1;

	if (f->mode == LINEFILE_PEEK)
		return true;
	while (flock(f->fd, operation) != 0)
	{
		if (errno != EWOULDBLOCK && errno != EINTR)
			return io_error(f, "lock", err);
		if (monotime_ms() >= deadline)
			return errinfo_set(err, SQLSTATE_CANNOT_CONNECT_NOW,
				"%s \"%s\" is locked by another process", f->format->label,
				f->path);
		poll(NULL, 0, pause_ms);
		pause_ms = Min(pause_ms * 2, LOCK_PAUSE_MAX_MS);
	}
	f->locked = true;
	return true;
}

bool
linefile_lock(LineFile *f, ErrInfo *err)
{
	buf_reset(&f->pending);
	if (!take_lock(f, err))
		return false;
	if (look_at_end(f, err) && look_at_front(f, err))
		return true;
	linefile_unlock(f);
	return false;
}

void
linefile_unlock(LineFile *f)
{
	if (f->locked)
		flock(f->fd, LOCK_UN);
	f->locked = false;
}

/* ---- writing ---- */

/* Take back what an append has left; err says already why. */
static bool
cut_back(LineFile *f)
{
	ErrInfo ignored;

	/* if this fails, too, the half line is the next writer's to cut off */
	return truncate_at(f, f->end, &ignored) && false;
}

static bool
check_pending(const LineFile *f, ErrInfo *err)
{
	return !f->pending.failed || errinfo_set(err, SQLSTATE_INTERNAL_ERROR,
									 "too much to write to \"%s\"", f->path);
}

bool
linefile_append(LineFile *f, ErrInfo *err)
{
	const uint8_t *data = f->pending.data;
	size_t left = f->pending.len;

	if (!check_pending(f, err))
		return false;
	while (left > 0)
	{
		ssize_t n = write(f->fd, data, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			io_error(f, "write to", err);
			return cut_back(f);
		}
		data += n;
		left -= (size_t) n;
	}
	return true;
}

void
linefile_begin_anew(LineFile *f)
{
	buf_reset(&f->pending);
	linefile_add(f, "%s %d %" PRIu64, f->format->magic, FORMAT_VERSION,
		f->system_identifier);
}

bool
linefile_replace(LineFile *f, ErrInfo *err)
{
	return check_pending(f, err) &&
		   durable_replace(f->path, f->pending.data, f->pending.len, err);
}

bool
linefile_sync(LineFile *f, ErrInfo *err)
{
	if (fdatasync(f->fd) == 0)
	{
		f->end += (int64_t) f->pending.len;
		buf_reset(&f->pending);
		return true;
	}
	/* it may be in memory only, where the next reader would believe it */
	io_error(f, "fsync", err);
	return f->locked ? cut_back(f) : false;
}

/* ---- what stands in lines ---- */

/* Not isalnum(): the same on every machine. */
static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

void
linefile_encode_name(const char *name, char *out, size_t size)
{
	size_t len = 0;

	for (; *name != '\0' && len + 4 <= size; name++)
	{
		if (is_plain(*name))
			out[len++] = *name;
		else
			len += (size_t) snprintf(
				out + len, size - len, "%%%02X", (unsigned char) *name);
	}
	out[len] = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
linefile_decode_name(const char *text, char *out, size_t size)
{
	size_t len = 0;

	for (; *text != '\0'; text++)
	{
		char c = *text;

		if (len + 1 >= size)
			return false;
		if (c == '%')
		{
			int high = hex_digit(text[1]);
			int low = high < 0 ? -1 : hex_digit(text[2]);

			if (low < 0)
				return false;
			c = (char) (high << 4 | low);
			text += 2;
			if (is_plain(c) || c == '\0')
				return false;
		}
		else if (!is_plain(c))
			return false;
		out[len++] = c;
	}
	out[len] = '\0';
	return true;
}
