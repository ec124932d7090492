/*
 * delays.c
 *		A slow and busy machine, for walbouncer alone: its processes pause at random
 *		where others could come in between.  What holds on a quick machine only shows
 *		then, in walbouncer as in its tests:
 *
 *			cc -shared -fPIC -O1 -o delays.so contrib/delays/delays.c
 *			LD_PRELOAD=$PWD/delays.so make check PROVE_TESTS=regress/t/5*.pl
 *
 * Not with a sanitizer, which wants to be loaded first.  752 measures how soon an
 * answer comes, and may fail by right.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 60
#define EXIT_MS 250 /* who is gone for its client is not gone yet */

/* Of a thousand calls, how many are slow. */
#define RARELY 15
#define OFTEN 300
#define ALWAYS 1000

/* The function that ours stands for. */
#define NEXT(name)                                                             \
	static __typeof__(name) *next;                                             \
	if (next == NULL)                                                          \
	next = (__typeof__(name) *) dlsym(RTLD_NEXT, #name)

/* Tests, servers and their clients are as quick as ever. */
static int
is_ours(void)
{
	static int ours = -1;
	char path[256] = "";

	if (ours < 0)
		ours = readlink("/proc/self/exe", path, sizeof(path) - 1) > 0 &&
			   strstr(path, "/walbouncer") != NULL;
	return ours;
}

static unsigned
dice(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((unsigned) now.tv_nsec / 7) ^ ((unsigned) getpid() * 2654435761u);
}

static void
pause_at(unsigned per_thousand, unsigned ms)
{
	int saved_errno = errno;
	struct timespec left = {.tv_nsec = (long) (dice() % ms) * 1000000};

	if (is_ours() && dice() / 1000 % 1000 < per_thousand)
	{
		while (nanosleep(&left, &left) < 0 && errno == EINTR)
			;
	}
	errno = saved_errno;
}

__attribute__((destructor)) static void
at_exit(void)
{
	pause_at(ALWAYS, EXIT_MS);
}

void
_exit(int status)
{
	NEXT(_exit);
	pause_at(ALWAYS, EXIT_MS);
	next(status);
	__builtin_unreachable();
}

pid_t
fork(void)
{
	pid_t pid;

	NEXT(fork);
	pid = next();
	pause_at(OFTEN, PAUSE_MS); /* parent and child */
	return pid;
}

int
accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	int client;

	NEXT(accept4);
	client = next(fd, address, len, flags);
	pause_at(OFTEN, PAUSE_MS);
	return client;
}

int
rename(const char *from, const char *to)
{
	int result;

	NEXT(rename);
	pause_at(OFTEN, PAUSE_MS);
	result = next(from, to);
	pause_at(OFTEN, PAUSE_MS);
	return result;
}

int
fsync(int fd)
{
	NEXT(fsync);
	pause_at(OFTEN, PAUSE_MS);
	return next(fd);
}

int
poll(struct pollfd *fds, nfds_t count, int timeout)
{
	int ready;

	NEXT(poll);
	ready = next(fds, count, timeout);
	pause_at(RARELY, PAUSE_MS);
	return ready;
}

int
ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	const sigset_t *mask)
{
	int ready;

	NEXT(ppoll);
	ready = next(fds, count, timeout, mask);
	pause_at(RARELY, PAUSE_MS);
	return ready;
}

int
epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
	int ready;

	NEXT(epoll_wait);
	ready = next(epoll, events, max, timeout);
	pause_at(RARELY, PAUSE_MS);
	return ready;
}
