/*
 * durable.c
 *		Files that outlive a crash.  See durable.h.
 */
#include "base.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/durable.h"
#include "util/mem.h"

/* Behind the name of the file and a process id. */
#define TMP_SUFFIX ".tmp"

bool
durable_error(const char *what, const char *path, ErrInfo *err)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	return errinfo_set(err, full ? SQLSTATE_DISK_FULL : SQLSTATE_IO_ERROR,
		"could not %s \"%s\": %m", what, path);
}

bool
durable_sync_parent(const char *path, ErrInfo *err)
{
	char dir[DURABLE_PATH_SIZE];
	const char *slash = strrchr(path, '/');
	bool ok;
	int fd;

	if (slash == NULL)
		snprintf(dir, sizeof(dir), ".");
	else
		snprintf(dir, sizeof(dir), "%.*s",
			slash == path ? 1 : (int) (slash - path), path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return durable_error("open directory", dir, err);
	ok = fsync(fd) == 0 || durable_error("fsync directory", dir, err);
	close(fd);
	return ok;
}

bool
durable_make_directory(const char *path, ErrInfo *err)
{
	struct stat st;

	if (mkdir(path, 0700) == 0)
		return durable_sync_parent(path, err);
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	return durable_error("create directory", path, err);
}

bool
durable_rename(const char *from, const char *to, ErrInfo *err)
{
	if (rename(from, to) != 0)
		return durable_error("rename", from, err);
	return durable_sync_parent(to, err);
}

static bool
write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0)
	{
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t) n;
	}
	return true;
}

bool
durable_replace(const char *path, const void *data, size_t len, ErrInfo *err)
{
	char tmp[DURABLE_PATH_SIZE + 16];
	bool ok;
	int fd;

	snprintf(tmp, sizeof(tmp), "%s.%d" TMP_SUFFIX, path, (int) getpid());
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return durable_error("create file", tmp, err);
	ok = (write_all(fd, data, len) && fsync(fd) == 0) ||
		 durable_error("write file", tmp, err);
	close(fd);
	ok = ok && durable_rename(tmp, path, err);
	if (!ok)
		unlink(tmp);
	return ok;
}

/* NAME.PID.tmp? */
static bool
is_left_over(const char *name)
{
	size_t len = strlen(name);
	size_t digits = 0;

	if (len <= strlen(TMP_SUFFIX) ||
		strcmp(name + len - strlen(TMP_SUFFIX), TMP_SUFFIX) != 0)
		return false;
	len -= strlen(TMP_SUFFIX);
	while (digits < len && isdigit((unsigned char) name[len - digits - 1]))
		digits++;
	return digits > 0 && digits + 1 < len && name[len - digits - 1] == '.';
}

void
durable_sweep(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
	{
		/* a directory stays: it is not ours */
		if (is_left_over(entry->d_name))
			(void) unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
}

char *
durable_read(
	const char *path, size_t max, size_t *len, bool *missing, ErrInfo *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	*missing = fd < 0 && errno == ENOENT;
	*len = 0;
	if (fd < 0)
	{
		durable_error("open file", path, err);
		return NULL;
	}
	if (fstat(fd, &st) != 0 || st.st_size < 0 || (uint64_t) st.st_size > max)
	{
		close(fd);
		errinfo_set(
			err, SQLSTATE_DATA_CORRUPTED, "file \"%s\" is too long", path);
		return NULL;
	}
	data = mem_alloc((size_t) st.st_size + 1);
	while (*len < (size_t) st.st_size)
	{
		ssize_t n = read(fd, data + *len, (size_t) st.st_size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
		{
			durable_error("read file", path, err);
			free(data);
			data = NULL;
			break;
		}
		if (n == 0)
			break;
		*len += (size_t) n;
	}
	close(fd);
	if (data != NULL)
		data[*len] = '\0';
	return data;
}
