/*
 * statedir.h
 *		A state_directory for a test, and what may happen to the files in it.
 */
#ifndef STATEDIR_H
#define STATEDIR_H

#include "base.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char state_directory[64];

static inline int
statedir_setup(void **state UNUSED)
{
	snprintf(state_directory, sizeof(state_directory), "/tmp/wb-state-XXXXXX");
	return mkdtemp(state_directory) != NULL ? 0 : -1;
}

static inline int
statedir_remove_one(const char *path, const struct stat *st UNUSED,
	int type UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static inline int
statedir_teardown(void **state UNUSED)
{
	return nftw(state_directory, statedir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path in it; good until the next call but one. */
static inline const char *
statedir_path(const char *name)
{
	static char paths[2][512];
	static int next;

	next = 1 - next;
	snprintf(paths[next], sizeof(paths[next]), "%s/%s", state_directory, name);
	return paths[next];
}

/* All of a file, terminated; *len is -1 if it is not there.  To be freed. */
static inline char *
file_content(const char *path, ssize_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *text;

	*len = -1;
	if (fd < 0 || fstat(fd, &st) != 0)
		return NULL;
	text = malloc((size_t) st.st_size + 1);
	*len = read(fd, text, (size_t) st.st_size);
	close(fd);
	text[*len > 0 ? *len : 0] = '\0';
	return text;
}

/* A file with just that; false on failure. */
static inline bool
file_write(const char *path, const void *content, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	bool ok = fd >= 0 && write(fd, content, len) == (ssize_t) len;

	if (fd >= 0)
		close(fd);
	return ok;
}

/*
 * No file may become longer than that, as if the disk were full: a write is cut
 * short there, and the next one fails.  RLIM_INFINITY: no limit.
 */
static inline void
limit_file_size(rlim_t max)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

#endif /* STATEDIR_H */
