/*
 * listeners.c
 *		The sockets that the monitor listens on.  See listeners.h.
 *
 * A socket that is wanted again stays open, and with it what waits in its queue.
 * New ones are opened before old ones are closed, except for an old one that is in
 * the way of a new one: of "*" and an address the kernel opens but one on a port.
 */
#include "base.h"

#include <errno.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exitcode.h"
#include "monitor/hostcheck.h"
#include "monitor/listeners.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/net.h"
#include "util/netlisten.h"

#define BACKLOG 128
#define LISTENERS_MAX 32
/* How long nothing is accepted when the kernel has no descriptor for it. */
#define PAUSE_MS 500

typedef struct Listener
{
	struct sockaddr_storage addr;
	socklen_t addr_len;
	size_t name; /* that it is an address of, while the set is put together */
	struct evhttp_bound_socket *handle; /* NULL: not open */
	bool kept;                          /* taken over from the set before */
	int open_errno;
} Listener;

typedef struct ListenerSet
{
	Listener items[LISTENERS_MAX];
	size_t count;
} ListenerSet;

/* What the configuration names. */
typedef struct Names
{
	char *items[LISTENERS_MAX];
	size_t count;
} Names;

static struct
{
	struct event_base *base;
	struct evhttp *server;
	ListenerSet open;
	char *addresses; /* that they are */
	int port;
	struct event *resume;
	LogLimit limit;
} listeners;

static void
set_accepting(bool on)
{
	for (size_t i = 0; i < listeners.open.count; i++)
	{
		struct evhttp_bound_socket *handle = listeners.open.items[i].handle;

		if (handle != NULL && on)
			evconnlistener_enable(evhttp_bound_socket_get_listener(handle));
		else if (handle != NULL)
			evconnlistener_disable(evhttp_bound_socket_get_listener(handle));
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
listeners_init(struct event_base *base, struct evhttp *server)
{
	listeners.base = base;
	listeners.server = server;
	listeners.resume = evtimer_new(base, on_resume, NULL);
	if (listeners.resume == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
}

static struct evhttp_bound_socket *
serve_socket(int fd)
{
	struct evhttp_bound_socket *handle = NULL;
	struct evconnlistener *listener = evconnlistener_new(listeners.base, NULL,
		NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);

	if (listener != NULL)
		handle = evhttp_bind_listener(listeners.server, listener);
	if (handle == NULL)
		log_fatal(EXITCODE_STARTUP, "out of memory");
	evconnlistener_set_error_cb(listener, on_accept_error);
	return handle;
}

/* A listening socket at one address, or NULL with errno. */
static struct evhttp_bound_socket *
open_socket(const struct sockaddr *addr, socklen_t len)
{
	int fd = netlisten_open(addr, len, BACKLOG);

	return fd >= 0 ? serve_socket(fd) : NULL;
}

/* ---- what is wanted ---- */

static const struct sockaddr *
addr_of(const Listener *item)
{
	return (const struct sockaddr *) &item->addr;
}

static Listener *
set_find(ListenerSet *set, const Listener *like)
{
	for (size_t i = 0; i < set->count; i++)
	{
		Listener *item = &set->items[i];

		if (item->addr_len == like->addr_len &&
			memcmp(&item->addr, &like->addr, item->addr_len) == 0)
			return item;
	}
	return NULL;
}

/* The addresses of a name, those that are new to the set. */
static bool
add_name(
	ListenerSet *set, const char *name, size_t number, int port, ErrInfo *err)
{
	struct addrinfo *found;

	if (!netlisten_find(name, port, "monitor_listen_addresses", &found, err))
		return false;
	for (struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next)
	{
		Listener item = {.addr_len = ai->ai_addrlen, .name = number};

		memcpy(&item.addr, ai->ai_addr, ai->ai_addrlen);
		if (set->count < LISTENERS_MAX && set_find(set, &item) == NULL)
			set->items[set->count++] = item;
	}
	freeaddrinfo(found);
	return true;
}

static bool
add_all_names(ListenerSet *set, Names *names, const char *addresses, int port,
	ErrInfo *err)
{
	char *name;

	while ((name = net_next_name(&addresses)) != NULL)
	{
		if (names->count == LISTENERS_MAX)
		{
			free(name);
			return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
				"monitor_listen_addresses has more than %d names",
				LISTENERS_MAX);
		}
		names->items[names->count++] = name;
		if (!add_name(set, name, names->count - 1, port, err))
			return false;
	}
	if (names->count == 0)
		return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
			"monitor_listen_addresses is empty");
	return true;
}

static bool
is_wildcard(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(
			&((const struct sockaddr_in6 *) addr)->sin6_addr);
	return ((const struct sockaddr_in *) addr)->sin_addr.s_addr == INADDR_ANY;
}

static in_port_t
port_of(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET6
			   ? ((const struct sockaddr_in6 *) addr)->sin6_port
			   : ((const struct sockaddr_in *) addr)->sin_port;
}

/* Whether only one of the two can be open. */
static bool
exclude_each_other(const Listener *a, const Listener *b)
{
	return addr_of(a)->sa_family == addr_of(b)->sa_family &&
		   port_of(addr_of(a)) == port_of(addr_of(b)) &&
		   is_wildcard(addr_of(a)) != is_wildcard(addr_of(b));
}

/* ---- from what is open to what is wanted ---- */

/* Close what is open, not wanted, and in the way of an item; whether there was. */
static bool
make_way(ListenerSet *wanted, const Listener *item)
{
	bool any = false;

	for (size_t i = 0; i < listeners.open.count; i++)
	{
		Listener *old = &listeners.open.items[i];

		if (old->handle == NULL || !exclude_each_other(old, item) ||
			set_find(wanted, old) != NULL)
			continue;
		evhttp_del_accept_socket(listeners.server, old->handle);
		old->handle = NULL;
		any = true;
	}
	return any;
}

static void
open_item(ListenerSet *wanted, Listener *item)
{
	const Listener *old = set_find(&listeners.open, item);

	item->kept = old != NULL && old->handle != NULL;
	if (item->kept)
	{
		item->handle = old->handle;
		return;
	}
	item->handle = open_socket(addr_of(item), item->addr_len);
	if (item->handle == NULL && errno == EADDRINUSE && make_way(wanted, item))
		item->handle = open_socket(addr_of(item), item->addr_len);
	item->open_errno = item->handle == NULL ? errno : 0;
}

/* One address of each name has to be open. */
static bool
check_names(const ListenerSet *wanted, const Names *names, ErrInfo *err)
{
	for (size_t n = 0; n < names->count; n++)
	{
		bool any = false;
		bool open = false;
		int last_errno = 0;

		for (size_t i = 0; i < wanted->count; i++)
		{
			const Listener *item = &wanted->items[i];

			if (item->name != n)
				continue;
			any = true;
			open = open || item->handle != NULL;
			last_errno = item->handle == NULL ? item->open_errno : last_errno;
		}
		/* one that has no address of its own is a name for another's */
		if (any && !open)
			return errinfo_set(err, SQLSTATE_CONFIG_FILE_ERROR,
				"could not listen on \"%s\", port %d: %s", names->items[n],
				ntohs(port_of(addr_of(&wanted->items[0]))),
				strerror(last_errno));
	}
	return true;
}

/* An address that "*" has anyway. */
static void
drop_covered(ListenerSet *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++)
	{
		bool covered = false;

		for (size_t j = 0; j < set->count; j++)
			covered = covered ||
					  (is_wildcard(addr_of(&set->items[j])) &&
						  exclude_each_other(&set->items[i], &set->items[j]));
		if (!covered)
			set->items[kept++] = set->items[i];
	}
	set->count = kept;
}

/* What has been opened for a set that is not to be, and closed for it. */
static void
take_back(ListenerSet *wanted)
{
	for (size_t i = 0; i < wanted->count; i++)
	{
		if (wanted->items[i].handle != NULL && !wanted->items[i].kept)
			evhttp_del_accept_socket(listeners.server, wanted->items[i].handle);
	}
	for (size_t i = 0; i < listeners.open.count; i++)
	{
		Listener *old = &listeners.open.items[i];

		if (old->handle == NULL)
			old->handle = open_socket(addr_of(old), old->addr_len);
	}
}

/* From now on the set is what is open. */
static void
change_to(ListenerSet *wanted)
{
	for (size_t i = 0; i < listeners.open.count; i++)
	{
		Listener *old = &listeners.open.items[i];

		if (old->handle != NULL && set_find(wanted, old) == NULL)
			evhttp_del_accept_socket(listeners.server, old->handle);
	}
	listeners.open = *wanted;
	for (size_t i = 0; i < wanted->count; i++)
	{
		const Listener *item = &wanted->items[i];
		char text[NET_TEXT_SIZE];

		net_format(addr_of(item), text);
		if (item->handle == NULL)
			log_msg(LOG_LOG, "could not listen on %s: %s", text,
				strerror(item->open_errno));
		else if (!item->kept)
			log_msg(LOG_LOG, "listening on %s", text);
	}
}

bool
listeners_set(const char *addresses, int port, ErrInfo *err)
{
	ListenerSet wanted = {.count = 0};
	Names names = {.count = 0};
	bool ok = add_all_names(&wanted, &names, addresses, port, err);

	if (ok)
	{
		drop_covered(&wanted);
		for (size_t i = 0; i < wanted.count; i++)
			open_item(&wanted, &wanted.items[i]);
		ok = check_names(&wanted, &names, err);
		if (ok)
		{
			change_to(&wanted);
			free(listeners.addresses);
			listeners.addresses = mem_strdup(addresses);
			listeners.port = port;
		}
		else
			take_back(&wanted);
	}
	for (size_t i = 0; i < names.count; i++)
		free(names.items[i]);
	return ok;
}

bool
listeners_are_meant(const char *host)
{
	for (size_t i = 0; i < listeners.open.count; i++)
	{
		if (!net_is_local(addr_of(&listeners.open.items[i])))
			return true;
	}
	return hostcheck_may_be_us(host, listeners.port, listeners.addresses);
}
