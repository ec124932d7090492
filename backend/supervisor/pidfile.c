/*
 * pidfile.c
 *		Files with our process id.  See pidfile.h.
 *
 * The lock is flock()'s, which belongs to the open file: children inherit it and
 * close their copy, which leaves the supervisor's lock alone.  So do not unlock.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/pidfile.h"
#include "util/mem.h"

/* How often the file may vanish under us before we give up. */
#define ATTEMPTS 100
/* Who only asks whether it is locked holds it for an instant, as walbouncerctl. */
#define LOCK_ATTEMPTS 10
#define LOCK_PAUSE_US 10000

/* The first line, if it is a number; 0 if not. */
static int
read_holder(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return (int) strtol(text, NULL, 10);
}

static bool
held_error(int fd, const char *path, ErrInfo *err)
{
	int holder = read_holder(fd);

	if (holder > 0)
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"\"%s\" is locked by another walbouncer (PID %d)", path, holder);
	else
		errinfo_set(err, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"\"%s\" is locked by another process", path);
	return errinfo_hint(err, "Stop the other one first, or give this one a "
							 "port and a directory of its own.");
}

/* Whether fd is still what lies at path: its last owner removes it at its end. */
static bool
is_current(int fd, const char *path)
{
	struct stat mine;
	struct stat there;

	return fstat(fd, &mine) == 0 && lstat(path, &there) == 0 &&
		   mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

static bool
lock(int fd)
{
	for (int attempt = 1; flock(fd, LOCK_EX | LOCK_NB) != 0; attempt++)
	{
		if (errno != EWOULDBLOCK || attempt == LOCK_ATTEMPTS)
			return false;
		usleep(LOCK_PAUSE_US);
	}
	return true;
}

bool
pidfile_lock(PidFile *file, const char *path, ErrInfo *err)
{
	int fd;

	file->path = NULL;
	file->fd = -1;
	for (int attempt = 0; attempt < ATTEMPTS; attempt++)
	{
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return errinfo_set(
				err, SQLSTATE_IO_ERROR, "could not open \"%s\": %m", path);
		if (!lock(fd))
		{
			if (errno == EWOULDBLOCK)
				held_error(fd, path, err);
			else
				errinfo_set(
					err, SQLSTATE_IO_ERROR, "could not lock \"%s\": %m", path);
			close(fd);
			return false;
		}
		if (is_current(fd, path))
		{
			file->fd = fd;
			file->path = mem_strdup(path);
			return true;
		}
		close(fd);
	}
	return errinfo_set(
		err, SQLSTATE_IO_ERROR, "could not lock \"%s\": it vanishes", path);
}

bool
pidfile_write(PidFile *file, const char *text, ErrInfo *err)
{
	char *content = mem_asprintf("%d\n%s", (int) getpid(), text);
	size_t len = strlen(content);
	ssize_t n;

	/* written over and then cut, so that there is never nothing in it */
	errno = ENOSPC; /* what a short write means */
	n = pwrite(file->fd, content, len, 0);
	free(content);
	if (n != (ssize_t) len || ftruncate(file->fd, (off_t) len) != 0)
		return errinfo_set(err, SQLSTATE_IO_ERROR,
			"could not write to \"%s\": %m", file->path);
	return true;
}

void
pidfile_remove(PidFile *file)
{
	if (file->path == NULL)
		return;
	unlink(file->path);
	pidfile_leave(file);
}

void
pidfile_leave(PidFile *file)
{
	if (file->path == NULL)
		return;
	close(file->fd);
	free(file->path);
	file->path = NULL;
	file->fd = -1;
}
