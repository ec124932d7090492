/*
 * listeners.c
 *		The sockets that the monitor listens on.  See listeners.h.
 *
 * A socket that is wanted again stays open, and with it what waits in its queue.
 * New ones are opened before old ones are closed, unless it is the old ones that
 * are in their way: "*" and one address of the same port.
 */
#include "base.h"

#include <errno.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exitcode.h"
#include "monitor/listeners.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/net.h"

#define BACKLOG 128
#define LISTENERS_MAX 32
/* How long nothing is accepted when the kernel has no descriptor for it. */
#define PAUSE_MS 500

typedef struct Listener
{
	struct sockaddr_storage addr;
	socklen_t addr_len;
	struct evconnlistener *handle;
	bool kept; /* taken over from the set before */
} Listener;

typedef struct ListenerSet
{
	Listener items[LISTENERS_MAX];
	size_t count;
} ListenerSet;

static struct
{
	struct event_base *base;
	void (*on_connect)(int fd, const struct sockaddr *peer);
	ListenerSet open;
	struct event *resume;
	LogLimit limit;
} listeners;

static void
on_accept(struct evconnlistener *handle UNUSED, evutil_socket_t fd,
	struct sockaddr *peer, int len UNUSED, void *arg UNUSED)
{
	listeners.on_connect(fd, peer);
}

static void
set_accepting(bool on)
{
	for (size_t i = 0; i < listeners.open.count; i++)
	{
		if (on)
			evconnlistener_enable(listeners.open.items[i].handle);
		else
			evconnlistener_disable(listeners.open.items[i].handle);
	}
}

/* Out of descriptors or memory: the same again at once would fail again. */
static void
on_accept_error(struct evconnlistener *handle UNUSED, void *arg UNUSED)
{
	struct timeval tv = {.tv_usec = PAUSE_MS * 1000};
	uint64_t suppressed;

	if (log_limit(&listeners.limit, &suppressed))
		log_msg(LOG_WARNING, "could not accept a connection: %m");
	set_accepting(false);
	evtimer_add(listeners.resume, &tv);
}

static void
on_resume(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	set_accepting(true);
}

void
listeners_init(struct event_base *base,
	void (*on_connect)(int fd, const struct sockaddr *peer))
{
	listeners.base = base;
	listeners.on_connect = on_connect;
	listeners.resume = evtimer_new(base, on_resume, NULL);
	if (listeners.resume == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
}

/* A listening socket at one address, or NULL with errno. */
static struct evconnlistener *
open_socket(const struct sockaddr *addr, socklen_t len)
{
	int one = 1;
	int save_errno;
	int fd =
		socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct evconnlistener *handle;

	if (fd < 0)
		return NULL;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
		(addr->sa_family != AF_INET6 ||
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) ==
				0) &&
		bind(fd, addr, len) == 0 && listen(fd, BACKLOG) == 0)
	{
		handle = evconnlistener_new(listeners.base, on_accept, NULL,
			LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
		if (handle == NULL)
			log_fatal(EXITCODE_STARTUP, "out of memory");
		evconnlistener_set_error_cb(handle, on_accept_error);
		return handle;
	}
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return NULL;
}

static int
port_of(const struct sockaddr *addr)
{
	return ntohs(addr->sa_family == AF_INET6
					 ? ((const struct sockaddr_in6 *) addr)->sin6_port
					 : ((const struct sockaddr_in *) addr)->sin_port);
}

static Listener *
set_find(ListenerSet *set, const struct sockaddr *addr, socklen_t len)
{
	for (size_t i = 0; i < set->count; i++)
	{
		if (set->items[i].addr_len == len &&
			memcmp(&set->items[i].addr, addr, len) == 0)
			return &set->items[i];
	}
	return NULL;
}

/* Listen on one address more; one that is open already is taken over. */
static bool
set_add(ListenerSet *set, const struct sockaddr *addr, socklen_t len)
{
	Listener *old = set_find(&listeners.open, addr, len);
	Listener added = {.addr_len = len, .kept = old != NULL};

	if (set_find(set, addr, len) != NULL)
		return true;
	if (set->count == LISTENERS_MAX)
	{
		errno = EMFILE;
		return false;
	}
	added.handle = old != NULL ? old->handle : open_socket(addr, len);
	if (added.handle == NULL)
		return false;
	memcpy(&added.addr, addr, len);
	set->items[set->count++] = added;
	return true;
}

/* All addresses of a name; one of them has to work. */
static bool
set_add_name(ListenerSet *set, const char *name, int port, ErrInfo *err)
{
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found;
	char service[16];
	bool any = false;
	int last_errno = 0;
	int rc;

	snprintf(service, sizeof(service), "%d", port);
	rc = getaddrinfo(
		strcmp(name, "*") == 0 ? NULL : name, service, &hints, &found);
	if (rc != 0)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"could not find an address for \"%s\" in "
			"monitor_listen_addresses: %s",
			name, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	for (struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next)
	{
		if (set_add(set, ai->ai_addr, ai->ai_addrlen))
			any = true;
		else if (last_errno != EADDRINUSE)
			last_errno = errno;
	}
	freeaddrinfo(found);
	if (!any)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"could not listen on \"%s\", port %d: %s", name, port,
			strerror(last_errno));
	return true;
}

/* Close what is not in the other set. */
static void
set_close(ListenerSet *set, ListenerSet *other)
{
	for (size_t i = 0; i < set->count; i++)
	{
		Listener *item = &set->items[i];

		if (set_find(other, (struct sockaddr *) &item->addr, item->addr_len) ==
			NULL)
			evconnlistener_free(item->handle);
	}
}

/* Open all that is wanted, close what is not; or leave everything as it is. */
static bool
replace_all(const char *addresses, int port, ErrInfo *err)
{
	ListenerSet wanted = {.count = 0};
	char *name;
	bool ok = true;

	while (ok && (name = net_next_name(&addresses)) != NULL)
	{
		ok = set_add_name(&wanted, name, port, err);
		free(name);
	}
	if (ok && wanted.count == 0)
		ok = errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"monitor_listen_addresses is empty");
	if (!ok)
	{
		set_close(&wanted, &listeners.open);
		return false;
	}
	set_close(&listeners.open, &wanted);
	listeners.open = wanted;
	return true;
}

static void
log_new(ListenerSet *set)
{
	for (size_t i = 0; i < set->count; i++)
	{
		char text[NET_TEXT_SIZE];

		net_format((struct sockaddr *) &set->items[i].addr, text);
		if (!set->items[i].kept)
			log_msg(LOG_LOG, "listening on %s", text);
	}
}

bool
listeners_set(const char *addresses, int port, ErrInfo *err)
{
	ListenerSet nothing = {.count = 0};
	ListenerSet before = listeners.open;
	bool ok = replace_all(addresses, port, err);

	if (!ok && before.count > 0 &&
		port_of((struct sockaddr *) &before.items[0].addr) == port)
	{
		set_close(&listeners.open, &nothing);
		listeners.open.count = 0;
		ok = replace_all(addresses, port, err);
		for (size_t i = 0; !ok && i < before.count; i++)
			(void) set_add(&listeners.open,
				(struct sockaddr *) &before.items[i].addr,
				before.items[i].addr_len);
	}
	if (ok)
		log_new(&listeners.open);
	return ok;
}
