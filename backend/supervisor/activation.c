/*
 * activation.c
 *		Sockets from the service manager.  See activation.h.
 */
#include "base.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/activation.h"

int
activation_take(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	int count = 0;

	/* set for another process, it has come here by inheritance */
	if (pid != NULL && fds != NULL && atoll(pid) == getpid())
		count = Max(atoi(fds), 0);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return count;
}

/* -1 if it has no such option, as what is no socket. */
static int
get_option(int fd, int option)
{
	int value;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

int
activation_socket(int i, ErrInfo *err)
{
	int fd = ACTIVATION_FIRST_FD + i;
	int family = get_option(fd, SO_DOMAIN);
	int flags;

	if (get_option(fd, SO_TYPE) != SOCK_STREAM ||
		get_option(fd, SO_ACCEPTCONN) != 1 ||
		(family != AF_INET && family != AF_INET6 && family != AF_UNIX))
	{
		errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"descriptor %d, passed by the service manager, is no socket to "
			"listen on",
			fd);
		errinfo_hint(err, "Have the socket unit say ListenStream, with an "
						  "address, a port or a path, and Accept=no.");
		return -1;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
	{
		errinfo_set(
			err, SQLSTATE_IO_ERROR, "could not set up descriptor %d: %m", fd);
		return -1;
	}
	return fd;
}
