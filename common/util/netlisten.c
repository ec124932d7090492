/*
 * netlisten.c
 *		Sockets that listen on TCP.  See netlisten.h.
 */
#include "base.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/netlisten.h"

bool
netlisten_find(const char *name, int port, const char *setting,
	struct addrinfo **found, ErrInfo *err)
{
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	char service[16];
	int rc;

	snprintf(service, sizeof(service), "%d", port);
	rc = getaddrinfo(
		strcmp(name, "*") == 0 ? NULL : name, service, &hints, found);
	if (rc != 0)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"could not find an address for \"%s\" in %s: %s", name, setting,
			rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	return true;
}

int
netlisten_open(const struct sockaddr *addr, socklen_t len, int backlog)
{
	int one = 1;
	int save_errno;
	int fd =
		socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* of its own family alone: the other one has a socket of its own */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
		(addr->sa_family != AF_INET6 ||
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) ==
				0) &&
		bind(fd, addr, len) == 0 && listen(fd, backlog) == 0)
		return fd;
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return -1;
}
